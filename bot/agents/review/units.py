"""What is read together: the changed lines cut into units that fit a model's window, related files side by side.

And for a second look: claims a few at a time, with the changed lines around them.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import PurePosixPath
from typing import Final

from bot.agents.review.diff_text import LONGEST_LINE
from bot.agents.review.schema import Segment
from bot.domain.change import ChangeSet, FileChange, Line
from bot.domain.findings import Finding
from bot.llm.messages import estimated_tokens

UNIT_TOKENS: Final = 10_000
SMALLEST_UNIT: Final = 1_000
EXCERPT_TOKENS: Final = 20_000
SHARES: Final = 8  # of an excerpt: the most that a file has of it before others have their turn
WINDOW_SHARE: Final = 6  # a unit is at most a sixth of the window: the rest is for reading on and the answer
MOST_FILES: Final = 12
MOST_CLAIMS: Final = 5  # that one second look takes
REACH: Final = 60  # lines of the diff above and below a claim
FEWEST_LINES: Final = 8  # a piece this short is not cut again
NUMBERS: Final = 5  # tokens of a shown line besides its text

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


def excerpt_tokens(window: int) -> int:
    """How many tokens of diff are shown where the whole change is looked at in one task."""
    return max(SMALLEST_UNIT, min(EXCERPT_TOKENS, window // WINDOW_SHARE))


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


def excerpt(change: ChangeSet, files: Sequence[int], room: int) -> list[Segment]:
    """The files' diffs as far as one task of at most `room` tokens can show them: some of each before more of any."""
    pieces = [
        (turn, piece)
        for place in files
        for turn, piece in enumerate(_pieces(change.files[place], place, room // SHARES))
    ]
    shown: list[Segment] = []
    for _, piece in sorted(pieces, key=lambda one: (one[0], one[1].segment)):
        if piece.tokens <= room:
            room -= piece.tokens
            shown.append(piece.segment)
    return list(_joined(sorted(shown)))


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


def second_looks(change: ChangeSet, claims: Sequence[Finding], room: int) -> list[list[Finding]]:
    """The claims a few at a time, file by file, so that the lines around them fit; one alone may take more."""
    groups: list[list[Finding]] = []
    for claim in sorted(claims, key=_place):
        joined = [*groups[-1], claim] if groups else []
        if joined and len(joined) <= MOST_CLAIMS and tokens(change, around(change, joined)) <= room:
            groups[-1] = joined
        else:
            groups.append([claim])
    return groups


def around(change: ChangeSet, claims: Sequence[Finding], reach: int = REACH) -> list[Segment]:
    """The changed lines within `reach` lines of each claim; none of one whose file is not part of the change."""
    segments: list[Segment] = []
    for file in filter(None, map(change.file, dict.fromkeys(claim.path for claim in claims))):
        lines = list(file.lines())
        near = sorted(_nearest(lines, claim) for claim in claims if claim.path == file.path)
        place = change.files.index(file)
        segments += [(place, first, min(last + 1, len(lines))) for first, last in spans(near, reach)]
    return segments


def tokens(change: ChangeSet, segments: Iterable[Segment]) -> int:
    """How many tokens the segments take as they are shown."""
    return sum(
        _size(line)
        for place, first, last in segments
        for line in islice(change.files[place].lines(), first, last)
    )


def spans(numbers: Sequence[int], reach: int, most: int = sys.maxsize) -> Iterator[tuple[int, int]]:
    """Ranges (first, last) from `reach` before to `reach` after each number, in order and apart from one another.

    The numbers are sorted, 0 and up. What would touch is one range, as long as it is not longer than `most`.
    """
    end = -1
    first = last = numbers[0]
    for number in numbers[1:]:
        if number - last > 2 * reach or number + reach - max(end + 1, first - reach) >= most:
            yield max(end + 1, first - reach), last + reach
            end, first = last + reach, number
        last = number
    yield max(end + 1, first - reach), last + reach


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
        size = _size(line)
        if tokens and tokens + size > room:
            yield Piece((place, first, number), tokens)
            first, tokens = number, 0
        tokens += size
    if tokens:
        yield Piece((place, first, number + 1), tokens)


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    """In order, what follows on another of the same file as one with it."""
    last: Segment | None = None
    for segment in segments:
        if last and last[0] == segment[0] and last[2] == segment[1]:
            last = (last[0], last[1], segment[2])
            continue
        if last:
            yield last
        last = segment
    if last:
        yield last


def _size(line: Line) -> int:
    """The tokens of a line as it is shown, cut."""
    return estimated_tokens(line.text[:LONGEST_LINE]) + NUMBERS


def _place(claim: Finding) -> tuple[str, int]:
    return claim.path, claim.line or claim.old_line or 0


def _nearest(lines: Sequence[Line], claim: Finding) -> int:
    """The place in the diff of the claim's line, or of the one nearest to it: a claim may stand outside the diff."""
    wanted = claim.line or claim.old_line or 0
    numbers = (line.new if claim.line else line.old for line in lines)
    apart = ((abs(number - wanted), place) for place, number in enumerate(numbers) if number is not None)
    return min(apart, default=(0, 0))[1]


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
