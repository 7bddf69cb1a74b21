"""A platform that fails in the middle of a look: the line says so where it happened, in the platform's words."""

from collections.abc import Iterable, Iterator
from typing import Final

from bot.entry.doctor.check import Check, wrong
from bot.errors import PlatformError, Unavailable

LATER: Final = "try again when {topic} answers"
AGAIN: Final = "put that right and look again"


def guarded(topic: str, name: str, checks: Iterable[Check]) -> Iterator[Check]:
    """A fault costs the rest of these lines, and is one of its own. What a platform said is no advice of ours."""
    try:
        yield from checks
    except Unavailable as error:
        yield wrong(topic, name, str(error), LATER.format(topic=topic))
    except PlatformError as error:
        yield wrong(topic, name, str(error), AGAIN)
