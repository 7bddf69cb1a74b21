"""Notes as a person reads them, and untrusted text that stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.actions import Coverage
from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.markdown import (
    Summary,
    code,
    failure_note,
    finding_comment,
    inert,
    one_line,
    recovery_note,
    spent,
    summary_note,
    with_unplaced,
)
from bot.domain.sanitize import sanitize

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

KEY = Finding(
    rule="secrets/private-key",
    severity=Severity.BLOCKER,
    path="src/app/keys.py",
    line=12,
    title="Private key in the diff",
    detail="Anyone who can read the repository can use it.\n\nRevoke it first.",
    evidence="a PEM block of 27 lines",
)
BIG = Finding(rule="files/large", severity=Severity.MINOR, path="logo.psd", title="A file of 12 MB")
READ = tuple(
    Coverage(path=path, read=True) for path in ("src/app/keys.py", "src/main.py", "docs/a.md", "logo.psd")
)
SKIPPED = Coverage(path="poetry.lock", read=False, reason="named by review.ignore")


class Shown(HTMLParser):
    """The text of a page, paragraph tags aside, and which elements it has."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", set[str]()
        self.feed(MARKDOWN.render(body))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


NAUGHTY = st.sampled_from(
    [
        *"`*_~[]()<>|#+-=:!&$\\/@1.a \n",
        "\n\n",
        "```",
        "1. ",
        "- ",
        "---",
        "&lt;",
        "**a**",
        "<b>",
        "![a](b)",
        "[a]: b",
        "a_b_c",
    ]
)
TEXTS = st.lists(NAUGHTY, max_size=30).map("".join)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_inert_text_shows_literally(text: str) -> None:
    page = Shown(inert(text))
    assert page.text.split() == text.split()
    assert page.tags <= {"p"}


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_one_line_shows_literally_in_a_table(text: str) -> None:
    page = Shown(f"| a | b |\n|---|---|\n| {one_line(text)} | end |")
    assert page.text.split() == ["a", "b", *text.split(), "end"]
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_code_shows_literally(text: str) -> None:
    page = Shown(f"x {code(text)} y")
    assert page.text.split() == ["x", *text.split(), "y"]


def test_a_long_line_is_cut() -> None:
    assert one_line("word " * 100, 20) == "word word word word…"


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert inert("a\u202eb") == "a\\\\u{202e}b"
    assert code("a\udc80\u200b") == "`a\\x80\\u{200b}`"


def test_a_finding_reads_as_a_colleague_would_write_it() -> None:
    assert finding_comment(KEY) == (
        "**Blocker: Private key in the diff**\n"
        "\n"
        "Anyone who can read the repository can use it.\n"
        "\n"
        "Revoke it first.\n"
        "\n"
        "<sub>`secrets/private-key` · a PEM block of 27 lines</sub>"
    )


def test_a_finding_with_nothing_more_to_say_is_two_lines() -> None:
    assert finding_comment(BIG) == "**Minor: A file of 12 MB**\n\n<sub>`files/large`</sub>"


def test_long_evidence_is_folded() -> None:
    body = finding_comment(BIG.model_copy(update={"evidence": "one\n```\ntwo"}))
    assert body.endswith(
        "<sub>`files/large`</sub>\n"
        "\n"
        "<details>\n<summary>Evidence</summary>\n"
        "\n"
        "````text\none\n```\ntwo\n````\n"
        "\n"
        "</details>"
    )


@pytest.mark.parametrize(
    ("lines", "place", "fence"),
    [
        (("x",), {"line": 5}, "```suggestion:-0+0\nx\n```"),
        ((), {"line": 5}, "```suggestion:-0+0\n```"),
        (("a", "b"), {"line": 4, "end_line": 6}, "```suggestion:-2+0\na\nb\n```"),
        (("\t````",), {"line": 5}, "`````suggestion:-0+0\n\t````\n`````"),
    ],
)
def test_a_suggestion_counts_from_the_last_line(
    lines: tuple[str, ...], place: dict[str, int], fence: str
) -> None:
    start, end = place["line"], place.get("end_line", place["line"])
    suggestion = Suggestion(start=start, end=end, replaces=("old",), lines=lines)
    body = finding_comment(KEY.model_copy(update={"suggestion": suggestion, **place}))
    assert f"\n\n{fence}\n\n" in body
    assert fence.splitlines()[0].split("`")[-1] in sanitize(body, redact=str)


def test_a_suggestion_around_the_line_counts_both_ways() -> None:
    suggestion = Suggestion(start=11, end=14, replaces=("a",) * 4, lines=("b",))
    assert "```suggestion:-1+2\n" in finding_comment(KEY.model_copy(update={"suggestion": suggestion}))


@pytest.mark.parametrize(("start", "end"), [(13, 14), (10, 11), (12, 113)])
def test_a_suggestion_that_gitlab_could_not_place_is_left_out(start: int, end: int) -> None:
    suggestion = Suggestion(start=start, end=end, replaces=("a",), lines=("b",))
    assert "suggestion" not in finding_comment(KEY.model_copy(update={"suggestion": suggestion}))


WHOLE = """\
- ⚠ .trivet.yml is not used, the defaults are: line 2 is not valid YAML.

**2 findings** in 5 changed files: 1 blocker, 1 minor. 1 file was not read.

| Area | Files | Findings |
|---|--:|--:|
| top level | 2 | 1 |
| `src/` | 2 | 1 |
| `docs/` | 1 |  |

**Not shown on a line**

- **Minor: A file of 12 MB** `logo.psd`

<details>
<summary>4 of 5 files read</summary>

- `poetry.lock`: named by review.ignore

</details>

<details>
<summary>About this review</summary>

- Commit `9ba12248`
- Checks: secrets, files
- 3 findings not shown: milder than asked for, or more than one note should hold
- Model: `openai:small`, 2 calls, 12,345 tokens, 0.02 USD
- 1 min 12 s

</details>"""


def test_the_whole_summary() -> None:
    summary = Summary(
        head="9ba12248e0c1",
        findings=(KEY, BIG),
        unplaced=(BIG,),
        coverage=(*READ, SKIPPED),
        complaints=(".trivet.yml is not used, the defaults are: line 2 is not valid YAML.",),
        checks=("secrets", "files"),
        kept_back=3,
        model="openai:small",
        model_calls=2,
        tokens=12_345,
        cost_usd=0.021,
        seconds=72.2,
    )
    assert summary_note(summary) == WHOLE
    clean = sanitize(WHOLE, redact=str)
    assert clean == WHOLE


def test_a_quiet_summary() -> None:
    assert summary_note(Summary(head="9ba12248", coverage=READ[:2])) == (
        "Nothing to report in 2 changed files.\n"
        "\n"
        "<details>\n<summary>About this review</summary>\n"
        "\n"
        "- Commit `9ba12248`\n"
        "- No model is configured: these are the checks that need none.\n"
        "\n"
        "</details>"
    )


def test_an_empty_change_says_so() -> None:
    assert summary_note(Summary(head="")).startswith("There is nothing to review in this change.\n")


def test_many_areas_and_files_are_counted_not_listed() -> None:
    coverage = tuple(Coverage(path=f"d{n}/f", read=False, reason="too large") for n in range(3_000))
    body = summary_note(Summary(head="9ba12248", coverage=coverage))
    assert "| 2,992 more | 2,992 |  |" in body
    assert "- and 2,800 more files" in body
    assert body.count("\n- `d") == 200
    assert "0 of 3,000 files read" in body


@pytest.mark.parametrize("before", [(), (BIG,)])
def test_findings_without_a_line_are_added_before_what_is_folded(before: tuple[Finding, ...]) -> None:
    body = summary_note(Summary(head="9ba12248", findings=(KEY, BIG), unplaced=before, coverage=READ))
    more = with_unplaced(body, (KEY, BIG))
    item = "- **Blocker: Private key in the diff** `src/app/keys.py`, line 12<br>Anyone who can read the repository"
    assert item in more.partition("\n\n<details>")[0]
    assert more.count("**Not shown on a line**") == 1
    assert more.count("A file of 12 MB") == 1
    assert more.index("Not shown") < more.index("A file of 12 MB") < more.index("<details>")


def test_adding_the_same_findings_again_changes_nothing() -> None:
    body = summary_note(Summary(head="9ba12248", findings=(KEY, BIG), coverage=READ))
    once = with_unplaced(body, (KEY, BIG))
    assert with_unplaced(once, (BIG, KEY)) == once
    assert with_unplaced(body, ()) == body


def test_a_finding_that_begins_like_another_is_added_too() -> None:
    longer = BIG.model_copy(update={"detail": "Too large for git."})
    body = with_unplaced(summary_note(Summary(head="", unplaced=(longer,))), (BIG,))
    assert body.count("A file of 12 MB") == 2


def test_a_failure_is_one_sentence_and_so_is_its_end() -> None:
    assert failure_note("GitLab answered 503 for <group>.") == (
        "**Trivet could not finish here.** GitLab answered 503 for &lt;group&gt;."
    )
    assert (
        recovery_note("9ba12248e0c1")
        == "An earlier run failed here; commit `9ba12248` has been reviewed since."
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.44, "0.4 s"), (12.3, "12 s"), (185.0, "3 min 5 s"), (59.9, "1 min 0 s")]
)
def test_time_is_told_as_people_tell_it(seconds: float, said: str) -> None:
    assert spent(seconds) == said


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_no_template_lets_a_text_change_the_page(title: str, detail: str, path: str) -> None:
    finding = KEY.model_copy(
        update={"title": f"t {title}", "detail": detail, "path": f"p{path}", "evidence": detail}
    )
    coverage = (Coverage(path=f"p{path}", read=False, reason=title),)
    summary = Summary(
        head="", findings=(finding,), unplaced=(finding,), coverage=coverage, complaints=(detail,)
    )
    page = Shown(sanitize(summary_note(summary) + "\n\n" + finding_comment(finding), redact=str))
    assert not page.tags & {"h1", "h2", "img", "a", "blockquote", "ol", "table", "hr", "em", "b", "del"}
    assert "Not shown on a line" in page.text


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"line": 12, "anchor": " key = `x` "}, "Line 12: `` key = `x` ``"),
        ({"line": 12, "end_line": 14}, "Lines 12 to 14"),
        ({"line": None, "old_line": 7, "anchor": "gone"}, "Line 7 before this change: `gone`"),
    ],
)
def test_a_comment_on_a_file_names_and_quotes_the_line_it_means(where: dict[str, object], said: str) -> None:
    suggestion = Suggestion(start=12, end=12, replaces=("a",), lines=("b",))
    finding = KEY.model_copy(update={"suggestion": suggestion} | where)
    body = finding_comment(finding, on_file=True)
    assert body.split("\n\n")[1] == said
    assert "suggestion" not in body
    assert said not in finding_comment(finding)


def test_a_comment_that_means_the_file_names_no_line() -> None:
    assert finding_comment(BIG, on_file=True) == finding_comment(BIG)
