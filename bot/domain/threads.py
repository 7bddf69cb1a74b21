"""What has become of a finding by what stands in its thread: our replies in their order, then what people made of it.

Marks count on the bot's own notes only, and only signed: anyone can write an unsigned one, or copy ours. What people
say counts by who they are, and is told only where all may read it. The notes of deleted accounts are one account's,
"ghost" (docs.gitlab.com/user/profile/account/delete_account): whose they were nobody can tell, so they do not count.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from bot.domain.bots import is_bot_name
from bot.domain.commands import Command, UnknownCommand, parse_command
from bot.domain.marks import Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.replies import is_courtesy, is_dismissal, words_of

RESOLVE: Final = Command("resolve")


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
    notes: Iterable[Note], book: MarkBook, me: int, gone: Collection[str], counts: Callable[[int], bool]
) -> Iterator[tuple[Note, Mark, Told]]:
    """The threads that began with a finding of ours, the oldest first: their first note, its mark, what is told.

    `me` is the bot's id; `gone` as in `bot.domain.reviewed.Reviewed`; `counts` as in `bot.domain.lifecycle`.
    """
    every = {note.id: note for note in sorted(notes, key=lambda note: note.id) if not note.system}
    fold = _Fold(every, book, me, gone, counts)
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
    counts: Callable[[int], bool]

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
            return Told("dismissed", note.author if note else "", self._why(note))
        if kind in ("fixed", "regressed") and key == finding:
            return Told("fixed" if kind == "fixed" else "regressed", commit=commit)
        return told

    def _as_left(self, told: Told, key: str, thread: Sequence[Note]) -> Told:
        """People close what is open, and open what is closed. What cannot be closed is as we left it."""
        resolved = [note.resolved for note in thread if note.resolved is not None]
        if not resolved:
            return told
        if not told.is_open:
            return told if all(resolved) else Told(is_theirs=True)
        if all(resolved):
            return self._closed(told, key, thread)
        return replace(told, is_theirs=self._wish_inside(thread) is not None)

    def _closed(self, told: Told, key: str, thread: Sequence[Note]) -> Told:
        """By a person, or by us: because a person wished it, else because it was fixed as we said before."""
        root = thread[0]
        is_ours = root.resolver_id == self.me
        wish = self._wish_inside(thread) or self._wish_for_all(root) if is_ours else None
        if is_ours and wish is None and told.state == "regressed":
            return Told("fixed", commit=self._last_fix(key, thread))
        said = wish if wish and is_dismissal(wish.body) else self._last_words(thread)
        if key in self.gone and not (said and is_dismissal(said.body)):
            return Told("fixed")
        by = root.resolver if not is_ours else wish.author if wish else ""
        return Told("dismissed", by, self._why(said))

    def _last_fix(self, key: str, thread: Sequence[Note]) -> str:
        """The commit that we said last had fixed it: it does so again after a force-push back."""
        told = [self._after(Told(), mark.key, key) for mark in map(self.mark, thread[1:]) if mark]
        return next((one.commit for one in reversed(told) if one.state == "fixed"), "")

    # --- what people said ---

    def _wish_inside(self, thread: Sequence[Note]) -> Note | None:
        """The latest note of the thread that has us close it."""
        return self._latest(
            note
            for note in reversed(thread[1:])
            if self._is_a_persons(note) and (is_dismissal(note.body) or self._command(note) == RESOLVE)
        )

    def _wish_for_all(self, root: Note) -> Note | None:
        """The latest command after the finding that has us close all of our threads."""
        return self._latest(note for note in reversed(self._resolves) if note.id > root.id)

    def _last_words(self, thread: Sequence[Note]) -> Note | None:
        """The latest that is no command; a mere "thanks" only where nothing else was said.

        Who closed the thread may have a say in it, whoever it is: GitLab let them.
        """
        closed_by = thread[0].resolver_id
        people = [note for note in reversed(thread[1:]) if self._is_a_persons(note)]
        said = [note for note in people if is_dismissal(note.body) or self._command(note) is None]
        saying = (note for note in said if not is_courtesy(note.body))
        return self._latest(saying, closed_by) or self._latest(said, closed_by)

    def _latest(self, notes: Iterable[Note], closed_by: int = 0) -> Note | None:
        """The first of the notes, which come newest first, whose author counts. Nobody is asked about in vain."""
        return next(
            (note for note in notes if note.author_id == closed_by != 0 or self.counts(note.author_id)), None
        )

    def _why(self, note: Note | None) -> str:
        """Its words, for all to read."""
        return words_of(note.body, self._name) if note and not note.internal else ""

    def _is_a_persons(self, note: Note) -> bool:
        return note.author_id != self.me and not is_bot_name(note.author)

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
