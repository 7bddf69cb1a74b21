"""What Jira would show of our wiki text: its renderer's steps, written down anew, and what each of them acts on."""

import html
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Link,
    Lozenge,
    Made,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    inlines,
    paragraph,
)
from bot.domain.wiki import to_text, to_wiki
from tests.domain.documents import LINES, documents, letters

MENTION = re.compile(r"\[[~@][^\\,]+?\]")
BLOCK = re.compile(r"^\s*(?:h[1-6]\.|bq\.|[*#-]+\s+|-{4,}\s*$|\|)")
URL = re.compile(
    r"(?<![A-Za-z0-9])(?:https?://|ftps?://|mailto:|nntp://|news://|irc://|file:)[-_.!~*';/?:@#&=%+$,A-Za-z0-9\[\]()\\]"
)
ESCAPE = re.compile(r"(?<!\\)\\([-#*_+?^~|%{}\[\]()!@])")
NEWLINE = re.compile(r"(?<!\\)\\{2}(?!\S*\\)")
DASH = re.compile(r"(?:^|\s)---?(?:\s|$)")
ENTITY = re.compile(r"&(?![#A-Za-z0-9][A-Za-z0-9]{1,7};)")
EMOTICON = re.compile(
    r"(?::-?[)(PpD]|(?<!&#\d\d)(?<!&#\d\d\d)(?<!&amp)(?<!&lt)(?<!&gt);-?\)|\((?:on|off|flag|flagoff|[yni/x!+?-]|\*[rgby]?)\))"
    r"(?![^\W_])"
)  # fmt: skip
SIGNS = {"cited": r"\?\?", "strong": r"\*", "raised": r"\^", "lowered": "~", "emphasis": "_", "deleted": "-"}
SIGNS |= {"inserted": r"\+", "image": "!"}
BEFORE, AFTER = r"(?<![^\W_])(?<!\\)", r"(?![^\W_])"
PHRASES = {
    name: re.compile(
        rf"(?:{BEFORE}{sign}|\{{{sign}\}})([^\s{sign}](?:(?!{sign}).)*?)(?<!\s)(?<!\\)(?:{sign}{AFTER}|\{{{sign}\}})"
    )
    for name, sign in SIGNS.items()
}
PHRASES["code"] = re.compile(
    r"(?:(?<![^\W_])(?<!\\)\{\{)([^\s{](?:(?!\}\})[^\n])*?)(?<!\s)(?<!\\)\}\}(?![^\W_])"
)
KEY = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]+-\d+")


def rendered(line: str) -> tuple[str, list[str]]:
    """The characters a reader sees of one line, and everything that the renderer took for more than characters."""
    found = ["mention"] * len(MENTION.findall(line)) + ["macro"] * macros(line) + ["link"] * links(line)
    found += [
        name
        for name, pattern in {"block": BLOCK, "address": URL, "newline": NEWLINE}.items()
        if pattern.search(line)
    ]
    line = KEY.sub("\x01\\g<0>\x02", line)
    line = ESCAPE.sub(lambda escaped: escaped[1] if escaped[1] in "{}[]" else f"&#{ord(escaped[1])};", line)
    line = ENTITY.sub("&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    found += [name for name, pattern in {"dash": DASH, "emoticon": EMOTICON}.items() if pattern.search(line)]
    for name, pattern in PHRASES.items():
        while phrase := pattern.search(line):
            found.append(name)
            line = f"{line[: phrase.start()]}\x01{phrase[1]}\x02{line[phrase.end() :]}"
    shown = re.sub("[\x01\x02\u200b]", "", html.unescape(line))
    return shown, found


def macros(line: str) -> int:
    escaping, found = False, 0
    for at, char in enumerate(line):
        if escaping or char == "\\":
            escaping = not escaping
        elif char == "{" and line[at + 1 : at + 2] not in {"{", "*", "_"} and line[at - 1 : at] != "{":
            found += 1
    return found


def links(line: str) -> int:
    return len(re.findall(r"(?<!\\)\[(?![\]\s])(?:[^\[\]\n]|\\[\[\]])*(?<!\\)\]", line))


@pytest.mark.parametrize(
    ("bare", "taken_for"),
    [
        ("*b*", "strong"),
        ("SHOP-1*b*", "strong"),
        ("{*}b{*}", "strong"),
        ("{{c}}", "code"),
        (r"\{\{c\}\}", "code"),
        ("-d-", "deleted"),
        ("!i.png!", "image"),
        ("[a|http://b.example]", "link"),
        ("[~bob]", "mention"),
        ("[@bob]", "mention"),
        ("{code}", "macro"),
        ("(x)", "emoticon"),
        (":)", "emoticon"),
        ("a -- b", "dash"),
        (r"a \\ b", "newline"),
        ("http://a.example", "address"),
        ("mailto:a@b.example", "address"),
        ("h1. a", "block"),
        ("- a", "block"),
        ("|a|", "block"),
    ],
)
def test_the_renderer_acts_on_what_is_not_escaped(bare: str, taken_for: str) -> None:
    assert taken_for in rendered(bare)[1]


def written(*content: Inline | str) -> str:
    return to_wiki(Document(blocks=(paragraph(*content),)))


@settings(max_examples=400, deadline=None)
@given(LINES)
@example("SHOP-1*b*")
@example("{{x}} \\{code} [~bob] [@bob]")
@example("a :) (x) &lt; http://x.example ---- - a -- b")
@example("(!) ;) ??x?? !a.png! wow!)")
def test_a_text_is_shown_as_it_is_written(text: str) -> None:
    assert rendered(written(text)) == (text.strip(), [])


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=5))
def test_texts_side_by_side_make_no_markup_together(texts: list[str]) -> None:
    assert rendered(written(*texts)) == ("".join(texts).strip(), [])


@settings(max_examples=150, deadline=None)
@given(LINES, LINES, LINES, st.sampled_from(["strong", "emphasis", "code"]))
@example("", "# a", "", "strong")
def test_a_mark_is_one_phrase_whatever_its_text_and_neighbours(
    before: str, text: str, after: str, mark: str
) -> None:
    shown, found = rendered(written(before, Text(text=text, **{mark: True}), after))
    assert shown == f"{before}{text}{after}".strip()
    assert found == ([mark] if text.strip() else [])


def test_strong_emphasis_is_both() -> None:
    assert rendered(written(Text(text="x", strong=True, emphasis=True))) == ("x", ["strong", "emphasis"])


def test_lines_of_a_text_begin_no_block() -> None:
    lines = written("a\n* b\n# c\nh1. d\n|e|\n----\nbq. f\n- g").split("\n")
    assert [rendered(line) for line in lines] == [
        (line, []) for line in ("a", "* b", "# c", "h1. d", "|e|", "----", "bq. f", "- g")
    ]


def test_readable_text_stays_readable() -> None:
    plain = "A well-known snake_case name - with a dash, 12:30, a_b.py (see x), wow! Why? 2024-01-02."
    assert written(plain) == plain


def test_an_item_and_a_cell_stay_on_one_line() -> None:
    document = Document(
        blocks=(
            BulletList(items=(inlines("a\nb"),)),
            NumberedList(items=(inlines("* x"),)),
            Table(header=(inlines("h|"), inlines("")), rows=((inlines("a\nb"), inlines("||")),)),
            Heading(level=3, content=inlines("one\ntwo")),
        )
    )
    assert to_wiki(document).split("\n\n") == [
        r"* a \\ b",
        r"# \* x",
        "|| h&#124; ||  ||\n" + r"| a \\ b | &#124;&#124; |",
        "h3. one two",
    ]


def test_lists_are_nested_by_their_signs_and_tasks_show_whether_they_are_done() -> None:
    items = (inlines("a"), inlines("b"), inlines("c"))
    document = Document(
        blocks=(
            BulletList(items=items, levels=(0, 1, 2)),
            NumberedList(items=items, levels=(0, 1, 0)),
            TaskList(items=items[:2], done=(False, True)),
        )
    )
    assert to_wiki(document) == "* a\n** b\n*** c\n\n# a\n## b\n# c\n\n* ☐ a\n* ☑ b"


def test_a_links_text_and_address_end_neither() -> None:
    wiki = written(Link(text="!12 [a|b] *x*", url="https://g.example/a|b]c?d=[1]"))
    assert wiki.count("[") == wiki.count("]") == wiki.count("|") == 1
    assert wiki.endswith("|https://g.example/a%7Cb%5Dc?d=%5B1%5D]")
    assert to_text(wiki) == "[!12 [a|b] *x*](https://g.example/a%7Cb%5Dc?d=%5B1%5D)"


def test_what_another_action_makes_is_linked_once_its_address_is_known() -> None:
    document = Document(blocks=(paragraph(Made(action="mr", text="the draft")),))
    assert to_wiki(document, {"mr": "https://g.example/1"}) == "[the draft|https://g.example/1]"
    assert to_wiki(document) == "the draft"


def end_of(macro: str, body: str) -> int:
    """Where Jira sees the macro's end: a backslash hides what follows it."""
    at = 0
    while not body.startswith(f"{{{macro}}}", at):
        at += 2 if body[at] == "\\" else 1
    return at


CODE = st.lists(
    st.sampled_from(["{code}", "{noformat}", "{code:java}", "\\", "\\\\", "x", "\n", "[~bob]", "[@bob]", "{"])
)


@settings(max_examples=200, deadline=None)
@given(CODE.map("".join), st.sampled_from(["", "python", "brainfuck"]))
def test_code_holds_its_own_end_mark_and_mentions_nobody(text: str, language: str) -> None:
    wiki = to_wiki(Document(blocks=(Code(text=text, language=language),)))
    opening = re.match(r"\{(code|noformat)(?::python)?\}\n", wiki)
    assert opening
    body = wiki[opening.end() :]
    assert end_of(opening[1], body) == len(body) - len(f"{{{opening[1]}}}")
    assert not MENTION.search(wiki)
    assert letters(text) == letters(body.removesuffix(f"{{{opening[1]}}}"))


@settings(max_examples=100, deadline=None)
@given(documents(linked=False))
@example(Document(blocks=(Paragraph(content=(Text(text="(x) a"),)),)))
def test_no_letter_of_a_text_is_lost_or_moved(document: Document) -> None:
    assert letters(to_text(to_wiki(document))) == letters(" ".join(document.texts()))


@settings(max_examples=60, deadline=None)
@given(documents(linked=True))
@example(Document(blocks=(Paragraph(content=(Link(text="@bob", url="https://gitlab.example/1"),)),)))
def test_nobody_is_mentioned(document: Document) -> None:
    assert not MENTION.search(to_wiki(document, {"known": "https://g.example/1"}))


def test_a_panel_and_a_lozenge_are_ours() -> None:
    document = Document(blocks=(Panel(content=(paragraph(Lozenge(text="MERGED", color="green"), " ok"),)),))
    assert to_wiki(document) == "{panel:bgColor=#deebff}\n{color:#006644}*MERGED*{color} ok\n{panel}"
    assert to_text(to_wiki(document)) == "**MERGED** ok"


@pytest.mark.parametrize(
    ("wiki", "shown"),
    [
        ("h2. Title\nh6. *Small*", "## Title\n###### **Small**"),
        ("* a\n** b\n*# c\n- d\n# e", "- a\n  - b\n  1. c\n- d\n1. e"),
        ("(/) done\n(x) open\n* [ ] todo\n* [x] yes\n[] no", "- [x] done\n- [ ] open\n- [ ] todo\n- [x] yes\n- [ ] no"),
        ("* \\[ \\] todo", "- [ ] todo"),
        ("{code:java|title=X}\nint *a*;\n{code}", "```java\nint *a*;\n```"),
        ("a {noformat}*b*{noformat} c", "a\n```\n*b*\n```\nc"),
        ("{code}never closed *x*", "never closed **x**"),
        ("{quote}\na\nb\n{quote}\nc", "> a\n> b\nc"),
        ("bq. said", "> said"),
        ("||a||b||\n|[x|http://y.example]|\\|c|", "| a | b |\n| [x](http://y.example) | |c |"),
        ("|two\nlines|*d*|", "| two lines | **d** |"),
        ("[text|https://x.example] [https://y.example]", "[text](https://x.example) https://y.example"),
        ("[t|https://z.example|smart-link]", "[t](https://z.example)"),
        ("[~ann] and [~accountid:5b-1:2]", "@ann and @5b-1:2"),
        ("{color:red}red{color} {panel:title=Box}\nin\n{panel}", "red Box\n\nin"),
        ("!shot.png|thumbnail! [^log.txt] wow!", "[attachment] [attachment] wow!"),
        ("a \\\\ b\\*c\\* &amp; {{x}} -gone- +new+ x^2^", "a\nb*c* & `x` ~~gone~~ new x^2^"),
        ("[foo] a[0] {unknown} well-known a_b_c 2 * 3 * 4", "[foo] a[0] {unknown} well-known a_b_c 2 * 3 * 4"),
        ("C:\\dir\\x and https://x.example/a_b_c", "C:\\dir\\x and https://x.example/a_b_c"),
        ("a\r\nb\r\n\r\n\r\n\r\nc", "a\nb\n\nc"),
        ("----", "---"),
        ("*see [a|https://x.example]*", "**see [a](https://x.example)**"),
    ],
)  # fmt: skip
def test_what_others_wrote_is_read(wiki: str, shown: str) -> None:
    assert to_text(wiki) == shown


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=6).map("\n".join) | st.text())
def test_nothing_that_is_read_raises(wiki: str) -> None:
    assert isinstance(to_text(wiki), str)


HOSTILE = [
    "{code}",
    "{code:x}",
    "{noformat}\\{noformat}",
    "{{a",
    "[a",
    "[",
    "*a ",
    "_a",
    "-a ",
    "\\",
    "|",
    "|a\n",
    "{quote}",
]
HOSTILE += [
    "!a",
    "{color:",
    "[a|",
    "* ",
    "?",
    "??a",
    "&",
    "&a",
    " ",
    "\n",
    "~a-_+^",
    "http://",
    "((",
    "{panel:title=",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_text_takes_linear_time(part: str) -> None:
    text = part * (100_000 // len(part))
    start = time.perf_counter()
    to_text(text)
    written(text)
    written(Text(text=text, strong=True))
    assert time.perf_counter() - start < 4
