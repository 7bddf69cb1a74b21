"""The tokens of one run: reserved before, settled after."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import OverBudget
from bot.llm.budget import RunBudget, RunReservation, over_budget


def test_what_fits_exactly_is_let_through_and_one_token_more_is_not() -> None:
    budget = RunBudget(100)
    budget.reserve(60)
    budget.reserve(40)
    with pytest.raises(OverBudget):
        budget.reserve(1)


def test_settling_frees_what_was_not_needed() -> None:
    budget = RunBudget(100)
    budget.reserve(90).settle(10)
    budget.reserve(90)


def test_settling_with_nothing_paid_frees_everything() -> None:
    budget = RunBudget(100)
    budget.reserve(100).settle(0)
    budget.reserve(100)


def test_what_took_more_than_was_guessed_is_counted_in_full() -> None:
    budget = RunBudget(100)
    budget.reserve(10).settle(95)
    with pytest.raises(OverBudget, match="of 100 tokens too few"):
        budget.reserve(10)


def test_settling_twice_counts_once() -> None:
    budget = RunBudget(100)
    reservation = budget.reserve(50)
    reservation.settle(50)
    reservation.settle(50)
    budget.reserve(50)


@pytest.mark.parametrize(
    ("scope", "whose", "setting"),
    [
        ("run", "this run", "TRIVET_BUDGET__RUN_TOKENS"),
        ("merge_request", "this merge request today", "TRIVET_BUDGET__MR_TOKENS"),
        ("day", "all runs together today", "TRIVET_BUDGET__DAY_TOKENS"),
    ],
)
def test_a_refusal_tells_which_limit_its_number_and_what_raises_it(
    scope: str, whose: str, setting: str
) -> None:
    said = str(over_budget(scope, 1_000_000, 995_000, 12_345))
    assert said == (
        f"the budget of {whose} is used up: of 1,000,000 tokens too few are left for another request; "
        f"{setting} raises it"
    )


def test_what_is_only_set_aside_comes_back() -> None:
    budget = RunBudget(100)
    first = budget.reserve(90)
    with pytest.raises(OverBudget) as passing:
        budget.reserve(20)
    first.settle(85)
    with pytest.raises(OverBudget) as lasting:
        budget.reserve(20)
    assert (passing.value.is_passing, lasting.value.is_passing) == (True, False)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60), st.booleans()), max_size=40))
def test_what_is_spent_and_reserved_stays_under_the_limit(requests: list[tuple[int, int, bool]]) -> None:
    budget, open_ones, spent = RunBudget(100), dict[int, tuple[RunReservation, int]](), 0
    for number, (tokens, paid, ends) in enumerate(requests):
        try:
            open_ones[number] = (budget.reserve(tokens), tokens)
        except OverBudget:
            assert spent + sum(one for _, one in open_ones.values()) + tokens > 100
        if ends and open_ones:
            reservation, most = open_ones.pop(min(open_ones))
            reservation.settle(min(paid, most))
            spent += min(paid, most)
        assert spent + sum(one for _, one in open_ones.values()) <= 100


def test_threads_at_once_do_not_exceed_it() -> None:
    budget = RunBudget(1_000)

    def paid(_: int) -> int:
        try:
            budget.reserve(30).settle(20)
        except OverBudget:
            return 0
        return 20

    with ThreadPoolExecutor(16) as pool:
        assert 960 <= sum(pool.map(paid, range(500))) <= 1_000
