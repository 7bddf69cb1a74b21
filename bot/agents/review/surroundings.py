"""Code around the changed lines, for a model that cannot read for itself, and for a second look at a claim."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from bot.agents.reading import MOST_CHARACTERS, MOST_LINES, answer
from bot.agents.review.schema import Segment
from bot.agents.review.units import spans
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, Line, Side
from bot.domain.findings import Finding

REACH: Final = 40  # lines above and below
MOST_NAMES: Final = 4
MOST_FOUND: Final = 2_000  # characters about one of them
LONGEST_DEFINITION: Final = 1_000  # characters of a line that is looked at
SHORTEST_NAME: Final = 4
USES: Final = "=== where {name} occurs\n{found}"
CUT_HERE: Final = "\n(cut here)"
DEFINES: Final = re.compile(
    r"\b(?:def|class|func|function|fn|interface|struct|enum|trait|type|sub|const)\s+(?:\([^)]{0,80}\)\s*)?([A-Za-z_]\w{0,79})"
)


def around_segments(context: AgentContext, segments: Sequence[Segment], most: int) -> str:
    """What stands around the segments at head, and where names that they define occur; `most` is in characters."""
    parts: list[str] = []
    for place, first, last in segments:
        file = context.change.files[place]
        lines = list(file.lines())
        is_whole = file.status is FileStatus.ADDED and last - first == len(lines)
        numbers = [line.new for line in lines[first:last] if line.new is not None]
        parts += [] if is_whole else _blocks(context, file, numbers)
    return _bounded([*parts, *_uses(context, segments)], most)


def around_claims(context: AgentContext, claims: Sequence[Finding], most: int) -> str:
    """What stands around each claim's line at head, at most `most` characters. Of a new file the diff shows that."""
    parts: list[str] = []
    for file in filter(None, map(context.change.file, dict.fromkeys(claim.path for claim in claims))):
        if file.status is not FileStatus.ADDED:
            numbers = [claim.line or _near(file, claim) for claim in claims if claim.path == file.path]
            parts += _blocks(context, file, numbers)
    return _bounded(parts, most)


def _near(file: FileChange, claim: Finding) -> int:
    """The line at head next to a removed one."""
    after = 1
    for line in file.lines():
        after = line.new or after
        if line.old == claim.old_line and line.side is Side.REMOVED:
            break
    return after


def _blocks(context: AgentContext, file: FileChange, numbers: Sequence[int]) -> list[str]:
    if file.status is FileStatus.DELETED or not numbers:
        return []
    return [
        _answer(context, "read_lines", {"path": file.path, "first": first, "last": last})
        for first, last in spans(sorted(numbers), REACH, MOST_LINES)
    ]


def _answer(context: AgentContext, tool: str, arguments: dict[str, Any], most: int = MOST_CHARACTERS) -> str:
    return answer(tool, arguments, context.snapshot, context.redactor, most)


def _uses(context: AgentContext, segments: Sequence[Segment]) -> list[str]:
    names = list(dict.fromkeys(_defined(context, segments)))[:MOST_NAMES]
    return [
        USES.format(name=name, found=_answer(context, "search", {"text": name, "folder": ""}, MOST_FOUND))
        for name in names
    ]


def _defined(context: AgentContext, segments: Sequence[Segment]) -> Iterator[str]:
    """Names whose definition the change touches."""
    for place, first, last in segments:
        for line in islice(context.change.files[place].lines(), first, last):
            yield from _names(line)


def _names(line: Line) -> Iterator[str]:
    if line.side is not Side.CONTEXT and len(line.text) < LONGEST_DEFINITION:
        yield from (name for name in DEFINES.findall(line.text) if len(name) >= SHORTEST_NAME)


def _bounded(parts: Sequence[str], most: int) -> str:
    """The parts, cut after a line where they are longer; nothing where hardly a line would be left."""
    text = "\n\n".join(parts)
    if len(text) <= most:
        return text
    kept = text[: max(0, most - len(CUT_HERE))].rpartition("\n")[0]
    return kept + CUT_HERE if kept else ""
