"""Clocks and expiries as doctor judges them, whoever's they are."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.entry.doctor.clock import OF_PLATFORMS, OF_QUEUE, Tolerance, clock_check
from bot.entry.doctor.expiry import expires, is_soon
from bot.sources.signatures import TOLERANCE_SECONDS


@pytest.mark.parametrize("tolerance", [OF_PLATFORMS, OF_QUEUE])
@pytest.mark.parametrize(("side", "words"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_is_judged_by_how_much_it_may_be_off(tolerance: Tolerance, side: int, words: str) -> None:
    apart = {"fine": tolerance.noted, "note": tolerance.worst, "wrong": tolerance.worst + 1}
    found = {state: clock_check("Jira", side * seconds, tolerance) for state, seconds in apart.items()}
    assert {state: check.state for state, check in found.items()} == {state: state for state in apart}
    assert words in found["note"].said
    assert tolerance.why in found["wrong"].cure


def test_a_clock_is_wrong_where_our_signatures_would_be_refused() -> None:
    assert clock_check("GitLab", TOLERANCE_SECONDS + 1.0).state == "wrong"


def test_a_clock_that_is_not_told_is_said_not_to_be() -> None:
    found = clock_check("Jira", None)
    assert (found.state, "not compared" in found.said) == ("note", True)


@pytest.mark.parametrize(
    ("days", "said", "soon"), [(1, "in a day", True), (14, "in 14 days", True), (15, "in 15 days", False)]
)
def test_an_expiry_is_soon_from_two_weeks_before_on(days: int, said: str, soon: bool) -> None:
    day = datetime.now(UTC).date() + timedelta(days=days)
    assert expires(day) == f"expires on {day.isoformat()}, {said}"
    assert is_soon(day) is soon


def test_what_never_expires_never_does_so_soon() -> None:
    assert (expires(None), is_soon(None)) == ("does not expire", False)
