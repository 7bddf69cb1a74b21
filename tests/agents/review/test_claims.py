"""What a model reports is held against the text it was shown, and placed by what it quotes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.review.claims import (
    NO_ANCHOR,
    NO_FILE,
    NO_WORDS,
    NOT_THERE,
    ON_LINE,
    TWICE,
    Rejected,
    placed,
)
from bot.agents.review.diff_text import cut
from bot.agents.review.quotes import flat, quoted_line
from bot.agents.review.schema import ReportedFinding
from bot.agents.spec import AgentContext
from bot.domain.change import Side
from bot.domain.findings import Finding, Severity
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.testing import finding
from tests.agents.review.pushes import file_between
from tests.doubles import REQUEST, DictSnapshot, change_of, edited_file

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
CODE = f"""\
def total(order):
    key = "{LEAK}"
    if order.items:
        return sum(order.items)
    return None

def name(order):
    if order.items:
        return order.items[0]
"""


def context(code: str = CODE, path: str = "app/orders.py", added: range = range(3, 10)) -> AgentContext:
    return AgentContext(
        request=REQUEST,
        change=change_of(edited_file(path, code, [line for line in added if line <= code.count("\n")])),
        snapshot=DictSnapshot({path: code, "app/other.py": "def caller(): pass\n"}),
        config=RepoConfig(),
        redactor=Redactor(),
    )


def claims(*reported: ReportedFinding, of: AgentContext | None = None) -> list[Finding]:
    return placed([reported], of or context())[0]


def rejected(*reported: ReportedFinding) -> list[Rejected]:
    return placed([reported], context())[1]


def report(line: int, anchor: str, path: str = "app/orders.py", **other: object) -> ReportedFinding:
    return finding(path, line, anchor, **other)


def test_a_quoted_line_is_found_where_it_stands_whatever_number_was_given() -> None:
    (claim,) = claims(report(99, "return sum(order.items)"))
    assert (claim.line, claim.anchor) == (4, "return sum(order.items)")


def test_of_equal_lines_the_one_nearest_to_the_number_is_meant() -> None:
    assert [claims(report(line, "    if order.items:"))[0].line for line in (1, 4, 7, 50)] == [3, 3, 8, 8]


def test_the_columns_of_the_diff_may_be_copied_along() -> None:
    assert claims(report(4, "     4      4 +         return sum(order.items)"))[0].line == 4
    assert claims(report(4, "+        return sum(order.items)"))[0].line == 4


def test_the_telling_part_of_a_line_stands_for_the_line() -> None:
    assert claims(report(4, "sum(order.items)"))[0].line == 4


def test_a_line_that_does_not_exist_is_kept_back_with_the_reason() -> None:
    (one,) = rejected(report(4, "return max(order.items)"))
    assert one.reason == NOT_THERE


def test_without_a_quote_there_is_no_claim() -> None:
    assert [one.reason for one in rejected(report(4, ""), report(4, " + "))] == [NO_ANCHOR, NO_ANCHOR]


def test_a_file_outside_the_change_is_kept_back() -> None:
    assert [one.reason for one in rejected(report(1, "def caller(): pass", path="app/other.py"))] == [NO_FILE]


def test_a_path_with_a_folder_too_few_or_too_many_is_understood() -> None:
    for path in ("orders.py", "./app/orders.py", "src/app/orders.py"):
        assert claims(report(4, "return sum(order.items)", path=path))[0].path == "app/orders.py"


def test_a_finding_that_says_nothing_is_kept_back() -> None:
    assert [one.reason for one in rejected(report(4, "return sum(order.items)", title="  "))] == [NO_WORDS]


def test_a_name_that_is_nowhere_in_the_repository_gives_an_invention_away() -> None:
    (one,) = rejected(report(4, "return sum(order.items)", symbols=["order.items", "fetch_all_orders()"]))
    assert "fetch_all_orders" in one.reason


def test_a_name_from_another_file_is_known() -> None:
    assert claims(report(4, "return sum(order.items)", symbols=["caller"]))


def test_the_same_defect_told_twice_is_one_claim() -> None:
    first = report(4, "return sum(order.items)", severity="major")
    second = report(3, "    if order.items:", severity="critical")
    through, kept_back = placed([[first, second]], context())
    assert [claim.severity.value for claim in through] == ["critical"]
    assert [one.reason for one in kept_back] == [TWICE]


TEXT = report(4, "return sum(order.items)", title="Adds up prices that are text", rule="types")
NOTHING = report(4, "return sum(order.items)", title="An empty cart is never closed", rule="leak")


def test_two_defects_of_one_line_that_one_answer_tells_apart_are_two() -> None:
    through, kept_back = placed([[TEXT, NOTHING]], context())
    assert {claim.title for claim in through} == {TEXT.title, NOTHING.title}
    assert {claim.line for claim in through} == {4}
    assert len({claim.fingerprint for claim in through}) == 2
    assert kept_back == []


def test_of_one_line_in_one_kind_or_in_like_words_nothing_is_told_twice() -> None:
    of_one_kind = NOTHING.model_copy(update={"rule": "types"})
    in_like_words = TEXT.model_copy(update={"rule": "sum", "title": "The prices it adds up are text"})
    for other in (of_one_kind, in_like_words):
        through, kept_back = placed([[TEXT, other]], context())
        assert [claim.title for claim in through] == [TEXT.title]
        assert [one.reason for one in kept_back] == [TWICE]


def test_a_second_reader_who_says_something_else_of_a_line_is_kept_back_for_the_reason_that_is_true() -> None:
    through, kept_back = placed([[TEXT], [NOTHING]], context())
    assert [claim.title for claim in through] == [TEXT.title]
    assert [one.reason for one in kept_back] == [ON_LINE]


def test_a_third_defect_of_one_line_is_kept_back_and_it_is_the_mildest() -> None:
    mild = report(4, "return sum(order.items)", title="Runs twice a day", rule="slow", severity="minor")
    grave = NOTHING.model_copy(update={"severity": Severity.CRITICAL})
    through, kept_back = placed([[mild, TEXT, grave]], context())
    assert {claim.title for claim in through} == {TEXT.title, NOTHING.title}
    assert [(one.finding.title, one.reason) for one in kept_back] == [(mild.title, ON_LINE)]


def test_a_line_is_quoted_as_it_was_shown_without_the_secret_in_it() -> None:
    shown = Redactor().redact(f'    key = "{LEAK}"')
    (claim,) = claims(report(2, shown), of=context(added=range(1, 10)))
    assert claim.line == 2
    assert LEAK not in claim.model_dump_json()


def test_a_secret_a_model_brings_along_is_taken_out() -> None:
    (claim,) = claims(
        report(4, "return sum(order.items)", detail=f"It sends {LEAK}.", evidence=LEAK, rule=LEAK)
    )
    assert LEAK.lower() not in claim.model_dump_json().lower()


def test_another_wording_of_the_rule_is_still_the_same_finding() -> None:
    names = {
        claims(report(4, "return sum(order.items)", rule=rule))[0].fingerprint
        for rule in ("a-b", "Sum of None!")
    }
    assert len(names) == 1


def test_a_finding_is_the_same_whatever_else_is_found() -> None:
    first = report(4, "return sum(order.items)", severity="minor", title="Adds up text")
    second = report(9, "return order.items[0]", severity="critical", title="Nothing is there")
    together = {claim.line: claim.fingerprint for claim in claims(first, second)}
    alone = {claim.line: claim.fingerprint for one in (first, second) for claim in claims(one)}
    assert together == alone


def test_an_exact_edit_becomes_a_suggestion() -> None:
    edit = {"first_line": 4, "last_line": 4, "replacement": "        return sum(order.prices)"}
    (claim,) = claims(report(4, "return sum(order.items)", suggestion=edit))
    assert claim.suggestion is not None
    assert claim.suggestion.replaces == ("        return sum(order.items)",)
    assert claim.suggestion.lines == ("        return sum(order.prices)",)


def test_an_edit_elsewhere_or_of_nothing_is_no_suggestion() -> None:
    same = "        return sum(order.items)"
    for edit in (
        {"first_line": 7, "last_line": 8, "replacement": "x"},
        {"first_line": 4, "last_line": 4, "replacement": same},
        {"first_line": 4, "last_line": 400, "replacement": "x"},
        {"first_line": 2, "last_line": 4, "replacement": "x"},
        {"first_line": 4, "last_line": 4, "replacement": "a\u202eb"},
        {"first_line": 4, "last_line": 4, "replacement": LEAK},
        {"first_line": 4, "last_line": 4, "replacement": "x" * 10_000},
    ):
        (claim,) = claims(report(4, "return sum(order.items)", suggestion=edit))
        assert claim.suggestion is None, edit


@given(
    st.builds(
        finding,
        path=st.sampled_from(["app/orders.py", "orders.py", "../../etc/passwd", "\0", "a\nb"])
        | st.text(max_size=20),
        line=st.integers(-5, 10**9),
        anchor=st.text(max_size=60) | st.sampled_from(CODE.split("\n")),
        title=st.text(max_size=300),
        detail=st.text(max_size=50).map(lambda text: text * 100),
        evidence=st.text(max_size=50),
        rule=st.text(max_size=100),
        symbols=st.lists(st.text(max_size=20), max_size=9),
    )
)
def test_whatever_a_model_says_becomes_a_bounded_claim_on_a_line_or_a_reason(one: ReportedFinding) -> None:
    of = context()
    through, kept_back = placed([[one]], of)
    assert len(through) + len(kept_back) == 1
    for claim in through:
        assert claim.path == "app/orders.py"
        assert claim.line in range(1, CODE.count("\n") + 1)
        assert claim.anchor
        assert claim.anchor in Redactor().redact(CODE)
    for told in (*through, *(one.finding for one in kept_back)):
        assert len(told.title) <= 70
        assert len(told.detail) <= 900
        assert told.fingerprint
        told.model_dump_json()


def test_a_severity_in_the_words_of_another_scale_is_understood() -> None:
    words = {"High": "critical", " medium ": "major", "LOW": "minor", "Blocker": "blocker", "nit": "info"}
    for said, meant in words.items():
        assert report(4, "x", severity=said).severity.value == meant


# --- which line is meant ---

TWINS = [f"row_{number} = {number}" for number in range(60)]
TWINS[10] = TWINS[50] = "    return cached"
TWINS[20], TWINS[45] = "pytest-runner", "pytest-runner==5 ; x"


def edited(before: list[str], after: list[str], near: int = 3) -> AgentContext:
    """A file between two texts, in hunks with `near` lines around each change."""
    was, now = "".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after)
    file = file_between("t.py", was, now, near=near)
    return AgentContext(
        request=REQUEST,
        change=change_of(file),
        snapshot=DictSnapshot({"t.py": now}),
        config=RepoConfig(),
        redactor=Redactor(),
    )


def place(of: AgentContext, line: int, anchor: str) -> tuple[int | None, int | None]:
    """The old and the new number of the line on which the claim stands."""
    (claim,) = claims(report(line, anchor, path="t.py"), of=of)
    return claim.old_line, claim.line


def test_a_removed_line_is_meant_though_the_same_text_stands_unchanged_elsewhere() -> None:
    of = edited(TWINS, [line for number, line in enumerate(TWINS) if number not in (10, 20)])
    assert place(of, 11, "    return cached") == (11, None)
    assert place(of, 49, "    return cached") == (None, 49)


def test_a_removed_line_that_reads_as_quoted_is_meant_before_a_longer_one_at_head() -> None:
    of = edited(TWINS, [line for number, line in enumerate(TWINS) if number not in (10, 20)])
    assert [place(of, line, "pytest-runner") for line in (21, 44, 9)] == [(21, None)] * 3
    assert place(of, 44, "pytest-runner==5") == (None, 44)


def test_without_the_right_number_a_line_of_the_diff_is_meant_before_a_nearer_one_outside() -> None:
    rows = [f"row_{number}" for number in range(40)]
    rows[2] = rows[30] = "    return cached"
    of = edited(rows, [*rows[:30], "added", *rows[30:]])
    assert place(of, 8, "    return cached") == (None, 32)


def test_of_one_number_and_text_on_both_sides_what_is_added_is_meant_and_else_what_is_removed() -> None:
    assert place(edited(["a", "old line"], ["b", "  old line"]), 2, "old line") == (None, 2)
    assert place(edited(["a", "old line", "b", "old line"], ["b", "old line"]), 2, "old line") == (2, None)


SAID = [
    "a",
    "b",
    "a b",
    "- a",
    "+ b",
    "12 a",
    "  a",
    "return total(items)",
    "x = return total(items)",
    "q" * 450,
]
TEXTS = st.lists(st.sampled_from([*SAID, "", "}"]), max_size=14)


@settings(max_examples=120, deadline=None)
@given(before=TEXTS, after=TEXTS, near=st.integers(0, 3))
def test_whoever_reports_a_shown_line_with_its_number_and_its_text_gets_that_line(
    before: list[str], after: list[str], near: int
) -> None:
    """As the diff shows it: a removed line has its old number only, and its number and text may be those of another."""
    of = edited(before, after, near)
    shown = list(of.change.files[0].lines())
    taken = {(line.new, flat(line.text)): line for line in shown if line.side is Side.CONTEXT}
    taken |= {(line.old, flat(line.text)): line for line in shown if line.side is Side.REMOVED}
    taken |= {(line.new, flat(line.text)): line for line in shown if line.side is Side.ADDED}
    for (number, _), line in taken.items():
        if number and quoted_line(cut(line.text)):
            meant = (line.old, None) if line.side is Side.REMOVED else (None, line.new)
            assert place(of, number, cut(line.text)) == meant
