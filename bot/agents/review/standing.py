"""Where the findings of earlier reviews stand at head: their file, also under another name, and their line.

A line is known by its text as it was quoted, wherever it has moved to; of several that read alike, by what is around.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from bot.agents.review.commits import History, numbered
from bot.agents.review.quotes import Lines
from bot.agents.review.schema import Place
from bot.agents.review.sides import sides
from bot.agents.shown import safe_text
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, shown_path
from bot.domain.findings import Finding, normalised
from bot.domain.identity import recognised
from bot.domain.lifecycle import Known, around
from bot.domain.reviewed import PATH_DIGITS, unit, unread
from bot.domain.secrets import Redactor
from bot.errors import PlatformError, Unavailable


def places(context: AgentContext) -> dict[str, Place]:
    """By the findings' keys. Raises Unavailable."""
    head, history, touched = _Head(context), History(context), _Touched(context)
    here = [_Here(known, head.text(known.finding), _quote(known.finding, head)) for known in context.known]
    lines = dict(_assigned(here))
    return {one.known.key: _place(one, lines.get(one.known.key), head, history, touched) for one in here}


def present(known: Iterable[Known], where: Mapping[str, Place]) -> list[Known]:
    """The findings with their paths and lines as they are at head."""
    return [replace(one, finding=moved(one.finding, where[one.key])) for one in known]


def moved(finding: Finding, place: Place) -> Finding:
    """The finding where it stands now, without its suggestion, which was made for the lines as they were."""
    apart = (place["line"] or 0) - (finding.line or 0)
    end = None if finding.end_line is None else finding.end_line + apart
    place_now = {"path": place["path"], "line": place["line"], "old_line": place["old_line"], "end_line": end}
    return finding.model_copy(update={**place_now, "suggestion": None})


def stored(text: str, redactor: Redactor) -> str:
    """A path or a quoted line as a finding's note keeps it."""
    return redactor.redact(shown_path(text))


def by_model(finding: Finding) -> bool:
    return "/" not in finding.rule


@dataclass(frozen=True)
class _Text:
    """What a finding's line is looked for in. `whole` False: lines may be missing, so that none can be called gone."""

    path: str
    file: FileChange | None
    lines: Lines
    there: bool = True
    whole: bool = True


NOTHING = Lines({})
REST = "/more"  # ends the rule of the one finding that stands for the rest of its kind


@dataclass
class _Head:
    """The repository at head, each of its files read at most once."""

    context: AgentContext
    _read: dict[str, _Text] = field(default_factory=dict)

    def text(self, finding: Finding) -> _Text:
        if not finding.path:
            return _Text("", None, NOTHING)
        file = self._file(finding)
        if finding.old_line is not None:
            return _Text(file.path if file else finding.path, file, self._removed(file))
        return self._changed(file) if file else self._unchanged(finding.path)

    def has_line(self, quote: str) -> bool:
        """Whether any changed file has it at head."""
        return any(text.lines.same(quote) for text in self._all_changed())

    def _file(self, finding: Finding) -> FileChange | None:
        """The changed file that the finding is in; None where it is in none of them."""
        named = self._named.get(finding.path)
        if named and (named.status is not FileStatus.DELETED or finding.old_line is not None):
            return named
        if named is None and self._unchanged(finding.path).there:
            return None
        return self._renamed.get(finding.path) or self._with_line(finding) or named

    def _with_line(self, finding: Finding) -> FileChange | None:
        """The one file of the change that has the finding's line, if there is just one."""
        quote = _quote(finding, self)
        if not quote or finding.old_line is not None:
            return None
        having = [text.file for text in self._all_changed() if text.lines.same(quote)]
        return having[0] if len(having) == 1 else None

    def _all_changed(self) -> Iterator[_Text]:
        return (
            self._changed(file)
            for file in self.context.change.files
            if file.status is not FileStatus.DELETED and file.hunks
        )

    def _changed(self, file: FileChange) -> _Text:
        if file.status is FileStatus.DELETED:
            return _Text(file.path, file, NOTHING, there=False)
        if file.path not in self._read:
            shown = sides(self.context, file)
            whole = shown.content is not None or (file.status is FileStatus.ADDED and bool(file.hunks))
            self._read[file.path] = _Text(file.path, file, Lines(shown.new), whole=whole)
        return self._read[file.path]

    def _unchanged(self, path: str) -> _Text:
        if path not in self._read:
            self._read[path] = self._from_snapshot(path)
        return self._read[path]

    def _from_snapshot(self, path: str) -> _Text:
        try:
            there = self.context.snapshot.size(path) is not None
            content = self.context.snapshot.read(path) if there else None
        except Unavailable:
            raise
        except PlatformError:
            return _Text(path, None, NOTHING, whole=False)
        if content is None:
            return _Text(path, None, NOTHING, there=there, whole=not there)
        return _Text(path, None, Lines(numbered(content, self.context.redactor)))

    def _removed(self, file: FileChange | None) -> Lines:
        if file is None:
            return NOTHING
        shown = sides(self.context, file)
        gone = (line for line in file.lines() if line.new is None and line.old is not None)
        return Lines({line.old: shown.text(line) for line in gone if line.old is not None})

    @cached_property
    def _named(self) -> dict[str, FileChange]:
        """By path as it is stored. Of a change of type, a deletion and an addition, the addition comes last."""
        files = sorted(self.context.change.files, key=lambda file: file.status is not FileStatus.DELETED)
        return {stored(file.path, self.context.redactor): file for file in files}

    @cached_property
    def _renamed(self) -> dict[str, FileChange]:
        files = (file for file in self.context.change.files if file.status is FileStatus.RENAMED)
        return {stored(file.old_path, self.context.redactor): file for file in files}


@dataclass
class _Touched:
    """Whether a file's change is not what it was when it was read last; everything is, where all is read anew."""

    context: AgentContext

    def __call__(self, path: str) -> bool:
        before = self.context.reviewed
        if before is None or self.context.is_full or path in self._unread:
            return True
        was_changed = {name[:PATH_DIGITS] for name in before.units}
        return path not in self._changed and _unit_path(path) in was_changed

    @cached_property
    def _changed(self) -> frozenset[str]:
        return frozenset(file.path for file in self.context.change.files)

    @cached_property
    def _unread(self) -> frozenset[str]:
        return frozenset(file.path for file in unread(self.context.change.files, self.context.reviewed))


def _unit_path(path: str) -> str:
    return unit(FileChange(path, path, FileStatus.MODIFIED))[:PATH_DIGITS]


@dataclass(frozen=True)
class _Here:
    """A finding, its file at head, and its line as files are shown: "" of a finding that has none."""

    known: Known
    text: _Text
    quote: str

    @property
    def was_at(self) -> int:
        return self.known.finding.line or self.known.finding.old_line or 0

    @property
    def is_removed(self) -> bool:
        return self.known.finding.old_line is not None


def _quote(finding: Finding, head: _Head) -> str:
    has_line = finding.line is not None or finding.old_line is not None
    return normalised(safe_text(finding.anchor, head.context.redactor)) if has_line else ""


def _place(here: _Here, line: int | None, head: _Head, history: History, touched: _Touched) -> Place:
    known, text = here.known, here.text
    stands = line is not None if here.quote else text.there
    around_now = around(text.lines.shown, line) if line is not None and not here.is_removed else ""
    in_change = text.file is not None and text.there
    is_left = stands or in_change or not text.whole or head.context.change.omitted is not None
    was_fixed = known.state == "fixed" and bool(around_now)
    return Place(
        path=stored(text.path, head.context.redactor),
        line=None if known.finding.line is None else line or known.finding.line,
        old_line=None if known.finding.old_line is None else line or known.finding.old_line,
        stands=stands or not text.whole,
        as_before=bool(around_now) and around_now == known.around,
        settled=was_fixed and history.is_as_at(known.commit, known, text.path, around_now),
        in_change=in_change,
        touched=touched(text.path),
        gone=not is_left and not (here.quote and not here.is_removed and head.has_line(here.quote)),
    )


# --- which line is whose ---


def _assigned(here: Iterable[_Here]) -> Iterator[tuple[str, int]]:
    """The line of each finding that stands. Of findings that are alike, those of different lines keep them apart."""
    alike: dict[tuple[str, ...], dict[int, list[_Here]]] = {}
    for one in here:
        rule = "" if by_model(one.known.finding) else one.known.finding.rule
        kind = (one.text.path, str(one.is_removed), rule, one.quote)
        alike.setdefault(kind, {}).setdefault(one.was_at, []).append(one)
    for (*_, quote), some in alike.items():
        for was_at, number in _paired(some) if quote else ():
            yield from ((one.known.key, number) for one in some[was_at])


def _paired(alike: Mapping[int, Sequence[_Here]]) -> Iterator[tuple[int, int]]:
    """Where they were with where they are: first what has the same lines around, then what has moved least."""
    some = next(iter(alike.values()))[0]
    around_now = {
        number: around(some.text.lines.shown, number) for number in some.text.lines.same(some.quote)
    }
    pairs = sorted(
        (digest not in {one.known.around for one in ours}, abs(number - was_at), number, was_at)
        for was_at, ours in alike.items()
        for number, digest in around_now.items()
    )
    left, waiting = set(around_now), set(alike)
    for _, _, number, was_at in pairs:
        if number in left and was_at in waiting:
            left.remove(number)
            waiting.remove(was_at)
            yield was_at, number


# --- which finding is a known one ---


def as_known(found: Sequence[Finding], context: AgentContext, where: Mapping[str, Place]) -> list[Finding]:
    """Findings at head, those that are known with the keys they were posted under.

    One whose line was rewritten may still be itself. What was fixed is only back where the very line is.
    """
    ours = [_as_stored(one, context.redactor) for one in found]
    known = [_at_the_rest(one, ours) for one in present(context.known, where)]
    rewritten = [one.key for one in context.known if one.state != "fixed" and not where[one.key]["stands"]]
    told = zip(found, recognised(ours, known, rewritten), strict=True)
    return [one.model_copy(update={"path": raw.path}) for raw, one in told]


def _at_the_rest(known: Known, found: Iterable[Finding]) -> Known:
    """The one finding that counts the rest of its kind stands on the line of whichever is the worst of them."""
    if not known.finding.rule.endswith(REST):
        return known
    place = (known.finding.rule, known.finding.path)
    rest = (one for one in found if (one.rule, one.path) == place)
    return next((replace(known, finding=one) for one in rest), known)


def _as_stored(finding: Finding, redactor: Redactor) -> Finding:
    texts = {"path": stored(finding.path, redactor), "anchor": stored(finding.anchor, redactor)}
    return finding.model_copy(update=texts)
