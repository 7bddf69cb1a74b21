"""Where the findings of earlier reviews stand at head: their file, also under another name, and their line.

A line is known by its text as it was quoted, wherever it has moved to; of several that read alike, by what is around.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from bot.agents.review.commits import History
from bot.agents.review.head_files import HeadFiles, Text, quote_of, stored
from bot.agents.review.repeats import carried_on
from bot.agents.review.schema import Place
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus
from bot.domain.findings import Finding
from bot.domain.identity import recognised, titles_alike
from bot.domain.lifecycle import AROUND, Known, around
from bot.domain.markdown import by_model
from bot.domain.reviewed import PATH_DIGITS, Reviewed, unit, unread
from bot.domain.secrets import Redactor

REST: Final = "/more"  # ends the rule of the one finding that stands for the rest of its kind
FAR: Final = 200  # lines that what stands in the place of another is looked for
LOST: Final = "-"
"""Begins what is kept as around a line that is gone: what stands in its place, and what is next to that."""


def places(context: AgentContext) -> dict[str, Place]:
    """By the findings' keys. Raises Unavailable."""
    head, history, touched = HeadFiles(context), History(context), _Touched(context)
    here = [_here(known, head) for known in context.known]
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


def is_left(known: Known, place: Place) -> bool:
    """Whether a check's line stands, but the change does not add it any more: checks look at no other lines.

    So it is after the target has got the line, by a merge or as it is another branch now.
    """
    is_on_line = known.finding.line is not None and bool(known.finding.anchor) and not by_model(known.finding)
    return is_on_line and place["stands"] and not place["added"]


def lost(lines: Mapping[int, str], line: int) -> str:
    """The digest of what is around the place of a line that is gone, and of what stands there now; "" for nothing."""
    above = {number: lines.get(number, "") for number in range(line - AROUND, line)}
    below = {number + 1: lines.get(number, "") for number in range(line, line + AROUND)}
    digest = around(above | below, line)
    return f"{LOST}{digest}" if digest else ""


def lost_at(lines: Mapping[int, str], digest: str, last_seen: int) -> int | None:
    """The place that such a digest is of, wherever it has moved to; None where it reads otherwise now."""
    near = range(last_seen - FAR, last_seen + FAR + 1) if digest.startswith(LOST) else ()
    return next((number for number in near if number in lines and lost(lines, number) == digest), None)


@dataclass
class _Touched:
    """Whether a file's change is not what it was when it was read last; everything is, where all is read anew."""

    context: AgentContext

    def __call__(self, path: str) -> bool:
        before = self.context.reviewed
        if before is None or self.context.is_full or path in self._unread:
            return True
        return path not in self._changed and _unit_path(path) in self._were_changed

    @cached_property
    def _were_changed(self) -> frozenset[str]:
        return frozenset(name[:PATH_DIGITS] for name in (self.context.reviewed or Reviewed()).units)

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
    text: Text
    quote: str

    @property
    def was_at(self) -> int:
        return self.known.finding.line or self.known.finding.old_line or 0

    @property
    def is_removed(self) -> bool:
        return self.known.finding.old_line is not None


def _here(known: Known, head: HeadFiles) -> _Here:
    return _Here(known, head.text(known.finding), quote_of(known.finding, head.context.redactor))


def _has_newcomers(path: str, context: AgentContext) -> bool:
    """Whether the change adds a file of this kind that it did not at the last review.

    What is gone may stand in it, and read otherwise there: a file that the change itself adds is never called renamed.
    """
    if context.reviewed is None:
        return False
    before = {name[:PATH_DIGITS] for name in context.reviewed.units}
    added = (file for file in context.change.files if file.status is FileStatus.ADDED)
    alike = (file for file in added if PurePosixPath(file.path).suffix == PurePosixPath(path).suffix)
    return any(unit(file)[:PATH_DIGITS] not in before for file in alike)


def _place(here: _Here, line: int | None, head: HeadFiles, history: History, touched: _Touched) -> Place:
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
        added=line in text.added if line is not None else not text.whole,
        as_before=around_now == known.around if around_now else line is None and _lost_at(here) is not None,
        settled=was_fixed and history.is_as_at(known.commit, known, text.path, around_now),
        in_change=in_change,
        touched=touched(text.path),
        gone=not is_left
        and not _has_newcomers(known.finding.path, head.context)
        and not (here.quote and not here.is_removed and head.has_line(here.quote)),
    )


def _lost_at(here: _Here) -> int | None:
    return lost_at(here.text.lines.shown, here.known.around, here.was_at)


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
    """A check's findings at head, those that are known with the keys they were posted under.

    One that is open and whose line was rewritten may still be itself; one that named other lines may go on there.
    """
    known = present(context.known, where)
    return carried_on(_named(found, known, context, _rewritten(context, where)), known, context.redactor)


def known_by_line(
    claims: Sequence[Finding], context: AgentContext, where: Mapping[str, Place]
) -> list[Finding]:
    """A model's claims at head, those on the very line of a known finding with the key it was posted under.

    They are in order of lines. Of two on one line, each has the key of the one whose words it has.
    """
    titles = {one.key: one.finding.title for one in context.known}
    named = _named(claims, present(context.known, where), context)
    for at, (one, other) in enumerate(pairwise(named)):
        if _place_of(one) == _place_of(other) and _is_crossed(one, other, titles):
            named[at] = one.model_copy(update={"fingerprint": other.fingerprint})
            named[at + 1] = other.model_copy(update={"fingerprint": one.fingerprint})
    return named


def _place_of(finding: Finding) -> tuple[str, int | None, int | None]:
    return finding.path, finding.line, finding.old_line


def _is_crossed(one: Finding, other: Finding, titles: Mapping[str, str]) -> bool:
    """Whether a key of theirs is of what the other says, and none of what its bearer says."""

    def fits(finding: Finding, bearer: Finding) -> bool:
        return titles_alike(finding.title, titles.get(bearer.fingerprint, ""))

    is_right = fits(one, one) or fits(other, other)
    return not is_right and (fits(one, other) or fits(other, one))


def successors(
    claims: Iterable[Finding], context: AgentContext, where: Mapping[str, Place]
) -> dict[str, str]:
    """By fingerprint the claims that may be an open finding whose line was rewritten, with its key.

    They are claims as they come from `known_by_line`. Whether they are it is still to be shown.
    """
    keys = {one.key for one in context.known}
    rewritten = _rewritten(context, where)
    left = [one for one in claims if one.fingerprint not in keys]
    known = [one for one in present(context.known, where) if one.key in rewritten]
    pairs = zip(left, _named(left, known, context, rewritten), strict=True)
    return {claim.fingerprint: one.fingerprint for claim, one in pairs if one.fingerprint in rewritten}


def _rewritten(context: AgentContext, where: Mapping[str, Place]) -> frozenset[str]:
    """What was dismissed or fixed is known by its very line only: what is another line may be another defect."""
    return frozenset(one.key for one in context.known if one.is_open and not where[one.key]["stands"])


def _named(
    found: Sequence[Finding], known: Iterable[Known], context: AgentContext, rewritten: Collection[str] = ()
) -> list[Finding]:
    ours = [_as_stored(one, context.redactor) for one in found]
    told = zip(found, recognised(ours, [_at_the_rest(one, ours) for one in known], rewritten), strict=True)
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
