"""Right before each request that changes something it is looked whether this process still may.

A process can stand still between any two steps, in a machine that is suspended say, and another have done its work
by the time it wakes. Who writes says how to look, around it; without that, every write is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Look = Callable[[], None]

_LOOK: Final[ContextVar[Look | None]] = ContextVar("look", default=None)


@contextmanager
def writing_while(look: Look) -> Iterator[None]:
    """Every request of this block that is no read calls `look` first, and is not sent where that raises."""
    token = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(token)


def before_request(method: str | None) -> None:
    """Raises what the look raises."""
    look = _LOOK.get()
    if look is not None and method not in READS:
        look()
