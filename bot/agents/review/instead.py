"""What stands at head in the place of a line that is gone: told from the lines beside it when it was last read."""

from collections.abc import Callable
from typing import Final

from bot.agents.review.commits import numbered
from bot.agents.review.quotes import Lines
from bot.agents.spec import AgentContext
from bot.domain.findings import Finding
from bot.errors import PlatformError, Unavailable
from bot.ports import Snapshot

NEIGHBOURS: Final = 40  # lines that may tell where one between them would be


def last_line(finding: Finding, before: Lines) -> int | None:
    """The finding's line when it was last read; None where it was gone before that."""
    last_seen = finding.line or 1
    return min(before.same(finding.anchor), key=lambda number: abs(number - last_seen), default=None)


def instead(was_at: int, before: Lines, head: Lines) -> int | None:
    """The line at head that is as far as this one was from the nearest line that both texts have just once."""
    for number in sorted(before.shown, key=lambda number: abs(number - was_at))[:NEIGHBOURS]:
        text = before.quote(number)
        if text and len(before.same(text)) == len(head.same(text)) == 1:
            return head.same(text)[0] + was_at - number
    return None


def lines_at_head(context: AgentContext, path: str) -> Lines:
    return _lines(context, path, lambda: context.snapshot)


def lines_before(context: AgentContext, path: str) -> Lines:
    """The file as the last review read it."""
    before, snapshot_at = context.reviewed, context.snapshot_at
    if before is None or not before.head or snapshot_at is None:
        return Lines({})
    return _lines(context, path, lambda: snapshot_at(before.head))


def _lines(context: AgentContext, path: str, repository: Callable[[], Snapshot]) -> Lines:
    """The file's lines as a model is shown them; none where it cannot be read. Raises Unavailable."""
    try:
        content = repository().read(path)
    except Unavailable:
        raise
    except PlatformError:
        return Lines({})
    return Lines(numbered(content or b"", context.redactor))
