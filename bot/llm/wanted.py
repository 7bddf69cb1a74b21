"""Before a model is asked once more, it is looked whether the run shall go on at all.

A turn may take minutes, with its waits, repairs and steps down the ladder; a merge request may move on meanwhile.
Who runs the graph says how to look, around it; without that, every further request is wanted.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from bot.llm.messages import Usage

Look = Callable[[], None]

_LOOK: Final[ContextVar[Look | None]] = ContextVar("look", default=None)


class Unwanted(Exception):
    """A turn was given up, because the look raised `reason`. `usage`: of the request that was being made."""

    def __init__(self, usage: Usage, reason: Exception) -> None:
        super().__init__(str(reason))
        self.usage = usage
        self.reason = reason


@contextmanager
def wanted_while(look: Look) -> Iterator[None]:
    """The turns of this block call `look` before each further request, and end with what it raises."""
    token = _LOOK.set(look)
    try:
        yield
    except Unwanted as given_up:
        raise given_up.reason from None
    finally:
        _LOOK.reset(token)


async def still_wanted(usage: Usage) -> None:
    """Look once, in a turn of which a request has cost this already. Raises Unwanted, whatever the look raises."""
    look = _LOOK.get()
    if look is None:
        return
    try:
        await asyncio.to_thread(look)
    except Exception as reason:
        raise Unwanted(usage, reason) from reason
