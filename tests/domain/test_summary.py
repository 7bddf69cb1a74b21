"""The summary as a person reads it: what is open, what became of the rest, and nothing that changes the page."""

import pytest
from hypothesis import given, settings

from bot.domain.actions import Coverage, Decision
from bot.domain.findings import Finding, Severity
from bot.domain.markdown import finding_comment
from bot.domain.sanitize import sanitize
from bot.domain.summary import Summary, summary_note, with_unplaced
from bot.policy import MAX_BODY
from tests.domain.notes_shown import BIG, KEY, MODEL, TEXTS, Shown

READ = tuple(
    Coverage(path=path, read=True) for path in ("src/app/keys.py", "src/main.py", "docs/a.md", "logo.psd")
)
SKIPPED = Coverage(path="poetry.lock", read=False, reason="named by review.ignore")

BINARY = Coverage(path="x.bin", read=False, reason="binary")
GENERATED = Coverage(path="src/main.py", read=True, reason="generated")
NIT = MODEL.model_copy(
    update={
        "rule": "naming",
        "severity": Severity.INFO,
        "path": "src/main.py",
        "line": 9,
        "title": "`x` says little",
        "detail": "Say what it holds.",
    }
)
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


WHOLE = """\
- ⚠ .trivet.yml is not used, the defaults are: line 2 is not valid YAML.

**3 findings** in 6 changed files: 1 blocker, 1 minor, 1 info. 2 files were not read.

2 fixed, 1 dismissed.

| Area | Files | Findings |
|---|--:|--:|
| `src/` | 2 | 2 |
| top level | 3 | 1 |
| `docs/` | 1 |  |

**Not shown on a line**

- **Minor: A file of 12 MB** `logo.psd`<br><sub>`files/large`</sub>

<details>
<summary>1 nit</summary>

- **Info: `x` says little** `src/main.py`, line 9<br>Say what it holds. <sub>`naming`, found by the model</sub>

</details>

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
- Read again: 1 of 6 files
- Checks: secrets, files
- Model: `openai:small`, 2 calls, 12,345 tokens (62 % cached), 0.021 USD
- 1 min 12 s

</details>"""


def test_the_whole_summary() -> None:
    summary = Summary(
        head="9ba12248e0c1",
        findings=(KEY, BIG, NIT),
        unplaced=(BIG,),
        nits=(NIT,),
        fixed=2,
        dismissed=1,
        read_again=1,
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


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"fixed": 2, "dismissed": 1, "outdated": 3}, "2 fixed, 1 dismissed, 3 outdated."),
        ({"outdated": 1}, "1 outdated."),
        ({"fixed": 1_200}, "1,200 fixed."),
    ],
)
def test_what_became_of_earlier_findings_is_one_line_below_the_verdict(
    counts: dict[str, int], said: str
) -> None:
    body = summary_note(Summary(head="9ba12248", coverage=READ, **counts))  # type: ignore[arg-type]
    assert body.split("\n\n")[:2] == ["Nothing to report in 4 changed files.", said]


def test_many_nits_are_counted_not_listed() -> None:
    nits = tuple(NIT.model_copy(update={"line": n, "detail": "word " * 100}) for n in range(50))
    body = summary_note(Summary(head="9ba12248", findings=nits, nits=nits, coverage=READ))
    assert "<summary>50 nits</summary>" in body
    assert "more nits\n" in body
    assert "Not shown on a line" not in body


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
            nits=findings,
            fixed=50,
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
    assert "more nits\n" in body
    assert "more complaints\n" in body


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


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_no_template_lets_a_text_change_the_page(title: str, detail: str, path: str) -> None:
    finding = KEY.model_copy(
        update={"title": f"t {title}", "detail": detail, "path": f"p{path}", "evidence": detail}
    )
    coverage = (Coverage(path=f"p{path}", read=False, reason=title),)
    summary = Summary(
        head="",
        findings=(finding,),
        unplaced=(finding,),
        nits=(finding.model_copy(update={"severity": Severity.INFO}),),
        coverage=coverage,
        complaints=(detail,),
    )
    page = Shown(sanitize(summary_note(summary) + "\n\n" + finding_comment(finding), redact=str))
    assert not page.tags & {"h1", "h2", "img", "a", "blockquote", "ol", "table", "hr", "em", "b", "del"}
    assert "Not shown on a line" in page.text
