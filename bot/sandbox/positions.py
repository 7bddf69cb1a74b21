"""Where a note may stand: GitLab's rules for the position of a diff note, and how a position follows its line.

Sources: docs.gitlab.com/api/discussions; GitLab's position.json schema (types, lengths, no other keys) and DiffNote
(`line_code` must be found, the position must be complete). Where GitLab does not look (the ends of a line range), the
sandbox does: a wrong range shows in GitLab as a thread that spans the wrong lines.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.diffs import DiffLine, Paths
from bot.sandbox.model import MergeRequest, Note, Project, Version
from bot.sandbox.refusals import Invalid, bad_parameter

Json = dict[str, Any]
Check = Callable[[object], bool]

REQUIRED = ("base_sha", "start_sha", "head_sha", "position_type")
TYPES = ("text", "image", "file")
NOT_A_LINE = ["can't be blank", "must be a valid line code"]
RANGE_TYPES = {"added": ("new",), "removed": ("old",), "context": (None, "old", "expanded")}


def _text(longest: int) -> Check:
    return lambda value: value is None or (isinstance(value, str) and len(value) <= longest)


def _integer(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _pixel(value: object) -> bool:
    return _integer(value) or (isinstance(value, str) and len(value) <= 10)


def _range(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and all(
        key in ("start", "end") and _fits(RANGE_END, end) for key, end in value.items()
    )


RANGE_END: dict[str, Check] = {
    "line_code": lambda value: isinstance(value, str) and len(value) <= 100,
    "type": _text(100),
    "old_line": _integer,
    "new_line": _integer,
}
SCHEMA: dict[str, Check] = {
    **dict.fromkeys(("base_sha", "start_sha", "head_sha"), _text(64)),
    **dict.fromkeys(("old_path", "new_path"), _text(1000)),
    **dict.fromkeys(("old_line", "new_line"), _integer),
    **dict.fromkeys(("width", "height", "x", "y"), _pixel),
    "position_type": _text(10),
    "file_identifier_hash": _text(40),
    "ignore_whitespace_change": lambda value: value is None or isinstance(value, bool),
    "line_range": _range,
}


def checked(raw: object, request: MergeRequest) -> str | None:
    """The line code of a position as it came in a request; None for a position on a file or an image.

    Raises Refusal for missing parameters, Invalid for what the note's validation refuses.
    """
    position = _parameters(raw)
    if not _fits(SCHEMA, position):
        raise Invalid({"position": ["must be a valid json schema"]})
    if request.preparing:
        raise Invalid({"noteable": ["doesn't support new-style diff notes"]})
    if position["position_type"] == "text":
        return _text_line_code(position, request)
    _check_file(position, request)
    return None


def line_code(path: str, line: DiffLine) -> str:
    """GitLab's name for a line of a diff: the SHA-1 of its path and both running counters."""
    return f"{hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()}_{line.old}_{line.new}"


def follow(note: Note, request: MergeRequest, after: Version) -> None:
    """Moves a note along with its line to a newer version, or marks it outdated where its line is gone."""
    before = _version(note.position, request) if note.position else None
    if note.position is None or before is None or note.outdated:
        return
    moved = _Trace(request, before, after).position(note.position)
    note.outdated = moved is None
    note.position = moved or note.position


def _parameters(raw: object) -> Json:
    if not isinstance(raw, dict):
        raise bad_parameter("position is invalid")
    missing = [f"position[{key}] is missing" for key in REQUIRED if key not in raw]
    if missing:
        raise bad_parameter(", ".join(missing))
    if raw["position_type"] not in TYPES:
        raise bad_parameter("position[position_type] does not have a valid value")
    return raw


def _fits(schema: dict[str, Check], value: object) -> bool:
    return isinstance(value, dict) and all(
        key in schema and schema[key](field) for key, field in value.items()
    )


def _text_line_code(position: Json, request: MergeRequest) -> str:
    complete = all(position.get(key) for key in ("old_path", "new_path", "base_sha", "start_sha", "head_sha"))
    if not complete or _pair(position) == (None, None):
        raise Invalid({"line_code": NOT_A_LINE, "position": ["is incomplete"]})
    table = _table(position, request)
    line = table.get(_pair(position)) if table else None
    if table is None or line is None or not _range_fits(position, table, line):
        raise Invalid({"line_code": NOT_A_LINE})
    return line_code(position["new_path"], line)


def _table(position: Json, request: MergeRequest) -> dict[tuple[int | None, int | None], DiffLine] | None:
    """The lines of the position's file in the version it names, by their pair of numbers."""
    version = _version(position, request)
    lines = request.lines(version).get((position["old_path"], position["new_path"])) if version else None
    return None if lines is None else {(line.old_line, line.new_line): line for line in lines}


def _version(position: Json, request: MergeRequest) -> Version | None:
    shas = (position["base_sha"], position["start_sha"], position["head_sha"])
    return next((one for one in request.versions if (one.base, one.start, one.head) == shas), None)


def _pair(position: Json) -> tuple[int | None, int | None]:
    return position.get("old_line"), position.get("new_line")


def _range_fits(position: Json, table: dict[tuple[int | None, int | None], DiffLine], last: DiffLine) -> bool:
    """Both ends name lines of this file by their right codes and types, in order, the end being the position's line."""
    span = position.get("line_range")
    if span is None:
        return True
    codes = {line_code(position["new_path"], line): line for line in table.values()}
    start, end = (_range_line(span.get(key), codes) for key in ("start", "end"))
    if start is None or end is None:
        return False
    return end == last and start.old <= end.old and start.new <= end.new


def _range_line(end: Json | None, codes: dict[str, DiffLine]) -> DiffLine | None:
    line = codes.get(end.get("line_code", "")) if end else None
    if end is None or line is None or end.get("type") not in RANGE_TYPES[line.kind]:
        return None
    given = {key: end[key] for key in ("old_line", "new_line") if end.get(key) is not None}
    right = {"old_line": line.old_line, "new_line": line.new_line}
    return line if all(right[key] == number for key, number in given.items()) else None


def _check_file(position: Json, request: MergeRequest) -> None:
    """A note on a whole file, or on a point of an image: the file is in the diff, and no line is named."""
    version = _version(position, request)
    paths = (position.get("old_path"), position.get("new_path"))
    found = version is not None and paths in {
        (file.old_path, file.new_path) for file in request.files(version)
    }
    point = position["position_type"] != "image" or all(
        position.get(key) is not None for key in ("width", "height", "x", "y")
    )
    if not found or not point or _pair(position) != (None, None) or position.get("line_range"):
        raise Invalid({"position": ["is incomplete"]})


@dataclass(frozen=True, slots=True)
class _Trace:
    """Carries positions from one version of a merge request to a newer one."""

    request: MergeRequest
    before: Version
    after: Version

    def position(self, old: Json) -> Json | None:
        """The same place in the newer version; None where its line, or its file, is not part of the change any more."""
        shas = {"base_sha": self.after.base, "start_sha": self.after.start, "head_sha": self.after.head}
        if old["position_type"] != "text":
            listed = {(file.old_path, file.new_path) for file in self.request.files(self.after)}
            return old | shas if (old["old_path"], old["new_path"]) in listed else None
        place = self._place(old, _pair(old))
        if place is None:
            return None
        paths, line = place
        numbers = {"old_line": line.old_line, "new_line": line.new_line}
        return (
            old
            | shas
            | {"old_path": paths[0], "new_path": paths[1], **numbers, "line_range": self._range(old)}
        )

    def _range(self, old: Json) -> Json | None:
        ends = {key: self._range_end(old, end) for key, end in (old.get("line_range") or {}).items()}
        return ends if ends and all(ends.values()) else None

    def _range_end(self, old: Json, end: Json) -> Json | None:
        lines = self.request.lines(self.before)[old["old_path"], old["new_path"]]
        line = next(line for line in lines if line_code(old["new_path"], line) == end["line_code"])
        place = self._place(old, (line.old_line, line.new_line))
        if place is None:
            return None
        paths, now = place
        return end | {
            "line_code": line_code(paths[1], now),
            "old_line": now.old_line,
            "new_line": now.new_line,
        }

    def _place(self, old: Json, pair: tuple[int | None, int | None]) -> tuple[Paths, DiffLine] | None:
        """Where the line is now: it must still be what it was, added, removed or untouched."""
        on_new_side = pair[1] is not None
        commits = (self.before.head, self.after.head) if on_new_side else (self.before.base, self.after.base)
        number = pair[1] if on_new_side else pair[0]
        path = old["new_path"] if on_new_side else old["old_path"]
        moved = _carried(self.request.project, *commits, path, number)
        if moved is None:
            return None
        kind = "removed" if not on_new_side else "added" if pair[0] is None else "context"
        return self._find(*moved, kind, on_new_side)

    def _find(self, path: str, number: int, kind: str, on_new_side: bool) -> tuple[Paths, DiffLine] | None:
        for paths, lines in self.request.lines(self.after).items():
            if paths[1 if on_new_side else 0] != path:
                continue
            named = (line for line in lines if (line.new_line if on_new_side else line.old_line) == number)
            found = next((line for line in named if line.kind == kind), None)
            return (paths, found) if found else None
        return None


def _carried(project: Project, old: str, new: str, path: str, number: int | None) -> tuple[str, int] | None:
    """The path and number a line of `old` has in `new`, None where it was changed."""
    for (old_path, new_path), lines in project.diffs.lines(old, new).items():
        if old_path == path:
            kept = (line for line in lines if line.kind == "context" and line.old == number)
            return next(((new_path, line.new) for line in kept), None)
    return (path, number) if number is not None else None
