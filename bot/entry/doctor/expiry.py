"""When a token expires, in words, and whether that is soon."""

from datetime import UTC, date, datetime
from typing import Final

NOTED_DAYS: Final = 14

NEVER = "does not expire"
EXPIRES = "expires on {day}, in {days}"


def expires(day: date | None) -> str:
    """ "expires on 2031-05-01, in 3 days". `day` None: it never does."""
    return EXPIRES.format(day=day, days=_days(_days_left(day))) if day else NEVER


def is_soon(day: date | None) -> bool:
    return day is not None and _days_left(day) <= NOTED_DAYS


def _days_left(day: date) -> int:
    return (day - datetime.now(UTC).date()).days


def _days(count: int) -> str:
    return "a day" if count == 1 else f"{count} days"
