"""Proof of a criterion: a line that stands at head and reads as it was quoted."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from bot.agents.reading import BINARY_PREFIX
from bot.agents.review.claims import Source, Sources
from bot.agents.review.quotes import Lines, quoted_line
from bot.agents.review.schema import QuotedLine
from bot.agents.shown import shown_lines, shown_name
from bot.agents.spec import AgentContext
from bot.domain.ledger import Proof
from bot.errors import PlatformError, Unavailable

SAYS_SOMETHING: Final = re.compile(r"\w{3}")  # a bracket or an "if" stands in every file


@dataclass
class Head:
    """The files at head as a model was shown them, each read at most once. Raises Unavailable."""

    context: AgentContext
    _files: dict[str, Lines | None] = field(default_factory=dict)

    def proof(self, said: QuotedLine) -> Proof | None:
        """The line a model means, the one nearest to the number it names; None where it quotes none that is there."""
        quoted = quoted_line(said.quote)
        if not SAYS_SOMETHING.search(quoted):
            return None
        path, lines = self._meant(said.path)
        return _nearest(path, lines, lines.places(quoted), said.line)

    def again(self, proof: Proof) -> Proof | None:
        """An earlier proof where it stands now; None where its line is gone from its file."""
        lines = self._lines(proof.path)
        return _nearest(proof.path, lines, lines.same(proof.quote), proof.line) if lines else None

    def _meant(self, said: str) -> tuple[str, Lines]:
        """The file of this name; else the changed one that it can only be, with leading folders lost or gained."""
        path = "/".join(part for part in said.strip().strip("`").split("/") if part not in ("", "."))
        lines = self._lines(path)
        source = None if lines else self._sources.of(said)
        return (self._name(source), source.at_head) if source else (path, lines or Lines({}))

    def _lines(self, path: str) -> Lines | None:
        if path not in self._files:
            source = self._sources.of(path)
            is_it = source is not None and self._name(source) == path
            self._files[path] = source.at_head if source and is_it else self._unchanged(path)
        return self._files[path]

    def _unchanged(self, path: str) -> Lines | None:
        if not path or ".." in path.split("/") or "\n" in path:
            return None
        try:
            content = self.context.snapshot.read(path)
        except Unavailable:
            raise
        except PlatformError:
            return None
        if content is None or b"\0" in content[:BINARY_PREFIX]:
            return None
        return Lines(dict(enumerate(shown_lines(content, self.context.redactor), 1)))

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.context)

    def _name(self, source: Source) -> str:
        return shown_name(source.file.path, self.context.redactor)


def _nearest(path: str, lines: Lines, places: list[int], wanted: int) -> Proof | None:
    number = min(places, key=lambda place: (abs(place - wanted), place), default=None)
    return None if number is None else Proof(path=path, line=number, quote=lines.quote(number))
