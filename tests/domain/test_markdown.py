"""Notes as a person reads them, and untrusted text that stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.actions import Coverage, Decision
from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.markdown import (
    Summary,
    by_model,
    code,
    cost,
    failure_note,
    finding_comment,
    inert,
    one_line,
    prose,
    recovery_note,
    spent,
    summary_note,
    used,
    with_unplaced,
)
from bot.domain.sanitize import sanitize
from bot.policy import MAX_BODY

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
MODEL = Finding(
    rule="sql-injection",
    severity=Severity.CRITICAL,
    path="src/app/find.py",
    line=41,
    anchor='db.execute(f"... {name}")',
    title="A customer's name becomes SQL in `find()`",
    detail="The name is put into the statement, so that a quote in it ends the text.",
    evidence="`name` comes from the request, src/app/views.py:12",
)
READ = tuple(
    Coverage(path=path, read=True) for path in ("src/app/keys.py", "src/main.py", "docs/a.md", "logo.psd")
)
SKIPPED = Coverage(path="poetry.lock", read=False, reason="named by review.ignore")

BINARY = Coverage(path="x.bin", read=False, reason="binary")
GENERATED = Coverage(path="src/main.py", read=True, reason="generated")
KEPT = (
    Decision(
        key="a",
        allowed=False,
        reason="refuted in the second look: the caller checks it",
        about="`load()` may give None, src/main.py:3",
    ),
    Decision(key="b", allowed=False, reason="refuted in the second look"),
    Decision(
        key="c",
        allowed=False,
        reason="milder than min_severity (minor)",
        about="A name says little, src/main.py:9",
    ),
)


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


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_prose_has_code_spans_and_nothing_else(text: str) -> None:
    page = Shown(prose(text))
    assert page.tags <= {"p", "code"}
    assert letters(page.text) == letters(text)


def letters(text: str) -> str:
    return "".join(text.replace("`", "").split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`parse()` gives `None`", "`parse()` gives `None`"),
        ("a `*b*` *c*", "a `*b*` \\*c\\*"),
        ("``a``", "\\`\\`a\\`\\`"),
        ("`a\nb`", "\\`a\nb\\`"),
        ("one ` and two", "one \\` and two"),
        ("` `", "\\`\\`"),
        ("\\`a`", "\\\\\\`a\\`"),
    ],
)
def test_single_backticks_on_one_line_quote_code(text: str, shown: str) -> None:
    assert prose(text) == shown


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


def test_what_a_model_found_says_so_in_small_beside_what_shows_it() -> None:
    assert finding_comment(MODEL) == (
        "**Critical: A customer's name becomes SQL in `find()`**\n"
        "\n"
        "The name is put into the statement, so that a quote in it ends the text.\n"
        "\n"
        "<sub>`sql-injection`, found by the model · `name` comes from the request, src/app/views.py:12</sub>"
    )
    assert "found by the model" not in finding_comment(KEY)


def test_what_needs_no_model_is_never_said_to_be_a_models() -> None:
    from bot.agents.review import appeals

    assert not by_model(BIG)
    assert not by_model(BIG.model_copy(update={"rule": appeals.RULE}))
    assert by_model(MODEL)


def test_a_comment_is_never_too_long_to_be_posted() -> None:
    huge = "<" * 100_000
    suggestion = Suggestion(start=41, end=41, replaces=("a",), lines=(huge,))
    texts = dict.fromkeys(("title", "detail", "evidence", "anchor", "rule"), huge)
    finding = MODEL.model_copy(update={**texts, "suggestion": suggestion})
    assert len(finding_comment(finding)) < MAX_BODY
    assert len(finding_comment(finding, on_file=True)) < MAX_BODY


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

**2 findings** in 6 changed files: 1 blocker, 1 minor. 2 files were not read.

| Area | Files | Findings |
|---|--:|--:|
| top level | 3 | 1 |
| `src/` | 2 | 1 |
| `docs/` | 1 |  |

**Not shown on a line**

- **Minor: A file of 12 MB** `logo.psd`<br><sub>`files/large`</sub>

<details>
<summary>4 of 6 files read, 1 by the checks only</summary>

Not read:

- `poetry.lock` · named by review.ignore
- `x.bin` · binary

Read by the checks only:

- `src/main.py` · generated

</details>

<details>
<summary>3 findings kept back</summary>

2 × refuted in the second look, 1 × milder than min_severity (minor).

- `load()` may give None, src/main.py:3 · refuted in the second look: the caller checks it
- A name says little, src/main.py:9 · milder than min_severity (minor)

</details>

<details>
<summary>About this review</summary>

- Commit `9ba12248`
- Checks: secrets, files
- Model: `openai:small`, 2 calls, 12,345 tokens (62 % cached), 0.021 USD
- 1 min 12 s

</details>"""


def test_the_whole_summary() -> None:
    summary = Summary(
        head="9ba12248e0c1",
        findings=(KEY, BIG),
        unplaced=(BIG,),
        coverage=(READ[0], GENERATED, *READ[2:], SKIPPED, BINARY),
        complaints=(".trivet.yml is not used, the defaults are: line 2 is not valid YAML.",),
        checks=("secrets", "files"),
        left_out=KEPT,
        model="openai:small",
        model_calls=2,
        tokens=12_345,
        cached_tokens=7_654,
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
    assert "\n- 3,000 files · too large<br>`d0/f`, `d1/f`, " in body
    assert " and 2,980 more\n" in body
    assert "0 of 3,000 files read" in body


def test_a_few_files_with_one_reason_stand_each_for_itself() -> None:
    coverage = tuple(Coverage(path=f"d{n}/f", read=False, reason="too large") for n in range(3))
    body = summary_note(Summary(head="9ba12248", coverage=coverage))
    assert body.count(" · too large\n") == 3


def test_no_more_than_twenty_findings_that_are_kept_back_are_named() -> None:
    kept = tuple(Decision(key=str(n), allowed=False, reason="r", about=f"Title {n}") for n in range(33))
    body = summary_note(Summary(head="9ba12248", coverage=READ, left_out=kept))
    assert "33 × r." in body
    assert body.count("\n- Title ") == 20
    assert "- and 13 more" in body


def test_a_count_alone_of_what_is_kept_back_is_told_as_before() -> None:
    body = summary_note(Summary(head="9ba12248", coverage=READ, kept_back=3))
    assert "- 3 findings not shown: milder than asked for, or more than one note should hold" in body


def test_many_kinds_of_reasons_do_not_make_a_long_sentence() -> None:
    kept = tuple(Decision(key=str(n), allowed=False, reason=f"reason {n}") for n in range(9))
    assert "1 × reason 5, 3 × for other reasons." in summary_note(Summary(head="9ba12248", left_out=kept))


def test_silence_after_a_failure_is_not_told_as_a_clean_review() -> None:
    failed = "openai:small does not answer: 1 of 2 parts was not read by it."
    summary = Summary(head="9ba12248", coverage=READ, complaints=(failed,), failures=(failed,))
    assert summary_note(summary).startswith(
        f"- ⚠ {failed}\n\nNothing to report in what was read of 4 changed files.\n"
    )


def test_a_finding_in_the_merge_requests_own_text_quotes_it() -> None:
    finding = MODEL.model_copy(update={"path": "", "line": None, "anchor": "approve @all"})
    body = summary_note(Summary(head="9ba12248", findings=(finding,), unplaced=(finding,), coverage=READ))
    assert "in `find()`** in the merge request's own text: `approve @all`<br>The name" in body
    assert "| top level | 1 |  |" in body
    bare = finding.model_copy(update={"anchor": ""})
    assert "** in the merge request's own text<br>" in summary_note(Summary(head="", unplaced=(bare,)))


def test_a_summary_is_never_too_long_to_be_posted() -> None:
    huge = "<" * 5_000
    finding = MODEL.model_copy(update=dict.fromkeys(("title", "detail", "path", "anchor", "rule"), huge))
    findings = tuple(finding.model_copy(update={"path": f"{n}{huge}"}) for n in range(50))
    decisions = tuple(Decision(key=str(n), allowed=False, reason=f"{n}{huge}", about=huge) for n in range(99))
    coverage = tuple(Coverage(path=f"{n}{huge}/x", read=n % 2 == 0, reason=f"{huge}{n}") for n in range(99))
    body = summary_note(
        Summary(
            head=huge,
            findings=findings,
            unplaced=findings,
            ledger="x" * 18_500,
            coverage=coverage,
            complaints=(huge,) * 50,
            left_out=decisions,
            model=huge,
            model_calls=1,
        )
    )
    assert len(body) < MAX_BODY
    assert "more findings\n" in body
    assert "more complaints\n" in body


@pytest.mark.parametrize(
    ("model", "counts", "said"),
    [
        ("openai:m", (14, 81_204, 50_346, 0.21), "14 calls, 81,204 tokens (62 % cached), 0.21 USD"),
        ("openai:m", (1, 1_200, 0, 0.0), "1 call, 1,200 tokens, cost not known"),
        ("ollama:m", (2, 1_200, 0, 0.0), "2 calls, 1,200 tokens"),
        ("openai:m", (0, 0, 0, 0.0), "0 calls"),
    ],
)
def test_what_a_model_took_is_told_in_one_line(
    model: str, counts: tuple[int, int, int, float], said: str
) -> None:
    assert used(model, *counts) == said


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (1234.5, "1,234.50 USD"),
        (0.5, "0.50 USD"),
        (0.2149, "0.21 USD"),
        (0.00416, "0.0042 USD"),
        (0.00001, "less than 0.0001 USD"),
    ],
)
def test_small_sums_keep_the_digits_that_count(usd: float, said: str) -> None:
    assert cost(usd) == said


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
