"""What notes are on a merge request: our own, by their marks, and people's."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.agents.spec import Verdict
from bot.domain.bots import is_bot_name
from bot.domain.change import MergeRequest
from bot.domain.commands import READ_LIMIT
from bot.domain.events import Person
from bot.domain.kept import ledger_in, reviewed_in, section_in
from bot.domain.ledger import Ledger
from bot.domain.lifecycle import Known, known_findings
from bot.domain.marks import MARK, Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.pages import SectionEdit
from bot.domain.reviewed import Reviewed
from bot.proposing.means import Means
from bot.proposing.members import counting

MOST_NOTES: Final = 1_000  # of people, the newest, each cut to READ_LIMIT
REVIEW: Final = "review"
AGAINST: Final = re.compile(r"thumbsdown(?:_tone[1-5])?")
SOMEBODY: Final = "a member"  # whose user name no note tells


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
    """What is on a merge request. `people`: their notes, where an agent has use for them.

    `ledger`: the one that our review's summary shows; `reviewed`: what the newest summary remembers of its review.
    `newest`: the latest note's id. `notes`: all of ours and the newest of people's, in no certain order.
    """

    own: Sequence[Own] = ()
    people: Sequence[Note] = ()
    ledger: Ledger | None = None
    newest: int = 0
    notes: Sequence[Note] = ()
    reviewed: Reviewed | None = None

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
    ours: list[Note] = []
    people: deque[Note] = deque(maxlen=MOST_NOTES)
    ledger: Ledger | None = None
    newest = 0
    for note in means.reader.notes(request.target):
        newest = max(newest, note.id)
        if note.system:
            continue
        if not _is_ours(note, means.me):
            people.append(_cut(note))
        elif book:
            section = section_in(note.body, book)
            own += [Own(mark, note.resolved, note.id, section) for mark in book.read_all(note.body)]
            ledger = ledger_in(note.body, book) or ledger
            ours.append(note)
    heard = tuple(people)
    return Said(
        own=own,
        people=heard if means.model or with_people else (),
        ledger=ledger,
        newest=newest,
        notes=(*ours, *heard),
        reviewed=_reviewed(ours, book) if book else None,
    )


def known_findings_of(said: Said, request: MergeRequest, means: Means) -> list[Known]:
    """The findings of earlier reviews; none where the bot does not know who it is, or nothing is signed.

    One request for each that nobody has closed, for the reactions on its note, and one for each person on whose words
    or thumbs-down something depends.
    """
    if means.me is None or means.marks is None:
        return []
    book, me = means.marks(request.target.key), means.me.id
    names = {note.author_id: note.author for note in said.notes} | {request.author_id: request.author}

    counts = counting(request, means, names)

    def voted(note: int) -> str:
        awards = means.reader.awards(request.target, note)
        against = (one for one in awards if AGAINST.fullmatch(one.name) and one.person != me)
        effective = (one for one in against if counts(one.person) and not is_bot_name(one.username))
        return next((one.username or names.get(one.person) or SOMEBODY for one in effective), "")

    return known_findings(said.notes, book, me, remembered(said, request, means), voted, counts)


def remembered(said: Said, request: MergeRequest, means: Means) -> Reviewed | None:
    """What the last review left: in its summary; where it was silent, or had no room for all, in our record.

    A review that had something to say has a summary: where none can be verified, its marks are lost, and so is it.
    """
    there, recorded = said.reviewed, means.last_review(request)
    if recorded is None:
        return there
    if there is None:
        return None if recorded.told or recorded.listed else recorded
    return recorded if recorded.head == there.head and len(recorded.units) > len(there.units) else there


def _reviewed(ours: Sequence[Note], book: MarkBook) -> Reviewed | None:
    """What the newest summary of a review remembers; an older one tells of another head."""
    summaries = [note for note in ours if _is_summary(book.read(note.body))]
    newest = max(summaries, key=lambda note: note.id, default=None)
    return reviewed_in(newest.body, book) if newest else None


def _is_summary(mark: Mark | None) -> bool:
    return mark is not None and mark.signed and (mark.agent, mark.kind) == (REVIEW, "summary")


def _cut(note: Note) -> Note:
    return note if len(note.body) <= READ_LIMIT else replace(note, body=note.body[:READ_LIMIT])


def _is_ours(note: Note, me: Person | None) -> bool:
    """By its author; by its mark alone where the bot does not know who it is: then it is only left out."""
    return note.author_id == me.id if me else MARK.search(note.body) is not None
