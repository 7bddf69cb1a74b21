"""Code around the changed lines, for a model that cannot read for itself, and for a second look at a claim."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bot.agents.review.reading import answer
from bot.agents.review.schema import Segment
from bot.agents.review.shown import shown_name
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, Line, Side
from bot.domain.findings import Finding

REACH: Final = 40  # lines above and below
MOST_CHARACTERS: Final = 24_000
MOST_NAMES: Final = 4
SHORTEST_NAME: Final = 4
BLOCK: Final = "=== {path}, lines {first} to {last}\n{code}"
USES: Final = "=== where {name} occurs\n{found}"
DEFINES: Final = re.compile(
    r"\b(?:def|class|func|function|fn|interface|struct|enum|trait|type|sub|const)\s+(?:\([^)]{0,80}\)\s*)?([A-Za-z_]\w{0,79})"
)

Span = tuple[int, int]


def around_segments(context: AgentContext, segments: Sequence[Segment]) -> str:
    """What stands around the segments at head, and where the names that they define occur."""
    parts: list[str] = []
    for place, first, last in segments:
        file = context.change.files[place]
        lines = list(file.lines())[first:last]
        parts += _blocks(context, file, [line.new for line in lines if line.new is not None])
    parts += _uses(context, segments)
    return _bounded(parts)


def around_claims(context: AgentContext, claims: Iterable[Finding]) -> str:
    """What stands around each claim's line at head."""
    parts: list[str] = []
    for path in dict.fromkeys(claim.path for claim in claims):
        file = context.change.file(path)
        lines = [claim.line or _near(file, claim) for claim in claims if claim.path == path]
        parts += _blocks(context, file, lines) if file else []
    return _bounded(parts)


def _near(file: FileChange | None, claim: Finding) -> int:
    """The line at head next to a removed one."""
    after = 1
    for line in file.lines() if file else ():
        after = line.new or after
        if line.old == claim.old_line and line.side is Side.REMOVED:
            break
    return after


def _blocks(context: AgentContext, file: FileChange, lines: Sequence[int]) -> list[str]:
    if file.status is FileStatus.DELETED or not lines:
        return []
    return [_block(context, file.path, span) for span in _spans(sorted(lines))]


def _spans(lines: Sequence[int]) -> Iterator[Span]:
    """Ranges of lines that reach from one to the next."""
    first = last = lines[0]
    for line in lines[1:]:
        if line - last > 2 * REACH:
            yield max(1, first - REACH), last + REACH
            first = line
        last = line
    yield max(1, first - REACH), last + REACH


def _block(context: AgentContext, path: str, span: Span) -> str:
    first, last = span
    asked = {"path": path, "first": first, "last": last}
    code = answer("read_lines", asked, context.snapshot, context.redactor)
    return BLOCK.format(path=shown_name(path, context.redactor), first=first, last=last, code=code)


def _uses(context: AgentContext, segments: Sequence[Segment]) -> list[str]:
    return [
        USES.format(
            name=name,
            found=answer("search", {"text": name, "folder": ""}, context.snapshot, context.redactor, 2_000),
        )
        for name in list(dict.fromkeys(_defined(context, segments)))[:MOST_NAMES]
    ]


def _defined(context: AgentContext, segments: Sequence[Segment]) -> Iterator[str]:
    """Names whose definition the change touches."""
    for place, first, last in segments:
        for line in list(context.change.files[place].lines())[first:last]:
            yield from _names(line)


def _names(line: Line) -> Iterator[str]:
    if line.side is not Side.CONTEXT and len(line.text) < 1_000:
        yield from (name for name in DEFINES.findall(line.text) if len(name) >= SHORTEST_NAME)


def _bounded(parts: Sequence[str]) -> str:
    return "\n\n".join(parts)[:MOST_CHARACTERS]
