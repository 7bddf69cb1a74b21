"""Where on GitLab a line can be commented: its rules for positions, as pure functions.

Sources: docs.gitlab.com/api/discussions ("Create a new thread in the merge request diff") for the numbers
a line has; GitLab's position.json schema for bounds, its lib/gitlab/diff/parser.rb for line codes.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.domain.actions import Position
from bot.domain.change import DiffRefs, FileChange, FileStatus, Hunk, Side
from bot.domain.diff import first_lines

MAX_PATH = 1000  # characters, position.json
SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a file's diff: the numbers a position names, and the counters its line code is made of."""

    side: Side
    old: int | None
    new: int | None
    counters: tuple[int, int]


def position(
    refs: DiffRefs,
    file: FileChange,
    *,
    line: int | None = None,
    old_line: int | None = None,
    end_line: int | None = None,
    head_lines: int | None = None,
) -> Position | None:
    """Where a comment on `line` (at head) or `old_line` (at base) stands; None where GitLab has no place.

    `end_line`, on the same side, makes it a span; a position then names the span's last line. Lines outside
    the hunks are taken to exist: `head_lines`, the number of lines at head, refuses those that do not.
    """
    number = line if line is not None else old_line
    if number is None or (line is not None and old_line is not None) or not _has_lines(file):
        return None
    side = Side.ADDED if line is not None else Side.REMOVED
    last = number if end_line is None else end_line
    start, end = _place(file, side, number), _place(file, side, last)
    if start is None or end is None or last < number or _beyond(end, head_lines):
        return None
    span = {"start": _end(file, start), "end": _end(file, end)} if last > number else None
    return _position(refs, file, end, span)


def file_position(refs: DiffRefs, file: FileChange) -> Position | None:
    """Where a comment on the file as a whole stands (`position_type` "file", GitLab 16.4 and newer)."""
    return _position(refs, file, None, None, kind="file") if _has_valid_paths(file) else None


def line_code(path: str, old: int, new: int) -> str:
    """GitLab's name of a diff line: SHA-1 of the new path, then both sides' running counters."""
    digest = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
    return f"{digest}_{old}_{new}"


def _has_lines(file: FileChange) -> bool:
    submodule = SUBMODULE in (file.old_mode, file.new_mode)
    return bool(file.hunks) and not (file.unread or file.binary or submodule) and _has_valid_paths(file)


def _has_valid_paths(file: FileChange) -> bool:
    return all(_is_valid_path(path) for path in (file.old_path, file.new_path))


def _is_valid_path(path: str) -> bool:
    """Whether JSON can carry the path (bytes that are not UTF-8 are surrogates) and the schema takes it."""
    unpaired = any("\ud800" <= char <= "\udfff" for char in path)
    return not unpaired and 0 < len(path) <= MAX_PATH


def _beyond(place: Place, head_lines: int | None) -> bool:
    return head_lines is not None and place.new is not None and place.new > head_lines


def _place(file: FileChange, side: Side, number: int) -> Place | None:
    """The line with this number on the old side (REMOVED) or the new one (ADDED)."""
    shift = 0  # new minus old number, after the hunks so far
    for hunk in file.hunks:
        old, new = first_lines(hunk)
        first, count = (old, hunk.old_count) if side is Side.REMOVED else (new, hunk.new_count)
        if number < first:
            break
        if number < first + count:
            return next(place for place in _places(hunk) if _number(place, side) == number)
        shift = (new + hunk.new_count) - (old + hunk.old_count)
    return _outside(file, side, number, shift)


def _outside(file: FileChange, side: Side, number: int, shift: int) -> Place | None:
    """A line between the hunks, there on both sides. A file added or deleted has no such lines."""
    if number < 1 or file.status in (FileStatus.ADDED, FileStatus.DELETED):
        return None
    old, new = (number, number + shift) if side is Side.REMOVED else (number - shift, number)
    return Place(Side.CONTEXT, old, new, (old, new))


def _number(place: Place, side: Side) -> int | None:
    return place.old if side is Side.REMOVED else place.new


def _places(hunk: Hunk) -> Iterator[Place]:
    """A hunk's lines with GitLab's counters, which start at the header's numbers: 0 for an absent file."""
    old, new = hunk.old_start, hunk.new_start
    for line in hunk.lines:
        yield Place(line.side, line.old, line.new, (old, new))
        old += line.old is not None
        new += line.new is not None


def _end(file: FileChange, place: Place) -> dict[str, Any]:
    """One end of `line_range`: "new" for an added line, "old" for every other."""
    numbers = {"old_line": place.old, "new_line": place.new}
    return {
        "line_code": line_code(file.new_path, *place.counters),
        "type": "new" if place.side is Side.ADDED else "old",
        **{key: number for key, number in numbers.items() if number is not None},
    }


def _position(
    refs: DiffRefs, file: FileChange, place: Place | None, span: dict[str, Any] | None, kind: Any = "text"
) -> Position:
    return Position(
        position_type=kind,
        base_sha=refs.base,
        start_sha=refs.start,
        head_sha=refs.head,
        old_path=file.old_path,
        new_path=file.new_path,
        new_line=place.new if place else None,
        old_line=place.old if place else None,
        line_range=span,
    )
