"""The files at head in which findings of earlier reviews are looked for, each read at most once.

A line that has left its file is looked for in others by their raw text; only where that may hold it is a file read as
a model is shown it, as looking for secrets costs a hundred times as much.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Final

from bot.agents.review.commits import numbered
from bot.agents.review.quotes import Lines
from bot.agents.review.sides import sides
from bot.agents.shown import safe_text
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, shown_path
from bot.domain.findings import Finding, normalised
from bot.domain.secrets import Redactor
from bot.errors import PlatformError, Unavailable

MOST_FOLLOWED: Final = 200  # files that are read for a line that has left its own
NEW_PLACES: Final = (FileStatus.ADDED, FileStatus.RENAMED)

_NOT_AS_WRITTEN: Final = re.compile(r"<REDACTED:[^>]*>?|\\\S*")  # what a quote spells otherwise than the file


@dataclass(frozen=True)
class Text:
    """What a finding's line is looked for in. `whole` False: lines may be missing, so that none can be called gone."""

    path: str
    file: FileChange | None
    lines: Lines
    there: bool = True
    whole: bool = True

    @cached_property
    def added(self) -> frozenset[int]:
        """The numbers of the lines that the change adds."""
        return frozenset(line.new for line in self.file.added() if line.new) if self.file else frozenset()


NOTHING: Final = Lines({})


def stored(text: str, redactor: Redactor) -> str:
    """A path or a quoted line as a finding's note keeps it."""
    return redactor.redact(shown_path(text))


def quote_of(finding: Finding, redactor: Redactor) -> str:
    """A finding's line as files are shown; "" of a finding that has none."""
    has_line = finding.line is not None or finding.old_line is not None
    return normalised(safe_text(finding.anchor, redactor)) if has_line else ""


@dataclass
class HeadFiles:
    """The repository at head. Raises Unavailable."""

    context: AgentContext
    _read: dict[str, Text] = field(default_factory=dict)
    _raw: dict[str, str] = field(default_factory=dict)

    def text(self, finding: Finding) -> Text:
        if not finding.path:
            return Text("", None, NOTHING)
        file = self._file(finding)
        if finding.old_line is not None:
            return Text(file.path if file else finding.path, file, self._removed(file))
        return self._changed(file) if file else self._unchanged(finding.path)

    def has_line(self, quote: str) -> bool:
        """Whether the change adds it anywhere, or a renamed file has it; True, too, where too many files may."""
        may = list(self._candidates(self._at_head, quote))
        return any(self._has(file, quote) for file in may) or len(may) >= MOST_FOLLOWED

    def _file(self, finding: Finding) -> FileChange | None:
        """The changed file that the finding is in; None where it is in none of them."""
        named = self._named.get(finding.path)
        if named and (named.status is not FileStatus.DELETED or finding.old_line is not None):
            return named
        if named is None and self._unchanged(finding.path).there:
            return None
        return self._renamed.get(finding.path) or self._with_line(finding) or named

    def _with_line(self, finding: Finding) -> FileChange | None:
        """The one file that the change adds or renames and that has the finding's line, if there is just one."""
        quote = quote_of(finding, self.context.redactor)
        if not quote or finding.old_line is not None:
            return None
        new = [file for file in self._at_head if file.status in NEW_PLACES]
        having = (file for file in self._candidates(new, quote) if self._has(file, quote))
        found = list(islice(having, 2))
        return found[0] if len(found) == 1 else None

    def _candidates(self, files: Iterable[FileChange], quote: str) -> Iterator[FileChange]:
        """Files whose raw text may hold the line, as many as are read for one."""
        wanted = _needle(quote)
        return islice((file for file in files if wanted.search(self._raw_text(file))), MOST_FOLLOWED)

    def _has(self, file: FileChange, quote: str) -> bool:
        return bool(self._changed(file).lines.same(quote))

    def _raw_text(self, file: FileChange) -> str:
        """What the change adds to it; of a renamed file, whose other lines were elsewhere, all of it."""
        if file.path not in self._raw:
            renamed = self._content(file) if file.path in self._first_renamed else None
            added = "\n".join(line.text for line in file.added())
            self._raw[file.path] = added if renamed is None else renamed
        return self._raw[file.path]

    def _content(self, file: FileChange) -> str | None:
        try:
            content = self.context.snapshot.read(file.path)
        except Unavailable:
            raise
        except PlatformError:
            return None
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def _changed(self, file: FileChange) -> Text:
        if file.status is FileStatus.DELETED:
            return Text(file.path, file, NOTHING, there=False)
        if file.path not in self._read:
            shown = sides(self.context, file)
            whole = shown.content is not None or (file.status is FileStatus.ADDED and bool(file.hunks))
            self._read[file.path] = Text(file.path, file, Lines(shown.new), whole=whole)
        return self._read[file.path]

    def _unchanged(self, path: str) -> Text:
        if path not in self._read:
            self._read[path] = self._from_snapshot(path)
        return self._read[path]

    def _from_snapshot(self, path: str) -> Text:
        try:
            there = self.context.snapshot.size(path) is not None
            content = self.context.snapshot.read(path) if there else None
        except Unavailable:
            raise
        except PlatformError:
            return Text(path, None, NOTHING, whole=False)
        if content is None:
            return Text(path, None, NOTHING, there=there, whole=not there)
        return Text(path, None, Lines(numbered(content, self.context.redactor)))

    def _removed(self, file: FileChange | None) -> Lines:
        if file is None:
            return NOTHING
        shown = sides(self.context, file)
        gone = (line for line in file.lines() if line.new is None and line.old is not None)
        return Lines({line.old: shown.text(line) for line in gone if line.old is not None})

    @cached_property
    def _at_head(self) -> tuple[FileChange, ...]:
        """The changed files that have lines to look at."""
        files = self.context.change.files
        return tuple(file for file in files if file.status is not FileStatus.DELETED and file.hunks)

    @cached_property
    def _first_renamed(self) -> frozenset[str]:
        renamed = (file.path for file in self._at_head if file.status is FileStatus.RENAMED)
        return frozenset(islice(renamed, MOST_FOLLOWED))

    @cached_property
    def _named(self) -> dict[str, FileChange]:
        """By path as it is stored. Of a change of type, a deletion and an addition, the addition comes last."""
        files = sorted(self.context.change.files, key=lambda file: file.status is not FileStatus.DELETED)
        return {stored(file.path, self.context.redactor): file for file in files}

    @cached_property
    def _renamed(self) -> dict[str, FileChange]:
        files = (file for file in self.context.change.files if file.status is FileStatus.RENAMED)
        return {stored(file.old_path, self.context.redactor): file for file in files}


def _needle(quote: str) -> re.Pattern[str]:
    """The longest part of a quote that reads so in the file, too, its blanks aside."""
    parts = (part.split() for part in _NOT_AS_WRITTEN.split(quote))
    words = max(parts, key=lambda words: sum(map(len, words)))
    return re.compile(r"\s+".join(map(re.escape, words)))
