"""What counts as found, and the figures that follow."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.findings import Finding, Severity
from bot.evaluation.cases import Case, Defect, Place, Story
from bot.evaluation.score import NEAR, Cost, Reviewed, by_kind, by_language, matches, paired, score, spread

PATHS = ("app.py", "shop/cart.py")


def planted(path: str = "app.py", line: int = 20, **other: object) -> Defect:
    plausible: dict[str, object] = {
        "kind": "off-by-one",
        "severity": Severity.MAJOR,
        "about": "The last page is counted twice.",
        "keywords": ("last page", "empty page"),
    }
    return Defect.model_validate({"path": path, "line": line} | plausible | other)


def said(path: str = "app.py", line: int | None = 20, rule: str = "wrong-result", **other: object) -> Finding:
    fields = {
        "rule": rule,
        "severity": Severity.MAJOR,
        "path": path,
        "line": line,
        "title": "It breaks",
    } | other
    return Finding.model_validate(fields)


def case(*defects: Defect, slug: str = "pages", language: str = "python") -> Case:
    story = Story(title="Pages", description="Count pages.", language=language, kind="any", defects=defects)
    return Case(slug, story, {}, {})


def reviewed(of: Case, *findings: Finding, cost: Cost | None = None) -> Reviewed:
    return Reviewed(of, findings, cost or Cost())


lines = st.integers(1, 40)
defects = st.builds(planted, path=st.sampled_from(PATHS), line=lines)
findings = st.builds(said, path=st.sampled_from(PATHS), line=st.none() | lines)


# --- what matches ---


@given(offset=st.integers(-10, 10))
def test_a_finding_is_about_a_defect_within_three_lines(offset: int) -> None:
    assert matches(said(line=20 + offset), planted(line=20)) == (abs(offset) <= NEAR)


@given(first=lines, length=st.integers(0, 9), offset=st.integers(-10, 20))
def test_a_span_counts_from_its_first_to_its_last_line(first: int, length: int, offset: int) -> None:
    defect = planted(line=first, lines=(first, first + length))
    near = -NEAR <= offset <= length + NEAR
    assert (
        matches(
            said(line=first + 100 + offset),
            planted(line=first + 100, lines=(first + 100, first + 100 + length)),
        )
        == near
    )
    assert matches(said(line=first), defect)


def test_the_same_line_of_another_file_is_something_else() -> None:
    assert not matches(said("shop/cart.py"), planted("app.py"))


def test_a_defect_may_be_told_where_it_shows() -> None:
    caller = Place(path="shop/cart.py", lines=(7, 7))
    assert matches(said("shop/cart.py", 8), planted(also=(caller,)))
    assert not matches(said("shop/cart.py", 8), planted())


def test_a_removed_line_counts_in_the_old_file() -> None:
    removal = planted(line=20, removed=(90, 92))
    assert matches(said(line=None, old_line=94), removal)
    assert not matches(said(line=None, old_line=20), removal)
    assert not matches(said(line=91), removal)
    assert not matches(said(line=None, old_line=91), planted(line=91))


@pytest.mark.parametrize("path", ["app.py", ""])
def test_a_finding_on_no_line_needs_a_word_of_the_defect(path: str) -> None:
    assert matches(said(path, None, detail="There is an Empty Page at the end."), planted())
    assert not matches(said(path, None, detail="Consider a better name."), planted())


def test_a_word_does_not_help_a_finding_on_a_wrong_line_or_file() -> None:
    assert not matches(said(line=35, detail="the last page"), planted(line=20))
    assert not matches(said("shop/cart.py", None, detail="the last page"), planted())


# --- pairs ---


@given(st.lists(findings, max_size=6), st.lists(defects, max_size=4))
def test_pairs_are_matches_one_to_one(some: list[Finding], wanted: list[Defect]) -> None:
    pairs = paired(some, wanted)
    assert len(set(pairs.values())) == len(pairs)
    assert all(matches(some[finding], wanted[defect]) for finding, defect in pairs.items())


@given(st.data(), st.lists(findings, max_size=6), st.lists(defects, max_size=4))
def test_the_order_of_findings_does_not_matter(
    data: st.DataObject, some: list[Finding], wanted: list[Defect]
) -> None:
    other = data.draw(st.permutations(some))
    assert len(paired(some, wanted)) == len(paired(other, wanted))


@given(st.lists(findings, max_size=5), st.lists(defects, max_size=4))
@settings(max_examples=60)
def test_there_are_as_many_pairs_as_can_be(some: list[Finding], wanted: list[Defect]) -> None:
    assert len(paired(some, wanted)) == _most(some, wanted)


def _most(some: Sequence[Finding], wanted: Sequence[Defect]) -> int:
    """By trying everything."""
    if not wanted:
        return 0
    without = _most(some, wanted[1:])
    with_first = (
        1 + _most([*some[:at], *some[at + 1 :]], wanted[1:])
        for at, finding in enumerate(some)
        if matches(finding, wanted[0])
    )
    return max([without, *with_first])


def test_two_defects_side_by_side_are_both_found() -> None:
    both = reviewed(case(planted(line=20), planted(line=23)), said(line=22), said(line=18))
    assert len(both.found) == 2
    assert both.wrong == []


def test_a_second_finding_on_one_defect_is_one_too_many() -> None:
    twice = reviewed(case(planted(line=20)), said(line=20), said(line=21))
    assert len(twice.wrong) == 1
    assert score([twice]).recall == 1.0
    assert score([twice]).precision == 0.5


# --- figures ---


def test_a_model_that_finds_nothing_has_recall_0_and_no_precision() -> None:
    quiet = score([reviewed(case(planted()))])
    assert quiet.recall == 0.0
    assert quiet.precision is None


def test_a_model_that_says_rubbish_has_precision_0() -> None:
    wild = score([reviewed(case(planted(line=20)), said(line=35)), reviewed(case(), said(line=1))])
    assert wild.precision == 0.0
    assert wild.recall == 0.0
    assert wild.silence == 0.0
    assert wild.comments_per_change == 1.0


def test_a_set_of_clean_changes_has_no_recall() -> None:
    assert score([reviewed(case())]).recall is None


def test_what_a_check_finds_is_counted_apart() -> None:
    by_check = said(line=20, rule="python/B006")
    one = score([reviewed(case(planted(line=20)), by_check)])
    assert (one.found, one.comments, one.recall, one.precision) == (0, 0, 0.0, None)
    assert (one.check_comments, one.check_hits, one.recall_with_checks) == (1, 1, 1.0)


def test_a_defect_that_model_and_check_find_counts_once() -> None:
    both = reviewed(case(planted(line=20)), said(line=20), said(line=20, rule="python/B006"))
    assert score([both]).recall_with_checks == 1.0
    assert score([both]).with_checks == 1


def test_a_comment_of_a_check_ends_the_silence_on_a_clean_change() -> None:
    assert score([reviewed(case(), said(rule="python/S608")), reviewed(case())]).silence == 0.5


def test_costs_add_up_and_are_told_per_change() -> None:
    cost = Cost(calls=3, tokens=1_000, cached_tokens=400, cost_usd=0.5, seconds=4.0)
    one = score([reviewed(case(), cost=cost), reviewed(case(), cost=Cost(calls=1))])
    assert one.cost == Cost(4, 1_000, 400, 0.5, 4.0)
    assert (one.calls_a_change, one.tokens_a_change, one.dollars_a_change) == (2.0, 500.0, 0.25)
    assert score([reviewed(case())]).dollars_a_change is None


@given(st.lists(st.builds(lambda wanted, some: reviewed(case(*wanted), *some),
                          st.lists(defects, max_size=2), st.lists(findings, max_size=4)), max_size=6))  # fmt: skip
@settings(max_examples=60)
def test_shares_stay_within_0_and_1_and_parts_add_up(every: list[Reviewed]) -> None:
    of = score(every)
    shares = (of.recall, of.precision, of.silence, of.recall_with_checks)
    assert all(share is None or 0.0 <= share <= 1.0 for share in shares)
    assert of.found + sum(len(one.wrong) for one in every) == of.comments
    assert of.found + sum(len(one.missed) for one in every) == of.planted
    assert sum(row.found for row in by_kind(every)) == of.found
    assert sum(row.score.found for row in by_language(every)) == of.found


def test_kinds_come_with_those_most_often_missed_first() -> None:
    every = [
        reviewed(case(planted(kind="xss")), said()),
        reviewed(case(planted(kind="race"))),
        reviewed(case(planted(kind="race")), said()),
    ]
    rows = [(row.kind, row.planted, row.found) for row in by_kind(every)]
    assert rows == [("race", 2, 1), ("xss", 1, 1)]


def test_a_language_has_its_own_figures() -> None:
    every = [
        reviewed(case(planted(), language="go")),
        reviewed(case(planted(), language="c"), said()),
    ]
    assert [(row.language, row.score.recall) for row in by_language(every)] == [("c", 1.0), ("go", 0.0)]


def test_several_runs_have_a_median_and_a_spread() -> None:
    found, missed = reviewed(case(planted()), said()), reviewed(case(planted()))
    runs = [score([found, missed]), score([found, found]), score([missed, missed])]
    over = spread(runs, lambda one: one.recall)
    assert over is not None
    assert (over.median, over.low, over.high) == (0.5, 0.0, 1.0)


def test_a_figure_that_no_run_has_has_no_spread() -> None:
    assert spread([score([reviewed(case())])], lambda one: one.recall) is None


def test_a_figure_that_some_runs_lack_is_told_of_the_others() -> None:
    runs = [score([reviewed(case())]), score([reviewed(case(), said())])]
    over = spread(runs, lambda one: one.precision)
    assert over is not None
    assert math.isclose(over.median, 0.0)
