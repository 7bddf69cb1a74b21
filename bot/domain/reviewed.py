"""What a review leaves for the next one: which parts of the change were read, and what it has shown.

It rides, signed, in the summary note, so that a push is held against it whatever became of everything else.
"""

import hashlib
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict

from bot.domain.change import FileChange, Side
from bot.domain.findings import Finding

PATH_DIGITS = 8
CONTENT_DIGITS = 12


class Reviewed(BaseModel):
    """A review as it ended. `head` is the commit, `units` the digests of the files' changes that were read (`unit`).

    `listed`: the findings that stand in the summary for want of a better place. `told`: the keys of all findings that
    have ever had a thread: one whose note is gone was taken away. `gone`: keys of findings that people closed without
    saying why, and whose defect was gone at `head`. `whole`: the digest of the whole change at `head`, whoever read it
    (`whole`).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    head: str = ""
    units: tuple[str, ...] = ()
    listed: tuple[Finding, ...] = ()
    told: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    whole: str = ""


def unit(file: FileChange) -> str:
    """The digest of one file's change: eight digits of its path, twelve of the lines it adds and takes away.

    Where in the file the lines stand, and what is around them, does not count: a rebase changes either. Order does.
    """
    return _digest([file.path])[:PATH_DIGITS] + _digest(_content(file))[:CONTENT_DIGITS]


def unread(files: Iterable[FileChange], before: Reviewed | None) -> list[FileChange]:
    """Those whose change was not read yet. One that only moved, with its content, to another path was read."""
    known = frozenset(before.units) if before else frozenset()
    named = [(unit(file), file) for file in files]
    here = {name[:PATH_DIGITS] for name, _ in named}
    left = {name[PATH_DIGITS:] for name in known if name[:PATH_DIGITS] not in here}
    return [file for name, file in named if name not in known and name[PATH_DIGITS:] not in left]


def whole(files: Iterable[FileChange]) -> str:
    """The digest of all files' changes together."""
    return _digest(sorted({unit(file) for file in files}))[:CONTENT_DIGITS]


def is_same(files: Iterable[FileChange], before: Reviewed | None, *, has_model: bool = True) -> bool:
    """Whether the change is, file by file, the one that was read before.

    Without a model: by the checks, which leave no units of what a model would have to read.
    """
    if before is None:
        return False
    changed = list(files)
    is_read = {unit(file) for file in changed} == set(before.units)
    return is_read or (not has_model and whole(changed) == before.whole)


def _content(file: FileChange) -> Iterator[str]:
    yield from (mode.lstrip("0") for mode in (file.old_mode, file.new_mode))
    yield from (f"{line.side} {line.text}" for line in file.lines() if line.side is not Side.CONTEXT)


def _digest(parts: Iterable[str]) -> str:
    raw = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(raw).hexdigest()
