"""What counts as judged right, and the figures that follow."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.criteria import Criterion
from bot.domain.ledger import Ledger, Proof, Row, State
from bot.evaluation.ledger_cases import Asked, LedgerCase, LedgerStory, Outside, Shown, Truth
from bot.evaluation.ledger_score import (
    STATES,
    Judged,
    by_trap,
    confusion,
    ledger_score,
    ledgers_by_language,
    outside_path,
)
from bot.evaluation.score import Cost

PATH, ELSEWHERE = "app/cart.py", "app/README.md"
states = st.sampled_from(STATES)


def truth(state: State, *also: State, trap: str = "") -> Truth:
    proof = (Shown(path=PATH, line=3),) if state in ("met", "partly") else ()
    return Truth(text="It works", state=state, also=also, trap=trap, proof=proof, why="Line 3 does it.")


def case(*truths: Truth, language: str = "python", **other: object) -> LedgerCase:
    fields = {
        "title": "SHOP-1 Carts",
        "description": "Carts.",
        "language": language,
        "form": "heading",
        "issue": Asked(key="SHOP-1", title="Carts", description="Carts."),
        "criteria": truths,
    }
    story = LedgerStory.model_validate(fields | other)
    criteria = tuple(Criterion(id=str(number), text=one.text) for number, one in enumerate(truths))
    return LedgerCase("carts", story, {}, {}, criteria)


def judged(
    of: LedgerCase,
    *said: State,
    path: str = PATH,
    outside: Sequence[str] = (),
    cost: Cost | None = None,
) -> Judged:
    rows = [
        Row(issue="SHOP-1", criterion=one.id, text=one.text, state=state, proof=_proof(state, path))
        for one, state in zip(of.criteria, said, strict=True)
    ]
    return Judged(of, Ledger(rows=tuple(rows), outside=tuple(outside)), cost or Cost())


def _proof(state: State, path: str) -> tuple[Proof, ...]:
    return (Proof(path=path, line=3, quote="return total"),) if state in ("met", "partly") else ()


# --- states ---


@given(known=states, said=states)
def test_a_state_is_right_where_it_is_the_known_one(known: State, said: State) -> None:
    of = ledger_score([judged(case(truth(known)), said)])
    assert (of.right, of.criteria) == (int(known == said), 1)


@pytest.mark.parametrize(("said", "right"), [("partly", 1), ("missing", 1), ("met", 0), ("unclear", 0)])
def test_a_state_that_can_be_defended_as_well_is_right(said: State, right: int) -> None:
    assert ledger_score([judged(case(truth("partly", "missing")), said)]).right == right


@given(known=states, said=states)
def test_met_is_false_wherever_it_is_not_known_so(known: State, said: State) -> None:
    of = ledger_score([judged(case(truth(known)), said)])
    assert of.false_met == int(said == "met" and known != "met")
    assert of.not_met == int(known != "met")
    assert of.met_seen == int(said == known == "met")


def test_figures_of_nothing_are_none() -> None:
    of = ledger_score([judged(case(truth("missing")), "missing")])
    assert (of.met_seen_share, of.in_place_share, of.named_share) == (None, None, None)
    assert of.false_met_share == 0.0


def test_every_state_is_counted_against_every_other() -> None:
    one = judged(case(truth("met"), truth("partly"), truth("missing")), "met", "met", "unclear")
    counts = confusion([one, one])
    assert (counts["met"]["met"], counts["partly"]["met"], counts["missing"]["unclear"]) == (2, 2, 2)
    assert sum(sum(row.values()) for row in counts.values()) == 6


# --- proofs ---


def test_a_proof_in_the_known_file_is_in_place_whatever_its_line() -> None:
    of = ledger_score([judged(case(truth("met")), "met")])
    assert (of.proofs, of.in_place, of.in_place_share) == (1, 1, 1.0)


def test_a_proof_in_another_file_is_not_in_place() -> None:
    of = ledger_score([judged(case(truth("met")), "met", path=ELSEWHERE)])
    assert (of.right, of.proofs, of.in_place) == (1, 1, 0)


def test_the_proof_of_a_wrong_state_is_not_asked_for() -> None:
    of = ledger_score([judged(case(truth("missing"), truth("met")), "met", "missing")])
    assert (of.false_met, of.proofs) == (1, 0)


# --- what lies outside ---


WIDE = case(
    truth("met"),
    outside=(
        Outside(about="a discount", paths=("app/discount.py", "app/rules.py")),
        Outside(about="a timeout", paths=("app/http.py",)),
    ),
    tolerated=("README.md",),
)


def test_a_part_is_named_by_any_of_its_files_and_only_once() -> None:
    one = judged(WIDE, "met", outside=("discounts (app/discount.py)", "rules (app/rules.py)"))
    assert [part.about for part in one.named] == ["a discount"]
    assert [part.about for part in one.unnamed] == ["a timeout"]
    assert one.falsely_named == []


def test_a_tolerated_file_may_be_named_or_not() -> None:
    named = judged(WIDE, "met", outside=("a typo (README.md)",))
    assert (named.falsely_named, judged(WIDE, "met").falsely_named) == ([], [])


def test_what_the_issue_asks_for_is_falsely_named() -> None:
    one = judged(WIDE, "met", outside=("the cart (app/cart.py)",))
    assert one.falsely_named == ["the cart (app/cart.py)"]
    assert ledger_score([one, judged(WIDE, "met")]).falsely_named_a_change == 0.5


def test_the_file_is_what_stands_last_in_the_phrase() -> None:
    assert outside_path("retries (three of them) for downloads (src/http.py)") == "src/http.py"


# --- groups and sums ---


def test_traps_come_with_those_that_worked_most_often_first() -> None:
    wanted = case(truth("missing", trap="wrong-unit"), truth("unclear", trap="process"), truth("met"))
    groups = by_trap([judged(wanted, "met", "unclear", "met"), judged(wanted, "missing", "unclear", "met")])
    rows = [(one.name, one.criteria, one.right, one.false_met) for one in groups]
    assert rows == [("wrong-unit", 2, 1, 1), ("process", 2, 2, 0)]


def test_a_language_has_its_own_figures() -> None:
    every = [
        judged(case(truth("met"), language="go"), "met"),
        judged(case(truth("met"), language="c"), "unclear"),
    ]
    assert [(one.name, one.right) for one in ledgers_by_language(every)] == [("c", 0), ("go", 1)]


def test_costs_add_up_and_are_told_per_change() -> None:
    cost = Cost(calls=3, tokens=1_000, cached_tokens=400, cost_usd=0.5, seconds=4.0)
    of = ledger_score([judged(case(truth("met")), "met", cost=cost), judged(case(truth("met")), "met")])
    assert (of.calls_a_change, of.tokens_a_change, of.dollars_a_change) == (1.5, 500.0, 0.25)


@given(st.lists(st.tuples(states, states), min_size=1, max_size=12))
@settings(max_examples=60)
def test_parts_add_up(pairs: list[tuple[State, State]]) -> None:
    one = judged(case(*(truth(known) for known, _ in pairs)), *(said for _, said in pairs))
    of, counts = ledger_score([one]), confusion([one])
    assert of.right == sum(counts[state][state] for state in STATES)
    assert of.false_met == sum(counts[state]["met"] for state in STATES if state != "met")
    assert of.met + of.not_met == of.criteria == len(pairs)
    assert of.in_place == of.proofs <= of.right
