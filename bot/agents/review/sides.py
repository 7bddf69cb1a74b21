"""Both sides of a changed file as a model is shown them: before the change and at head, by line number.

A hunk alone does not show what its lines are: the middle of a private key says nothing of its beginning. So secrets are
looked for in the whole file, on either side; the side before the change follows from head and the hunks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from bot.agents.shown import shown_text
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, Line, shown_path
from bot.domain.secrets import Redactor
from bot.errors import PlatformError, Unavailable

KEPT_TEXTS: Final = 48  # a prompt is built anew for each turn


@dataclass(frozen=True)
class Sides:
    """Texts by 1-based line number. `content` is the file at head, None where it cannot be had.

    Without it only the lines of the hunks are there.
    """

    new: Mapping[int, str]
    old: Mapping[int, str]
    content: bytes | None

    def text(self, line: Line) -> str:
        return self.new[line.new] if line.new is not None else self.old[line.old or 0]


def sides(context: AgentContext, file: FileChange) -> Sides:
    """Raises Unavailable."""
    content = None if file.status is FileStatus.DELETED else _content(context, file)
    lines = _lines(content) if content is not None else None
    if lines is None or not _fits(lines, file):
        return Sides(*_hunks_alone(file, context.redactor), content)
    return Sides(
        _numbered(lines, context.redactor), _numbered(_before(lines, file), context.redactor), content
    )


def _content(context: AgentContext, file: FileChange) -> bytes | None:
    """None, too, where the platform will not give the file: then its diff has to do."""
    try:
        return context.snapshot.read(file.path)
    except Unavailable:
        raise
    except PlatformError:
        return None


def _lines(content: bytes) -> list[str]:
    text = content.decode("utf-8", "surrogateescape").removesuffix("\n")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _fits(lines: Sequence[str], file: FileChange) -> bool:
    """Whether the hunks are about this very text."""
    return all(
        line.new <= len(lines) and lines[line.new - 1] == line.text.removesuffix("\r")
        for line in file.lines()
        if line.new is not None
    )


def _before(lines: Sequence[str], file: FileChange) -> list[str]:
    """The file before the change: what is between the hunks, and of the hunks what was there."""
    before: list[str] = []
    done = 0
    for hunk in file.hunks:
        start = hunk.new_start - 1 if hunk.new_count else hunk.new_start
        before += lines[done:start]
        before += [line.text.removesuffix("\r") for line in hunk.lines if line.old is not None]
        done = start + hunk.new_count
    return [*before, *lines[done:]]


def _hunks_alone(file: FileChange, redactor: Redactor) -> tuple[dict[int, str], dict[int, str]]:
    """All hunks of a side as one text: of a new or a deleted file that is the whole file."""
    lines = list(chain.from_iterable(hunk.lines for hunk in file.hunks))
    new = [(line.new, line.text) for line in lines if line.new is not None]
    old = [(line.old, line.text) for line in lines if line.old is not None]
    return dict(_shown_with(new, redactor)), dict(_shown_with(old, redactor))


def _shown_with(lines: Sequence[tuple[int, str]], redactor: Redactor) -> Iterator[tuple[int, str]]:
    texts = _shown("\n".join(text.removesuffix("\r") for _, text in lines), redactor)
    return zip((number for number, _ in lines), texts, strict=False)


def _numbered(lines: Sequence[str], redactor: Redactor) -> dict[int, str]:
    return dict(enumerate(_shown("\n".join(lines), redactor), 1))


@lru_cache(maxsize=KEPT_TEXTS)
def _shown(text: str, redactor: Redactor) -> tuple[str, ...]:
    return tuple(shown_text(shown_path(text), redactor).split("\n"))
