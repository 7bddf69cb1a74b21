"""Which merge requests of a release are listed, in which order and below what, and which are not, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.agents.link.plain import cut, safe_line, without_draft
from bot.agents.pages.notes_declared import declared
from bot.agents.pages.notes_reverts import undone
from bot.agents.pages.notes_rules import Case, Kind, Noise, Place, headline, place
from bot.agents.spec import NotesContext, NotesPage
from bot.domain.releases import MergedRequest, ReleaseIssue

LONGEST_TITLE: Final = 200  # characters
UNTITLED: Final = "(no title)"


@dataclass(frozen=True, slots=True)
class Entry:
    """A merge request as it may be shown. `declared`: what its author says it breaks, a sentence each."""

    merged: MergedRequest
    title: str
    place: Place
    issues: tuple[ReleaseIssue, ...] = ()
    declared: tuple[str, ...] = ()

    @property
    def iid(self) -> int:
        return self.merged.iid


@dataclass(frozen=True, slots=True)
class Listing:
    """Every merge request of a page, in the order of their merges, the oldest first: listed, or noise."""

    entries: tuple[Entry, ...]
    noise: tuple[Entry, ...]

    def of(self, kind: Kind) -> tuple[Entry, ...]:
        return tuple(one for one in self.entries if one.place is kind)

    def lists(self, iid: int) -> bool:
        return any(one.iid == iid for one in self.entries)


def listing(page: NotesPage, context: NotesContext) -> Listing:
    """A new merge adds one at the end, and changes nothing else but what it reverts."""
    merged = in_order(page.merged)
    gone = undone(merged, context.project.path)
    every = [entry(one, page, context, is_undone=one.iid in gone) for one in merged]
    return Listing(
        entries=tuple(one for one in every if isinstance(one.place, Kind)),
        noise=tuple(one for one in every if isinstance(one.place, Noise)),
    )


def entry(merged: MergedRequest, page: NotesPage, context: NotesContext, *, is_undone: bool = False) -> Entry:
    issues = tuple(page.issues.get(merged.iid, ()))
    line = without_draft(safe_line(merged.title, context.redactor))
    head = headline(line, [one.key for one in issues])
    said = declared(merged, head, context.redactor)
    case = Case(merged, head, issues, context.project.default_branch, is_breaking=bool(said))
    title = cut(head.words, LONGEST_TITLE) or UNTITLED
    return Entry(merged, title, Noise.UNDONE if is_undone else place(case), issues, said)


def in_order(merged: Iterable[MergedRequest]) -> Sequence[MergedRequest]:
    """The oldest merge first, each merge request once."""
    once = {one.iid: one for one in merged}
    return sorted(once.values(), key=lambda one: (_moment(one.merged_at), one.iid))


def _moment(at: str) -> float:
    """Seconds since 1970; what is no time comes first."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
