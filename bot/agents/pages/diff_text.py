"""The diff of a file as a model is shown it, each line found again by its text; and a digest of what it changes."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.agents.shown import safe_text
from bot.domain.change import ChangeSet, FileChange, Line, Side, shown_path
from bot.domain.secrets import Redactor

LONGEST_ROW: Final = 300  # characters
CUT: Final = "…"
SIGNS: Final = {Side.ADDED: "+", Side.REMOVED: "-", Side.CONTEXT: " "}
OPAQUE: Final = re.compile(r"[\s\"'`]*[\w+/=.-]{40,}[\s\"'`,;\\]*")
"""One long word alone: part of a key or of data, which without the rest of its file cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a diff, without secrets. `number` counts at head, for a removed line before the change."""

    side: Side
    number: int
    text: str

    @property
    def shown(self) -> str:
        return SIGNS[self.side] + (
            self.text[:LONGEST_ROW] + CUT if len(self.text) > LONGEST_ROW else self.text
        )


def rows(file: FileChange, redactor: Redactor) -> list[Row]:
    """The changed lines and those around them. A secret is looked for on each side of the change as one text."""
    every = list(file.lines())
    old = _side(((one.old, one.text) for one in every), redactor)
    new = _side(((one.new, one.text) for one in every), redactor)
    return [_row(one, old, new) for one in every]


def files_of(change: ChangeSet, paths: Iterable[str]) -> list[FileChange]:
    """The changed files that have, or had, one of these paths as they are shown, in the order of the change."""
    wanted = frozenset(paths)
    return [file for file in change.files if wanted & {shown_path(file.new_path), shown_path(file.old_path)}]


def digest(files: Sequence[FileChange]) -> str:
    """Of what the files' diffs say, wherever in the files they stand: a rebase alone changes nothing."""
    said = hashlib.sha256()
    for text in (text for file in files for text in _texts(file)):
        said.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return said.hexdigest()[:16]


def _texts(file: FileChange) -> Iterator[str]:
    yield from (file.status.value, file.old_path, file.new_path)
    yield from (SIGNS[one.side] + one.text for one in file.lines() if one.side is not Side.CONTEXT)


def _side(lines: Iterable[tuple[int | None, str]], redactor: Redactor) -> dict[int, str]:
    """Safe texts by line number."""
    there = {number: text.removesuffix("\r") for number, text in lines if number is not None}
    return dict(zip(there, safe_text("\n".join(there.values()), redactor).split("\n"), strict=False))


def _row(line: Line, old: dict[int, str], new: dict[int, str]) -> Row:
    if line.new is not None:
        return Row(line.side, line.new, _told(new[line.new]))
    number = line.old or 0
    return Row(line.side, number, _told(old[number]))


def _told(text: str) -> str:
    return CUT if OPAQUE.fullmatch(text) else text
