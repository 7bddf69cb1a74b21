"""What GitLab would make of a sanitized body: its quick action extractors and renderer, written down anew."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.sanitize import CUT, LIMIT, sanitize, visible

HOSTS = frozenset({"gitlab.example", "127.0.0.1:8929"})
OWN_TAGS = {"<details>", "</details>", "<summary>", "</summary>", "<br>", "<sub>", "</sub>"}
COMMANDS = (
    "approve|unapprove|merge|close|reopen|rebase|assign|unassign|reassign|label|relabel|unlabel|milestone"
    "|target_branch|title|draft|ready|lock|unlock|move|clone|duplicate|promote_to|create_merge_request|shrug"
    "|invite_email|request_review|submit_review|copy_metadata|award|todo|done|subscribe|spend|estimate|due"
)
COMMAND = rf"^/(?P<command>{COMMANDS})(?: [^\n]*)?(?:\s*\n|$)"
OLD_EXTRACTOR = re.compile(
    r"^```.+?\n```$|^.*`\n*.+?\n*`$|^<[^>]+?>\n.+?\n</[^>]+?>$|^>>>.+?\n>>>$|" + COMMAND, re.I | re.M | re.S
)
NEW_EXTRACTOR = re.compile(r"`.+?`|^<[^>]+?>\n.+?\n</[^>]+?>$|" + COMMAND, re.I | re.M | re.S)
LIVE = re.compile(
    r"""(?<!\w)@[\w.-]*\w | [#!&]\d | %[\w"] | ~[\w"] | \$\d | \$[^\s$][^$]*\$ | \b[A-Z][A-Z0-9_]+-\d | :[a-z0-9_+-]+:
      | \[\[[^\]]*\]\] | \[[a-z_]+:[^\]\s]+\] | \[TOC\] | \*iteration: | [A-Za-z][A-Za-z0-9+.-]*://\w | www\.\w
      | (?<![/\w])[0-9a-f]{7,40}(?!\w) | [\w.-]+/[\w./-]+>""",
    re.VERBOSE,
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def as_is(text: str) -> str:
    return text


def clean(body: str) -> str:
    return sanitize(body, hosts=HOSTS, redact=as_is)


def old_commands(text: str) -> list[str]:
    """GitLab before Markdown-aware extraction: one expression over the whole text."""
    found = OLD_EXTRACTOR.finditer(text.replace("\r", ""))
    return [match["command"] for match in found if match["command"]]


def new_commands(text: str) -> list[str]:
    """GitLab today: only top-level and list paragraphs, by the lines they stand on."""
    text = text.replace("\r", "")
    lines = text.split("\n")
    commands = []
    for token in MARKDOWN.parse(text):
        if token.type == "paragraph_open" and token.map:
            paragraph = "\n".join(lines[slice(*token.map)])
            commands += [match["command"] for match in NEW_EXTRACTOR.finditer(paragraph) if match["command"]]
    return commands


class Page(HTMLParser):
    """The rendered page: text that GitLab's filters look at, link targets, elements that load something."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.live: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(MARKDOWN.render(body))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"img", "script", "iframe", "video", "audio", "object", "svg", "style", "form", "input"}:
            self.loads.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in {"br", "hr", "img"}:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"code", "pre", "a"} & set(self.stack):
            self.live += [match[0] for match in LIVE.finditer(data)]


def raw_html(body: str) -> list[str]:
    """Every piece of HTML that Markdown passes through."""
    found = []
    for token in MARKDOWN.parse(body):
        for part in (token, *(token.children or ())):
            if part.type in {"html_block", "html_inline"}:
                found += re.findall(r"<[^>]*>?", part.content)
    return found


def assert_inert(body: str) -> None:
    assert old_commands(body) == []
    assert new_commands(body) == []
    assert not re.search(rf"^/(?:{COMMANDS})", body, re.I | re.M)
    page = Page(body)
    assert page.live == []
    assert page.loads == []
    assert all(
        re.match(r"https?://(?:gitlab\.example|127\.0\.0\.1:8929)(?:[/#]|$)", link) for link in page.links
    )
    assert set(raw_html(body)) <= OWN_TAGS
    assert not re.search(r"[\r\x00-\x08\x0b-\x1f\x7f\u200b\u202e\u2028\u2029]", body)


MARKUP = r"""
` | * _ ~ @ # ! $ % & [ ] ( ) < > / \ : - + . = " ' a 1 é ** a_b ``` ```` ~~~ --- >>> |---|
/merge /APPROVE /cloſe @all @bob #1 !2 GL-12 group/p#1 [vulnerability:1] [[_TOC_]] deadbeef1 :tada: ~bug
$`a`$ $$ http://evil.example/x www.evil.example https://gitlab.example/a/-/issues/1 <https://evil.example>
![a](http://evil.example/i.png) [a](https://gitlab.example/g?q=1#L1) [a](javascript:alert(1)) [x]:
//evil.example <img <script> <!-- --> <details> </details> <summary> </summary> <br> <sub> </sub>
<details><summary>a</summary> ::include{file=x} &#64; &commat; &lt; &#47; &NewLine; &#96; &amp; \@ \` \\ \|
"""
LINES = (
    *(
        "\n",
        "\n\n",
        "\r",
        "\u2028",
        "\x85",
        "\x0b",
        " ",
        "\t",
        "    ",
        "- ",
        "> ",
        "1. ",
        "| ",
        "\u200b",
        "\U000e0041",
    ),
    *("\n/label ~x", "\r/merge", "/\rmerge", "Closes #1", "\n<details>\n", "\n</details>\n", "\n---\n"),
    *("\n<summary>@all</summary>\n", "\n```suggestion:-0+1\n", "\n```text\n", "\n```\n", "\n```mermaid\n"),
)
PIECES = st.sampled_from([*MARKUP.split(), *LINES])
BODIES = st.lists(PIECES | st.text(max_size=6), max_size=25).map("".join)


@settings(max_examples=400, deadline=None)
@given(BODIES)
@example("deadbeef1www.evil.example")
@example("_deadbeef1_ _GL-12_")
@example("#1GL-12 `a`GL-12")
@example("\\\\&NewLine;")
@example("---//evil.example")
@example("$`a`$` `` ```@a")
def test_gitlab_executes_loads_and_notifies_nothing(body: str) -> None:
    assert_inert(clean(body))


@settings(max_examples=400, deadline=None)
@given(BODIES)
@example("deadbeef1www.evil.example")
@example("_deadbeef1_ _GL-12_")
@example("#1GL-12 `a`GL-12")
@example("\\\\&NewLine;")
@example("---//evil.example")
@example("$`a`$` `` ```@a")
def test_sanitizing_twice_changes_nothing(body: str) -> None:
    once = clean(body)
    assert clean(once) == once


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_any_text_at_all_is_taken(text: str) -> None:
    once = clean(text)
    once.encode()
    assert_inert(once)
    assert clean(once) == once


@pytest.mark.parametrize(
    "body",
    [
        "/merge",
        "/APPROVE please",
        "ok\n\r/merge",
        "/\rmerge",
        "ok\r\n/merge\r\n",
        "ok\u2028/merge",
        "\x0b/merge",
        "\x85/merge",
        "- a\n/close",
        "- - > 1. /close",
        "```\na\n```\n/close",
        "````\n```\n/close\n````",
        "```text\n/close",
        "~~~\n/close\n~~~",
        "<div>\n/close\n</div>",
        "<!-- a -->/close",
        "<!--\n-->/close",
        "\u200b/merge",
        "`a\n/merge\n`",
        "```suggestion:-0+0\n/merge\n```",
        "&#47;merge",
        "&sol;merge",
        "\\/merge",
    ],
)
def test_a_quick_action_is_not_executed(body: str) -> None:
    assert_inert(clean(body))


def test_the_extractors_of_this_test_do_find_commands() -> None:
    assert old_commands("ok\n\r/merge") == ["merge"] == new_commands("/\rmerge")
    assert old_commands("> a\n/close\n") == ["close"] == new_commands("- a\n/close\n")
    assert new_commands("> /close") == [] == old_commands("```\n/close\n```")
    assert Page("@all #1 ![a](http://evil.example)").live == ["@all", "#1"]
    assert raw_html("a <b>c") == ["<b>"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("ask @bob.", "ask `@bob`."),
        ("ask @bob, now", "ask `@bob`, now"),
        ("Closes #12", "Closes `#12`"),
        ("group/sub/project!3+", "`group/sub/project!3+`"),
        ("see &#64;all", "see `@all`"),
        ("see \\@all", "see `@all`"),
        ("my\\_team/app#4", "`my_team/app#4`"),
        ('~"to do" and %"1.0"', '`~"to do"` and `%"1.0"`'),
        ("GL-123 [vulnerability:1]", "`GL-123` `[vulnerability:1]`"),
        ("since 1f3a9bc2d", "since `1f3a9bc2d`"),
        ("costs $5 &1", "costs `$5` `&1`"),
        ("100% of 5 #heading ~ a@ b", "100% of 5 #heading ~ a@ b"),
        ("`@bob` stays", "`@bob` stays"),
        ("`@a``@b`", "`@a``@b`"),
    ],
)
def test_a_reference_becomes_code(source: str, shown: str) -> None:
    assert clean(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("- [ ] the basket\n  * [x] is summed", "- [ ] the basket\n  * [x] is summed"),
        ("1. [X] first", "1. [X] first"),
        ("- [ ] ask @ada", "- [ ] ask `@ada`"),
        ("- [ ](https://evil.example)", "- \\[ \\](`https://evil.example`)"),
        ("- [x]: https://evil.example", "- \\[x\\]: `https://evil.example`"),
        ("- [ ] /close", "- [ ] &#47;close"),
        ("- [y] no box", "- \\[y\\] no box"),
        ("[ ] no item", "\\[ \\] no item"),
    ],
)
def test_the_box_of_a_task_stays_one(source: str, shown: str) -> None:
    assert clean(source) == shown
    assert clean(clean(source)) == shown


def test_a_code_span_does_not_reach_over_a_table_cell() -> None:
    table = clean("| a | b |\n|---|---|\n| `x | @all` |")
    assert Page(table).live == []
    assert "`@all`" in table


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[a](https://gitlab.example/g/p?private=1#L3)", "[a](https://gitlab.example/g/p#L3)"),
        ("[a](http://127.0.0.1:8929/g)", "[a](http://127.0.0.1:8929/g)"),
        ("https://gitlab.example/g/p.", "<https://gitlab.example/g/p>."),
        ("<https://gitlab.example/g>", "<https://gitlab.example/g>"),
        ("https://gitlab.example/g/-/issues/1", "`https://gitlab.example/g/-/issues/1`"),
        ("[a](https://evil.example/x)", "\\[a\\](`https://evil.example/x`)"),
        ("[a](https://gitlab.example@evil.example/x)", "\\[a\\](`https://gitlab.example@evil.example/x`)"),
        ("[a](https://gitlab.example.evil.example/)", "\\[a\\](`https://gitlab.example.evil.example/`)"),
        ("[a](//gitlab.example/x)", "\\[a\\](//gitlab.example/x)"),
        ("[a](javascript:alert)", "\\[a\\](javascript:alert)"),
        ("<javascript:alert>", "`<javascript:alert>`"),
        ("![a](https://gitlab.example/i.png)", "!\\[a\\](<https://gitlab.example/i.png>)"),
        ("[a][b]\n\n[b]: https://evil.example", "\\[a\\]\\[b\\]\n\n\\[b\\]: `https://evil.example`"),
        ("ftp://evil.example/x, www.evil.example", "`ftp://evil.example/x`, `www.evil.example`"),
    ],
)
def test_a_link_leads_to_our_own_hosts_or_is_none(source: str, shown: str) -> None:
    assert clean(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y>"),
        ("H<sub>2</sub>O<br>x", "H<sub>2</sub>O<br>x"),
        ("<sub>a", "&lt;sub&gt;a"),
        ("a</sub>", "a&lt;/sub&gt;"),
        ("a <!-- trivet:v1 mac=none --> b", "a  b"),
        ("<!-- trivet:v1\nmac=none -->b", "b"),
        ("<!-- open", "&lt;!-- open"),
        ("- <br>", "- &lt;br&gt;"),
        ("<DETAILS>", "&lt;DETAILS>"),
        ("</details>", "&lt;/details>"),
        ("a <details>", "a &lt;details>"),
        ("&lt;img&gt;", "&lt;img&gt;"),
        ("AT&T", "AT&amp;T"),
    ],
)
def test_html_is_text_unless_it_is_ours(source: str, shown: str) -> None:
    assert clean(source) == shown


def test_details_are_closed_and_their_markdown_is_read() -> None:
    assert clean("<details><summary>3 files by @bob</summary>\n`@bob`") == (
        "<details>\n<summary>3 files by …</summary>\n\n`@bob`\n</details>"
    )


@pytest.mark.parametrize(
    "language", ["mermaid", "plantuml", "kroki", "math", "geojson", "dot", "json:table", "stl"]
)
def test_a_fence_that_would_be_drawn_is_shown_as_text(language: str) -> None:
    body = clean(f"```{language}\na --> b\n```")
    assert f"```{language}" not in body
    assert "```text\na --> b\n```" in body or language == "json:table"


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert clean("`````text\n````\n@all\n`````") == "`````text\n````\n@all\n`````"
    assert clean("`````text\n@all\n`````") == "```text\n@all\n```"


def test_a_fence_that_never_ends_is_text() -> None:
    assert clean("```text\n@all") == "&#96;&#96;&#96;text\n`@all`"


def test_a_suggestion_stays_a_suggestion() -> None:
    body = "```suggestion:-1+0\n\tx = 1\n```"
    assert clean(body) == body


@pytest.mark.parametrize("line", ["/merge", "a\u200bb", "a\r", "key = hunter2"])
def test_a_suggestion_that_had_to_change_can_not_be_applied(line: str) -> None:
    body = sanitize(
        f"```suggestion:-0+0\n{line}\n```", redact=lambda text: text.replace("hunter2", "<REDACTED:x:1>")
    )
    assert body.startswith("```text\n")


@pytest.mark.parametrize(
    "secret", ["hunter_2", "hunter\\_2", "hunter&#95;2", "hun\u200bter_2", "hunter\\_&#50;"]
)
def test_a_secret_is_found_behind_escapes_and_invisible_characters(secret: str) -> None:
    body = sanitize(
        f"the *key* is {secret}", redact=lambda text: text.replace("hunter_2", "<REDACTED:own:0a1b>")
    )
    assert body.endswith("is `<REDACTED:own:0a1b>`")


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert (
        visible("a\u202eb\u200b\U000e0041\ud83d\udc80\x00") == "a\\u{202e}b\\u{200b}\\u{e0041}\\u{d83d}\\x80"
    )
    assert visible("⚠️ 👩\u200d💻 naïve\t") == "⚠️ 👩\u200d💻 naïve\t"
    assert clean("a\u200bb") == "a\\u{200b}b"


def test_a_long_body_is_cut_at_a_line_and_closed() -> None:
    body = clean("<details>\n\n" + "a line\n" * 20_000)
    assert len(body) <= LIMIT
    assert body.endswith((f"a line\n\n</details>\n\n{CUT}", f"a line\n</details>\n\n{CUT}"))
    assert clean(body) == body


def test_a_cut_never_goes_through_a_suggestion() -> None:
    body = clean("a line\n" * 8_000 + "```suggestion:-0+1\n" + "b\n" * 10_000 + "```\n")
    assert "suggestion" not in body
    assert body.endswith(CUT)


def test_what_just_fits_is_not_cut() -> None:
    body = ("x" * 99 + "\n") * (LIMIT // 100)
    assert clean(body) == body.strip()


HOSTILE = (
    "\n",
    "@",
    "`",
    "` `` ```",
    "```a\n",
    "````\n```\n",
    "<",
    "<a:",
    "[",
    "[`",
    "[a](https:",
    "&#1",
    "\\*",
    "&#064;\n",
)
MORE_HOSTILE = (
    "<!--\n",
    "<!-- --> ",
    "<details>\n",
    "<sub>",
    "\\|",
    "a/b#1 ",
    "\u200b",
    "> ",
    "`a",
    '~~"',
    "$",
    "a.",
)


@pytest.mark.parametrize("piece", [*HOSTILE, *MORE_HOSTILE])
def test_a_megabyte_of_anything_takes_linear_time(piece: str) -> None:
    def seconds(size: int) -> float:
        body = "x\n" + piece * (size // len(piece))
        start = time.process_time()
        clean(body)
        return time.process_time() - start

    seconds(10_000)
    assert seconds(1_000_000) < 30 * max(seconds(100_000), 0.02)
