"""Which line a model means: the text it quotes, held against the lines as it was shown them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

from bot.agents.review.diff_text import CUT, cut
from bot.domain.findings import normalised

SHORTEST_PART: Final = 12  # characters of a line that stand for the line
LONGEST_QUOTE: Final = 400

_NUMBERED = re.compile(r"^\s*(?:\d+\s+){0,2}[+-]?\s?")
_SPACES = re.compile(r"\s+")


class Likeness(IntEnum):
    """How a line is the quoted one, the best first: it reads so; it does but for a cut or copied columns; it has it."""

    WHOLE = 0
    BARE = 1
    PART = 2


@dataclass
class Lines:
    """Lines as a model was shown them, by number."""

    shown: Mapping[int, str]

    def places(self, quoted: str) -> list[int]:
        """The numbers of the lines that a quoted one may be: those that read so, else those that hold it."""
        alike = list(self.alike(quoted))
        exact = [number for number, likeness in alike if likeness is not Likeness.PART]
        return exact or [number for number, _ in alike]

    def alike(self, quoted: str) -> Iterator[tuple[int, Likeness]]:
        """The numbers of the lines that a quoted one may be, each with how it is that one."""
        bare = {_uncut(quoted), _uncut(flat(_NUMBERED.sub("", quoted, count=1)))} - {""}
        for number, text in self._flat.items():
            if text and text == quoted:
                yield number, Likeness.WHOLE
            elif _uncut(text) in bare:
                yield number, Likeness.BARE
            elif _holds(text, quoted):
                yield number, Likeness.PART

    def same(self, quote: str) -> list[int]:
        """The numbers of the lines whose quote is this one; its blanks and how a secret is named do not matter."""
        wanted = normalised(quote)
        return [number for number, text in self._normalised.items() if text == wanted]

    def quote(self, number: int) -> str:
        return self.shown[number].strip()[:LONGEST_QUOTE]

    @cached_property
    def _flat(self) -> dict[int, str]:
        return {number: flat(cut(text)) for number, text in self.shown.items()}

    @cached_property
    def _normalised(self) -> dict[int, str]:
        return {number: normalised(self.quote(number)) for number in self.shown}


def quoted_line(said: str) -> str:
    """The first line that says something, flat; the columns of the diff may have been copied along."""
    lines = (line for line in said.split("\n") if line.strip(" \t+-`"))
    return flat(next(lines, ""))


def flat(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _uncut(text: str) -> str:
    return text.removesuffix(CUT).rstrip()


def _holds(text: str, quoted: str) -> bool:
    wanted = quoted.removesuffix(CUT).strip("` ")
    return len(wanted) >= SHORTEST_PART and wanted in text
