"""Merge conflict markers on added lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from bot.agents.review.checks.contract import Hit, capped, is_example, milder, quoted, readable
from bot.domain.change import ChangeSet, FileChange, Line, Side
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from bot.ports import Snapshot

TITLE = "Unresolved merge conflict"
DETAIL = (
    "Git's conflict markers are in the file, with both versions of the lines between them. "
    "Keep what is meant of the two and delete the markers."
)
EVIDENCE = "Markers on added lines: {markers}."

OPENING, BASE, MIDDLE, CLOSING = "<<<<<<<", "|||||||", "=======", ">>>>>>>"


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker line and the number of its hunk in the file."""

    kind: str
    line: Line
    hunk: int


def check(change: ChangeSet, snapshot: Snapshot, redactor: Redactor) -> Iterator[Finding]:
    """One finding for each conflict."""
    for file in readable(change):
        yield from capped(_hit(file, block, redactor) for block in _blocks(_markers(file)))


def _markers(file: FileChange) -> Iterator[_Marker]:
    for number, hunk in enumerate(file.hunks):
        for line in hunk.lines:
            if line.side is Side.ADDED and (kind := _kind(line.text.rstrip("\r"))):
                yield _Marker(kind, line, number)


def _kind(text: str) -> str | None:
    """Seven signs at the start of the line, then a blank and a label; the middle one stands alone."""
    sign, rest = text[:7], text[7:]
    if sign == MIDDLE:
        return MIDDLE if not rest else None
    return sign if sign in (OPENING, BASE, CLOSING) and (not rest or rest[0] == " ") else None


def _blocks(markers: Iterable[_Marker]) -> Iterator[list[_Marker]]:
    """Markers of one conflict each.

    A middle marker alone is a heading's underline, a closing one without a middle before it a deep quotation.
    """
    block: list[_Marker] = []
    for marker in markers:
        if marker.kind == OPENING:
            if _is_conflict(block):
                yield block
            block = [marker]
        elif marker.kind == CLOSING:
            if _is_conflict([*block, marker]):
                yield [*block, marker]
            block = []
        else:
            block.append(marker)
    if _is_conflict(block):
        yield block


def _is_conflict(block: list[_Marker]) -> bool:
    kinds = {marker.kind for marker in block}
    return OPENING in kinds or kinds >= {MIDDLE, CLOSING}


def _hit(file: FileChange, block: list[_Marker], redactor: Redactor) -> Hit:
    severity = milder(Severity.BLOCKER) if is_example(file.path) else Severity.BLOCKER
    return Hit(severity, block[0].line.new, partial(_finding, file, block, severity, redactor))


def _finding(file: FileChange, block: list[_Marker], severity: Severity, redactor: Redactor) -> Finding:
    first, last = block[0], block[-1]
    whole = last.kind == CLOSING and first is not last and first.hunk == last.hunk
    return Finding(
        rule="conflicts/marker",
        severity=severity,
        path=file.path,
        line=first.line.new,
        end_line=last.line.new if whole else None,
        anchor=quoted(first.line.text, redactor),
        title=TITLE,
        detail=DETAIL,
        evidence=EVIDENCE.format(markers=", ".join(f"{one.kind} (line {one.line.new})" for one in block[:8])),
    )
