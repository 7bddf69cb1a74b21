"""A merge request and its diff as host-neutral data."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Target:
    """The one merge request a run is about: `project` is the full path, `project_id` its number (0: not known)."""

    project: str
    iid: int
    project_id: int = 0

    @property
    def key(self) -> str:
        """Stable name for locks and records, the same whichever way the run was started."""
        return f"gitlab:{self.project_id}:{self.iid}"

    def __str__(self) -> str:
        return f"{self.project}!{self.iid}"


@dataclass(frozen=True, slots=True)
class DiffRefs:
    """The three commits a GitLab position names (hex SHAs)."""

    base: str
    start: str
    head: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What may change of a merge request at one head, as it was read: then it has to be looked at again.

    `wording` is a digest of title and description (`wording`).
    """

    state: str
    target_branch: str = ""
    wording: str = ""


def wording(title: str, description: str) -> str:
    """The digest by which other words of a merge request are told from the same ones."""
    raw = f"{title}\0{description}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request as read. `refs` is None while GitLab still prepares the diff.

    `changes_count` is how many files changed, in GitLab's own words: "3", "1000+", or "" when it does not say.
    `author_id` 0: not known.
    """

    target: Target
    title: str
    description: str
    state: Literal["opened", "closed", "merged", "locked"]
    draft: bool
    author: str
    source_branch: str
    target_branch: str
    head: str
    refs: DiffRefs | None
    web_url: str = ""
    labels: tuple[str, ...] = ()
    changes_count: str = ""
    author_id: int = 0

    @property
    def seen(self) -> Seen:
        return Seen(self.state, self.target_branch, wording(self.title, self.description))


class Side(StrEnum):
    """What a diff line is."""

    ADDED = "added"
    REMOVED = "removed"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk. `old` and `new` are 1-based; None on the side where the line does not exist.

    `text` is without the newline; a carriage return before it is kept.
    """

    side: Side
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """One `@@ -old_start,old_count +new_start,new_count @@` block."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    lines: tuple[Line, ...]


class FileStatus(StrEnum):
    ADDED = "added"
    DELETED = "deleted"
    MODIFIED = "modified"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a change set.

    Paths are POSIX paths from the repository root, decoded as UTF-8 with `surrogateescape`.
    `old_path == new_path` unless renamed. Modes are git's octal strings ("100644", "120000" symbolic link,
    "160000" submodule; "0" or "000000" on the side where the file does not exist).
    `unread` says why the hunks are missing, in words for a person; None when they are complete.
    """

    old_path: str
    new_path: str
    status: FileStatus
    old_mode: str = "100644"
    new_mode: str = "100644"
    binary: bool = False
    generated: bool = False
    unread: str | None = None
    hunks: tuple[Hunk, ...] = field(default=(), repr=False)

    @property
    def path(self) -> str:
        return self.new_path

    def lines(self) -> Iterator[Line]:
        for hunk in self.hunks:
            yield from hunk.lines

    def added(self) -> Iterator[Line]:
        return (line for line in self.lines() if line.side is Side.ADDED)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A merge request's whole diff, every file of it read or with a reason why not.

    `omitted`: files known to exist in the change but not listed by the platform, with the reason (overflow); then
    `in_all` is how many the change has, as far as that is known ("100,001", "1000+").
    """

    refs: DiffRefs
    files: tuple[FileChange, ...]
    omitted: str | None = None
    in_all: str = ""

    def file(self, path: str) -> FileChange | None:
        """The change of this path at head; a change of type is two entries of one path, a deletion and an addition."""
        named = [file for file in self.files if file.new_path == path]
        return next(
            (file for file in named if file.status is not FileStatus.DELETED), named[0] if named else None
        )


def shown_path(path: str) -> str:
    """A path as it can be stored and shown: bytes that are not UTF-8 are escaped, as in `caf\\xe9.py`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
