"""What was decided on a version that is no longer the newest is read and decided again."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from bot.gateways.http import Conflict

TRIES: Final = 3
T = TypeVar("T")


def settled(work: Callable[[], T]) -> T:
    """What `work` returns, done again where it met a Conflict. Raises the last one: the job is put back."""
    for _ in range(TRIES - 1):
        with suppress(Conflict):
            return work()
    return work()
