"""What notes are on a merge request: our own, by their marks, and people's."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bot.agents.spec import Verdict
from bot.domain.change import MergeRequest
from bot.domain.events import Person
from bot.domain.kept import ledger_in, section_in
from bot.domain.ledger import Ledger
from bot.domain.marks import MARK, Mark
from bot.domain.notes import Note
from bot.domain.pages import SectionEdit
from bot.proposing.means import Means

MOST_NOTES = 1_000  # of people, the newest, that an agent sees
REVIEW = "review"


@dataclass(frozen=True)
class Own:
    """A mark of ours, signed or not. `resolved` is that of its note, None where it cannot be resolved.

    `section`: the new text of a page's section that the note proposes.
    """

    mark: Mark
    resolved: bool | None = None
    note: int = 0
    section: SectionEdit | None = None


@dataclass(frozen=True)
class Said:
    """What is on a merge request. `ledger`: the one that our review's summary shows. `newest`: the latest note's id."""

    own: Sequence[Own] = ()
    people: Sequence[Note] = ()
    ledger: Ledger | None = None
    newest: int = 0

    def marks(self, agent: str) -> list[Mark]:
        return [one.mark for one in self.own if one.mark.agent == agent]

    def verdict(self) -> Verdict:
        """What our review has come to, by the notes it left."""
        left = [one for one in self.own if one.mark.agent == REVIEW]
        heads = [one.mark.head for one in left if one.mark.kind == "summary"]
        findings = [one for one in left if one.mark.kind == "finding"]
        resolved = sum(one.resolved is True for one in findings)
        return Verdict(heads[-1] if heads else "", len(findings) - resolved, resolved)


def read_said(request: MergeRequest, means: Means, *, with_people: bool = False) -> Said:
    """One reading of the notes; none where neither marks nor a model have use for them.

    People's are kept for a model, or where they are asked for.
    """
    book = means.marks(request.target.key) if means.me and means.marks else None
    if book is None and means.model is None:
        return Said()
    own: list[Own] = []
    people: deque[Note] = deque(maxlen=MOST_NOTES if means.model or with_people else 0)
    ledger: Ledger | None = None
    newest = 0
    for note in means.reader.notes(request.target):
        newest = max(newest, note.id)
        if note.system:
            continue
        if not _is_ours(note, means.me):
            people.append(note)
        elif book:
            section = section_in(note.body, book)
            own += [Own(mark, note.resolved, note.id, section) for mark in book.read_all(note.body)]
            ledger = ledger_in(note.body, book) or ledger
    return Said(own, tuple(people), ledger, newest)


def _is_ours(note: Note, me: Person | None) -> bool:
    """By its author; by its mark alone where the bot does not know who it is: then it is only left out."""
    return note.author_id == me.id if me else MARK.search(note.body) is not None
