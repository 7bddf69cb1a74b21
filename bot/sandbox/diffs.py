"""The sandbox's own reading of `git diff`: changed files, their patches, and every line's pair of numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.sandbox.repository import WHOLE_FILE, Repository

HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
STATUS = {"A": "added", "D": "deleted", "R": "renamed"}
Kind = Literal["added", "removed", "context"]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One changed file. Paths are as the API shows them: text; `patch` begins at the first `@@`, or is empty."""

    old_path: str
    new_path: str
    old_mode: str
    new_mode: str
    status: str
    binary: bool
    patch: bytes

    @property
    def text(self) -> str:
        return as_text(self.patch)


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`old` and `new` are the running counters GitLab puts into a line code; which of them name a line, `kind` says."""

    kind: Kind
    old: int
    new: int

    @property
    def old_line(self) -> int | None:
        return None if self.kind == "added" else self.old

    @property
    def new_line(self) -> int | None:
        return None if self.kind == "removed" else self.new


Paths = tuple[str, str]


class Diffs:
    """The diffs of one repository, each computed once: commits do not change."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._files: dict[tuple[str, str], list[FileDiff]] = {}
        self._lines: dict[tuple[str, str], dict[Paths, list[DiffLine]]] = {}

    def files(self, old: str, new: str) -> list[FileDiff]:
        """Every file that differs between two commits, in git's order, with three lines of context."""
        if (old, new) not in self._files:
            self._files[old, new] = file_diffs(self._repository, old, new)
        return self._files[old, new]

    def lines(self, old: str, new: str) -> dict[Paths, list[DiffLine]]:
        """For each changed file, (old path, new path): all lines of both sides, also those outside of hunks."""
        if (old, new) not in self._lines:
            self._lines[old, new] = all_lines(self._repository, old, new)
        return self._lines[old, new]


@dataclass(frozen=True, slots=True)
class _Change:
    status: str
    old_mode: str
    new_mode: str
    old_path: bytes
    new_path: bytes


def as_text(raw: bytes) -> str:
    """GitLab shows bytes that are not UTF-8 in the encoding it guesses; Latin-1 never fails."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def file_diffs(repository: Repository, old: str, new: str) -> list[FileDiff]:
    """As `Diffs.files`, computed anew."""
    changes = list(_changes(repository.raw_changes(old, new)))
    sections = _sections(repository.patch(old, new))
    return [_file_diff(change, section) for change, section in zip(changes, sections, strict=True)]


def all_lines(repository: Repository, old: str, new: str) -> dict[Paths, list[DiffLine]]:
    """As `Diffs.lines`, computed anew."""
    changes = list(_changes(repository.raw_changes(old, new)))
    sections = _sections(repository.patch(old, new, context=WHOLE_FILE))
    pairs = zip(changes, sections, strict=True)
    return {_shown_paths(change): list(patch_lines(_hunks(section))) for change, section in pairs}


def patch_lines(patch: bytes) -> Iterator[DiffLine]:
    """Walks a patch from its first `@@`. The lines of a file without hunks are none."""
    old = new = 0
    for line in patch.split(b"\n"):
        if header := HUNK.match(line):
            old, new = int(header[1]), int(header[2])
        elif line.startswith(b"+"):
            yield DiffLine("added", old, new)
            new += 1
        elif line.startswith(b"-"):
            yield DiffLine("removed", old, new)
            old += 1
        elif line.startswith(b" "):
            yield DiffLine("context", old, new)
            old, new = old + 1, new + 1


def _changes(raw: bytes) -> Iterator[_Change]:
    """git's raw records. A change of type (file to link, say) is a removal and an addition, as git prints its patch."""
    fields = iter(raw.split(b"\0")[:-1])
    for header in fields:
        old_mode, new_mode, _, _, status = header.decode().lstrip(":").split(" ")
        old_path = next(fields)
        new_path = next(fields) if status[0] == "R" else old_path
        if status == "T":
            yield _Change("D", old_mode, "000000", old_path, old_path)
            yield _Change("A", "000000", new_mode, old_path, old_path)
        else:
            yield _Change(status[0], old_mode, new_mode, old_path, new_path)


def _sections(patch: bytes) -> list[bytes]:
    """One section a file: content lines never begin with "diff", they have a mark in their first column."""
    return re.split(rb"^diff --git ", patch, flags=re.MULTILINE)[1:]


def _hunks(section: bytes) -> bytes:
    start = 0 if section.startswith(b"@@ ") else section.find(b"\n@@ ") + 1
    return section[start:] if start else b""


def _file_diff(change: _Change, section: bytes) -> FileDiff:
    notice = re.search(rb"^Binary files .* differ\n", section, flags=re.MULTILINE)
    hunks = _hunks(section)
    old_path, new_path = _shown_paths(change)
    return FileDiff(
        old_path=old_path,
        new_path=new_path,
        old_mode=change.old_mode,
        new_mode=change.new_mode,
        status=STATUS.get(change.status, "modified"),
        binary=notice is not None and not hunks,
        patch=hunks or (notice[0] if notice else b""),
    )


def _shown_paths(change: _Change) -> Paths:
    return as_text(change.old_path), as_text(change.new_path)
