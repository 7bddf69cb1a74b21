"""What has become of a finding by what stands in its thread: our replies in their order, then what people made of it.

Marks count on the bot's own notes only, and only signed: anyone can write an unsigned one, or copy ours.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from bot.domain.bots import is_bot_name
from bot.domain.commands import Command, UnknownCommand, parse_command
from bot.domain.marks import Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.replies import is_courtesy, is_dismissal, words_of

RESOLVE: Final = Command("resolve")
GHOST: Final = (
    "ghost"  # the notes of deleted accounts are its own (docs.gitlab.com/user/profile/account/delete_account)
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a thread tells of its finding; the fields are those of `bot.domain.lifecycle.Known`."""

    state: Literal["open", "fixed", "dismissed", "regressed"] = "open"
    by: str = ""
    why: str = ""
    commit: str = ""
    is_theirs: bool = False

    @property
    def is_open(self) -> bool:
        return self.state in ("open", "regressed")


def finding_threads(
    notes: Iterable[Note], book: MarkBook, me: int, gone: Collection[str]
) -> Iterator[tuple[Note, Mark, Told]]:
    """The threads that began with a finding of ours, the oldest first: their first note, its mark, what is told.

    `me` is the bot's id; `gone` as in `bot.domain.reviewed.Reviewed`.
    """
    every = {note.id: note for note in sorted(notes, key=lambda note: note.id) if not note.system}
    fold = _Fold(every, book, me, gone)
    for thread in _threads(every.values()):
        mark = fold.mark(thread[0])
        if mark and mark.kind == "finding":
            yield thread[0], mark, fold.told(mark.key, thread)


def _threads(notes: Iterable[Note]) -> Iterable[list[Note]]:
    threads: dict[str, list[Note]] = {}
    for note in notes:
        threads.setdefault(note.discussion, []).append(note)
    return threads.values()


@dataclass(frozen=True)
class _Fold:
    """All notes of a merge request by id, the oldest first, and how to tell whose they are."""

    every: Mapping[int, Note]
    book: MarkBook
    me: int
    gone: Collection[str]

    def mark(self, note: Note) -> Mark | None:
        mark = self.book.read(note.body) if note.author_id == self.me else None
        return mark if mark and mark.signed else None

    def told(self, key: str, thread: Sequence[Note]) -> Told:
        told = Told()
        for mark in map(self.mark, thread[1:]):
            if mark and mark.kind == "reply":
                told = self._after(told, mark.key, key)
        return self._as_left(told, key, thread)

    def _after(self, told: Told, reply: str, finding: str) -> Told:
        kind, _, about = reply.partition(":")
        key, _, commit = about.rpartition(":")
        if kind == "dismissed":
            note = self.every.get(int(about)) if about.isdecimal() else None
            return Told("dismissed", note.author if note else "", words_of(note.body) if note else "")
        if kind in ("fixed", "regressed") and key == finding:
            return Told("fixed" if kind == "fixed" else "regressed", commit=commit)
        return told

    def _as_left(self, told: Told, key: str, thread: Sequence[Note]) -> Told:
        """People close what is open, and open what is closed. What cannot be closed is as we left it."""
        resolved = [note.resolved for note in thread if note.resolved is not None]
        if not resolved or all(resolved) != told.is_open:
            return told
        return self._closed(key, thread) if told.is_open else Told(is_theirs=True)

    def _closed(self, key: str, thread: Sequence[Note]) -> Told:
        """By a person, or by us: because a person wished it, else because it was fixed as we said before."""
        root, people = thread[0], [note for note in thread[1:] if self._is_a_persons(note)]
        is_ours = root.resolver_id == self.me
        wish = self._wish(root, people) if is_ours else None
        fixed = self._fixed(key, thread) if is_ours and wish is None else None
        if fixed:
            return fixed
        said = wish if wish and is_dismissal(wish.body) else self._last_words(people)
        if key in self.gone and not (said and is_dismissal(said.body)):
            return Told("fixed")
        by = root.resolver if not is_ours else wish.author if wish else ""
        return Told("dismissed", by, words_of(said.body) if said else "")

    def _fixed(self, key: str, thread: Sequence[Note]) -> Told | None:
        """What we said last of its being fixed: the same commit mends it again after a force-push back."""
        told = [self._after(Told(), mark.key, key) for mark in map(self.mark, thread[1:]) if mark]
        return next((one for one in reversed(told) if one.state == "fixed"), None)

    def _wish(self, root: Note, people: Sequence[Note]) -> Note | None:
        """The latest note that had us close the thread: one of its own, or a command about all of our threads."""
        inside = [note for note in people if is_dismissal(note.body) or self._command(note) == RESOLVE]
        outside = [note for note in self._resolves if note.id > root.id]
        return next(reversed(inside or outside), None)

    def _last_words(self, people: Sequence[Note]) -> Note | None:
        """The latest that is no command; a mere "thanks" only where nothing else was said."""
        said = [note for note in people if is_dismissal(note.body) or self._command(note) is None]
        saying = [note for note in said if not is_courtesy(note.body)]
        return next(reversed(saying or said), None)

    def _is_a_persons(self, note: Note) -> bool:
        return note.author_id != self.me and (note.author == GHOST or not is_bot_name(note.author))

    @cached_property
    def _resolves(self) -> list[Note]:
        return [
            note
            for note in self.every.values()
            if self._is_a_persons(note) and self._command(note) == RESOLVE
        ]

    def _command(self, note: Note) -> Command | UnknownCommand | None:
        return parse_command(note.body, self._name)

    @cached_property
    def _name(self) -> str | None:
        return next((note.author for note in self.every.values() if note.author_id == self.me), None)
