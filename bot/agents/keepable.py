"""What a model said as it may be kept: no secret, nothing longer than any use of it, numbers msgpack can hold."""

from itertools import islice
from typing import Any, Final

from bot.agents.shown import safe_text
from bot.domain.secrets import Redactor

MOST_ITEMS: Final = 20  # of a list or an object that a model sent
DEPTH: Final = 4  # of lists and objects in one another
LONGEST_NAME: Final = 100  # characters
LONGEST_TEXT: Final = 10_000
LARGEST: Final = 2**53


def keepable(value: Any, redactor: Redactor, depth: int = DEPTH) -> Any:
    """JSON data of any size and shape as plain data of a bounded one."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(-LARGEST, min(value, LARGEST))
    if isinstance(value, list):
        return [keepable(one, redactor, depth - 1) for one in value[:MOST_ITEMS]] if depth else []
    if isinstance(value, dict):
        items = islice(value.items() if depth else (), MOST_ITEMS)
        return {
            safe_text(str(name)[:LONGEST_NAME], redactor): keepable(one, redactor, depth - 1)
            for name, one in items
        }
    return safe_text(str(value)[:LONGEST_TEXT], redactor)
