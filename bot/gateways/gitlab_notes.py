"""Our own notes on a merge request: known by their marks, written once, edited in place."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.domain.actions import UpdateFinding
from bot.domain.change import Target
from bot.domain.kept import KeptFinding
from bot.errors import NotFound
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_shapes import DiscussionShape, shaped
from bot.gateways.gitlab_signer import Key, Signer
from bot.gateways.gitlab_threads import OwnThreads, Thread, is_own

Result = Literal["done", "unchanged"]

EDITED = "edited in place"
WRITTEN = "written"
NOT_THERE = "not there to be edited"


@dataclass(frozen=True, slots=True)
class OwnNote:
    """A published note of ours. `alone`: nobody wrote in its thread."""

    id: int
    body: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Present:
    """What the merge request shows of ours: the notes of each key, oldest first; findings that a note lists.

    Replies stand in their `threads`, which are those of everybody, by GitLab's id.
    """

    notes: Mapping[Key, list[OwnNote]] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    threads: Mapping[str, Thread] = field(default_factory=dict)

    def has(self, finding: str) -> bool:
        return ("finding", finding) in self.notes

    def shows(self, key: Key, thread: str = "") -> bool:
        """Whether it is published: in this thread, or wherever it is."""
        if not thread:
            return key in self.notes
        return thread in self.threads and self.threads[thread].shows(key)

    def says(self, key: Key) -> bool:
        """Whether it is written anywhere, in a thread or alone."""
        return any(key in thread.said for thread in self.threads.values())

    def thread_with(self, note: int) -> Thread | None:
        return next((one for one in self.threads.values() if note in one.notes), None)

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
        self._threads = OwnThreads(api, target, me, signer, pace)

    def read(self) -> Present:
        """Wherever they are: moved, outdated, resolved. Marks in other people's notes count for nothing."""
        notes: dict[Key, list[OwnNote]] = {}
        listed: set[str] = set()
        threads: dict[str, Thread] = {}
        what = f"the discussions of {self._target}"
        for item in self._api.pages(f"{self._path}/discussions", what):
            shape = shaped(DiscussionShape, item, what)
            threads[shape.id] = self._threads.seen(shape)
            for key, note in self._own(shape):
                notes.setdefault(key, []).append(note)
                listed.update(self._signer.listed_in(note.body))
        return Present(notes, frozenset(listed), threads)

    def upsert(self, present: Present, key: Key, text: str, *, create: bool = True) -> tuple[Result, str]:
        """Edit the note where it reads otherwise; where it is missing write it, if wanted. What was done, in words."""
        there = present.note(key)
        if there and there.body.strip() == text.strip():
            return "unchanged", ""
        if there:
            self._edit(there, text)
            return "done", EDITED
        if not create:
            return "unchanged", NOT_THERE
        self.write(text)
        return "done", WRITTEN

    def write(self, text: str, *, internal: bool = False) -> None:
        """A note that stands alone. Internal ones are for members with Reporter access or more to write and read.

        (docs.gitlab.com/user/discussions/#add-an-internal-note)
        """
        self._pace()
        data: dict[str, Any] = {"body": text}
        if internal:
            data["internal"] = True
        self._api.post(f"{self._path}/notes", f"a note on {self._target}", data)

    def update(self, present: Present, action: UpdateFinding) -> tuple[Result, str]:
        """Keep in the finding's note what has become of it. Its text stays; a note that is gone stays gone."""
        there = present.note(("finding", action.key))
        if there is None:
            return "unchanged", NOT_THERE
        finding = KeptFinding(finding=action.finding, around=action.around)
        text = self._signer.with_finding(there.body, finding)
        if text.strip() == there.body.strip():
            return "unchanged", ""
        self._edit(there, text)
        return "done", EDITED

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

    def _edit(self, note: OwnNote, text: str) -> None:
        self._api.put(f"{self._path}/notes/{note.id}", self._named(note), {"body": text})

    def _own(self, thread: DiscussionShape) -> Iterator[tuple[Key, OwnNote]]:
        """Those that stand for themselves; replies belong to their thread."""
        for note in thread.notes:
            key = self._signer.key_of(note.body or "") if is_own(note, self._me) else None
            if key and key[0] != "reply":
                yield key, OwnNote(note.id, note.body or "", len(thread.notes) == 1)

    def _named(self, note: OwnNote) -> str:
        return f"note {note.id} of {self._target}"
