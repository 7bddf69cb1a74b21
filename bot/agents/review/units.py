"""What is read together: the changed lines cut into units that fit a model's window, related files side by side."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final

from bot.agents.review.schema import Segment
from bot.domain.change import ChangeSet, FileChange

UNIT_TOKENS: Final = 10_000
SMALLEST_UNIT: Final = 1_000
WINDOW_SHARE: Final = (
    6  # a unit is at most this part of the window: tool answers and the answer need the rest
)
MOST_FILES: Final = 12
FEWEST_LINES: Final = 8  # a piece this short is not cut again
NUMBERS: Final = 5  # tokens of a shown line besides its text
CHARACTERS_A_TOKEN: Final = 3

TEST_WORDS: Final = frozenset({"test", "tests", "spec", "specs", "mock", "mocks", "stories", "it", "e2e"})
GENERIC: Final = frozenset(
    {"", "index", "main", "mod", "lib", "init", "__init__", "types", "readme", "package"}
)


@dataclass(frozen=True)
class Piece:
    """Part of one file's diff with its size in tokens."""

    segment: Segment
    tokens: int


def unit_tokens(window: int) -> int:
    """How many tokens of diff one unit may have with a model of this window."""
    return max(SMALLEST_UNIT, min(UNIT_TOKENS, window // WINDOW_SHARE))


def units(
    change: ChangeSet, files: Sequence[int], room: int, *, backwards: bool = False
) -> list[list[Segment]]:
    """The files' diffs in units of at most `room` tokens, except for single lines that are longer.

    `files` are places in `change.files`. What belongs together by name is kept together where it fits.
    `backwards` groups otherwise, for a second look.
    """
    order = related(change, files)
    pieces = [
        [piece for file in group for piece in _pieces(change.files[file], file, room)] for group in order
    ]
    return list(_packed(reversed(pieces) if backwards else pieces, room))


def halves(change: ChangeSet, segments: Sequence[Segment]) -> list[list[Segment]]:
    """The unit in two, or nothing where it is too small to be cut."""
    if len(segments) > 1:
        middle = len(segments) // 2
        return [list(segments[:middle]), list(segments[middle:])]
    file, first, last = segments[0]
    if last - first < FEWEST_LINES:
        return []
    middle = (first + last) // 2
    return [[(file, first, middle)], [(file, middle, last)]]


def related(change: ChangeSet, files: Sequence[int]) -> list[list[int]]:
    """Files that share a name but for test markers and endings, `orders.py` and `test_orders.py`, in path order."""
    named = sorted(files, key=lambda place: (_kin(change.files[place]), change.files[place].path))
    groups = [list(group) for _, group in groupby(named, key=lambda place: _kin(change.files[place]))]
    return sorted(groups, key=lambda group: min(change.files[place].path for place in group))


def _kin(file: FileChange) -> tuple[str, str]:
    """What related files have in common: the bare name, or for names that say nothing the folder, too."""
    path = PurePosixPath(file.path)
    words = path.name.partition(".")[0].replace("-", "_").lower().split("_")
    name = "_".join(word for word in words if word not in TEST_WORDS)
    return (name, "") if name not in GENERIC else (name, str(path))


def _pieces(file: FileChange, place: int, room: int) -> Iterator[Piece]:
    """The file's diff, cut between lines where it is longer than a unit."""
    first, tokens = 0, 0
    for number, line in enumerate(file.lines()):
        size = len(line.text) // CHARACTERS_A_TOKEN + NUMBERS
        if tokens and tokens + size > room:
            yield Piece((place, first, number), tokens)
            first, tokens = number, 0
        tokens += size
    if tokens:
        yield Piece((place, first, number + 1), tokens)


def _packed(groups: Iterable[Sequence[Piece]], room: int) -> Iterator[list[Segment]]:
    """Groups side by side as long as they fit; one that does not fit whole begins a unit of its own."""
    unit: list[Piece] = []
    for group in groups:
        if unit and not _fits([*unit, *group], room):
            yield [piece.segment for piece in unit]
            unit = []
        for piece in group:
            if unit and not _fits([*unit, piece], room):
                yield [one.segment for one in unit]
                unit = []
            unit.append(piece)
    if unit:
        yield [piece.segment for piece in unit]


def _fits(pieces: Sequence[Piece], room: int) -> bool:
    return (
        sum(piece.tokens for piece in pieces) <= room
        and len({piece.segment[0] for piece in pieces}) <= MOST_FILES
    )
