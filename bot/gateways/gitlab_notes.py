"""Our own notes on a merge request: known by their marks, written once, edited in place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.change import Target
from bot.domain.kept import kept_ledger, kept_section
from bot.domain.ledger import Ledger
from bot.domain.marks import Kind, Mark, MarkBook, attach
from bot.domain.pages import SectionEdit
from bot.errors import NotFound
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_shapes import DiscussionShape, NoteShape, shaped

Key = tuple[Kind, str]
Result = Literal["done", "unchanged"]

EDITED = "edited in place"
WRITTEN = "written"
NOT_THERE = "not there to be edited"


@dataclass(frozen=True, slots=True)
class Signer:
    """One agent's hand at one head of one merge request. `clean` is the one sanitizer before every write."""

    agent: str
    head: str
    book: MarkBook
    clean: Callable[[str], str]

    def signed(
        self,
        body: str,
        key: Key,
        listed: Iterable[str] = (),
        ledger: Ledger | None = None,
        section: SectionEdit | None = None,
    ) -> str:
        """The body as it is written. `listed` are the keys of findings that it shows for want of a better place."""
        keys = [*(("finding", one) for one in listed), key]
        marks = [self.book.write(Mark(self.agent, kind, name, self.head)) for kind, name in keys]
        keeps = (
            kept_ledger(ledger, self.book) if ledger else "",
            kept_section(section, self.book) if section else "",
        )
        hidden = filter(None, (*keeps, *marks))
        return attach(self.clean(body), "\n".join(hidden))

    def key_of(self, body: str) -> Key | None:
        """What a note is, if it is ours."""
        mark = self.book.read(body)
        return (mark.kind, mark.key) if mark and self._is_ours(mark) else None

    def draft_key_of(self, body: str) -> Key | None:
        """What a draft is, if it is ours; where nothing is signed, those of earlier heads are ours to clear away."""
        mark = self.book.read(body)
        ours = mark and mark.agent == self.agent and (self._is_ours(mark) or not self.book.signs)
        return (mark.kind, mark.key) if mark and ours else None

    def listed_in(self, body: str) -> list[str]:
        """The keys of the findings that a note of ours shows for this head."""
        marks = self.book.read_all(body)[:-1]
        return [
            mark.key
            for mark in marks
            if mark.kind == "finding" and self._is_ours(mark) and self._is_now(mark)
        ]

    def _is_ours(self, mark: Mark) -> bool:
        """An unsigned mark says no more than that this head was reviewed."""
        return mark.agent == self.agent and (mark.signed or self._is_now(mark))

    def _is_now(self, mark: Mark) -> bool:
        return mark.head == self.head


@dataclass(frozen=True, slots=True)
class OwnNote:
    """A published note of ours. `alone`: nobody wrote in its thread."""

    id: int
    body: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Present:
    """What the merge request shows of ours: the notes of each key, oldest first; findings that a note lists."""

    notes: Mapping[Key, list[OwnNote]] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()

    def has(self, finding: str) -> bool:
        return ("finding", finding) in self.notes

    def note(self, key: Key) -> OwnNote | None:
        return self.notes[key][0] if key in self.notes else None


class OwnNotes:
    """Reads and writes the notes of the account `me` on one merge request. `pace` is called before each new one."""

    def __init__(
        self, api: GitLabApi, target: Target, me: int, signer: Signer, pace: Callable[[], None]
    ) -> None:
        self._api = api
        self._target = target
        self._path = merge_request_path(target)
        self._me = me
        self._signer = signer
        self._pace = pace

    def read(self) -> Present:
        """Wherever they are: moved, outdated, resolved. Marks in other people's notes count for nothing."""
        notes: dict[Key, list[OwnNote]] = {}
        listed: set[str] = set()
        what = f"the discussions of {self._target}"
        for item in self._api.pages(f"{self._path}/discussions", what):
            thread = shaped(DiscussionShape, item, what)
            for note in filter(self._is_own, thread.notes):
                body = note.body or ""
                if key := self._signer.key_of(body):
                    notes.setdefault(key, []).append(OwnNote(note.id, body, len(thread.notes) == 1))
                    listed.update(self._signer.listed_in(body))
        return Present(notes, frozenset(listed))

    def upsert(self, present: Present, key: Key, text: str, *, create: bool = True) -> tuple[Result, str]:
        """Edit the note where it reads otherwise; where it is missing write it, if wanted. What was done, in words."""
        there = present.note(key)
        if there and there.body.strip() == text.strip():
            return "unchanged", ""
        if there:
            self._api.put(f"{self._path}/notes/{there.id}", self._named(there), {"body": text})
            return "done", EDITED
        if not create:
            return "unchanged", NOT_THERE
        self._pace()
        self._api.post(f"{self._path}/notes", f"a note on {self._target}", {"body": text})
        return "done", WRITTEN

    def collapse(self, present: Present) -> None:
        """Of several notes with one key, two publishes that overlapped, the oldest stays, and any with an answer."""
        for _first, *doubles in present.notes.values():
            for note in doubles:
                if note.alone:
                    self._delete(note)

    def _delete(self, note: OwnNote) -> None:
        try:
            self._api.delete(f"{self._path}/notes/{note.id}", self._named(note))
        except NotFound:
            return

    def _named(self, note: OwnNote) -> str:
        return f"note {note.id} of {self._target}"

    def _is_own(self, note: NoteShape) -> bool:
        return not note.system and note.author is not None and note.author.id == self._me
