"""Threads on a merge request: what we say in them, once, and whether they are closed.

Sources: docs.gitlab.com/api/discussions ("Resolve a merge request thread"); a reply to a thread that is closed leaves
it closed (app/services/notes/build_service.rb).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

from bot.domain.actions import Outcome, Reply
from bot.domain.change import Target
from bot.errors import Forbidden, NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_shapes import DiscussionShape, NoteShape, shaped
from bot.gateways.gitlab_signer import Key, Signer, is_of_state

Result = Literal["done", "unchanged", "refused"]

GONE: Final = "its thread is gone"
NOT_OURS: Final = "not a thread of ours"
IN_PUBLIC: Final = "it answers an internal note, and everybody reads the thread"


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as it was read. `finding` is the key of the finding of ours that it began with, "" for any other.

    `said`: what we wrote in it. `stands`: the key of the latest reply of ours, whichever agent's, that says what has
    become of the finding, "" for none. `is_resolved`: all of it that can be resolved is. `notes`: whether each is
    internal, by its id, the first note first. `is_alone`: one note, which a reply would make a thread. `is_with_us`: a
    note of ours is in it.
    """

    id: str
    finding: str
    said: frozenset[Key]
    stands: str
    is_resolved: bool
    notes: Mapping[int, bool] = field(default_factory=dict)
    is_alone: bool = False
    is_with_us: bool = False

    @property
    def is_internal(self) -> bool:
        """A reply is what the first note is, whatever is asked for (app/services/notes/build_service.rb)."""
        return next(iter(self.notes.values()), False)

    def begins_with(self, note: int) -> bool:
        return next(iter(self.notes), 0) == note

    def is_open_to(self, reply: Reply) -> bool:
        """Whether the reply may stand here: only a thread of its own finding is closed or opened by it."""
        return reply.resolves is None or self.finding == reply.finding != ""

    def shows(self, key: Key) -> bool:
        """Whether it is said here; of what becomes of a finding the last word counts, as it may turn and turn again."""
        return self.stands == key[1] if is_of_state(key) else key in self.said

    def lacks(self, reply: Reply) -> bool:
        return bool(reply.body) and not self.shows(key_of(reply))

    def would_tell(self, reply: Reply) -> bool:
        """Whether what only some may read would be read by all."""
        return bool(reply.body) and reply.internal and not self.is_internal


class OwnThreads:
    """Reads and answers threads of one merge request as the account `me`. `pace` is called before each new note."""

    def __init__(
        self, api: GitLabApi, target: Target, me: int, signer: Signer, pace: Callable[[], None]
    ) -> None:
        self._api = api
        self._target = target
        self._path = f"{merge_request_path(target)}/discussions"
        self._me = me
        self._signer = signer
        self._pace = pace

    def read(self, thread: str) -> Thread | None:
        """None for one that is gone."""
        what = self._named()
        try:
            return self.seen(shaped(DiscussionShape, self._api.get(self._address(thread), what), what))
        except NotFound:
            return None

    def seen(self, shape: DiscussionShape) -> Thread:
        """Marks in other people's notes count for nothing."""
        own = [note for note in shape.notes if is_own(note, self._me)]
        bodies = [note.body or "" for note in own]
        begun = bodies[0] if own and own[0] is shape.notes[0] else ""
        closable = [note for note in shape.notes if note.resolvable]
        states = filter(None, map(self._signer.state_of, reversed(bodies)))
        return Thread(
            id=shape.id,
            finding=self._signer.finding_of(begun),
            said=frozenset(filter(None, map(self._signer.key_of, bodies))),
            stands=next(states, ""),
            is_resolved=bool(closable) and all(note.resolved for note in closable),
            notes={note.id: note.internal for note in shape.notes},
            is_alone=shape.individual_note,
            is_with_us=bool(own),
        )

    def settle(self, reply: Reply, thread: Thread | None) -> Outcome:
        """Write the reply where it is not there yet, then close the thread or open it again, where it is not yet.

        So done again after a crash it does the rest. A thread that somebody deletes meanwhile is no fault, nor that
        our account may not close it: then the reply stays.
        """
        if thread is None:
            return _outcome(reply, "unchanged", GONE)
        if not thread.is_open_to(reply):
            return _outcome(reply, "refused", NOT_OURS)
        if thread.would_tell(reply):
            return _outcome(reply, "refused", IN_PUBLIC)
        try:
            note = self._write(reply) if thread.lacks(reply) else None
            is_resolved = thread.is_resolved and (note is None or bool(note.resolved))
            if reply.resolves in (None, is_resolved):
                return _outcome(reply, "done" if note else "unchanged")
            return self._close_or_open(reply)
        except NotFound:
            return _outcome(reply, "unchanged", GONE)

    def _write(self, reply: Reply) -> NoteShape:
        self._pace()
        what = f"a reply in {self._named()}"
        text = self._signer.signed(reply.body, key_of(reply))
        answer = self._api.post(f"{self._address(reply.thread)}/notes", what, {"body": text})
        return shaped(NoteShape, answer, what)

    def _close_or_open(self, reply: Reply) -> Outcome:
        try:
            self._api.put(self._address(reply.thread), self._named(), {"resolved": reply.resolves})
        except (Forbidden, Refused) as refusal:
            return _outcome(reply, "refused", str(refusal))
        return _outcome(reply, "done")

    def _address(self, thread: str) -> str:
        return f"{self._path}/{quote(thread, safe='')}"

    def _named(self) -> str:
        return f"a thread of {self._target}"


def key_of(reply: Reply) -> Key:
    return "reply", reply.key


def is_own(note: NoteShape, me: int) -> bool:
    return not note.system and note.author is not None and note.author.id == me


def _outcome(reply: Reply, result: Result, reason: str = "") -> Outcome:
    return Outcome(key=reply.key, result=result, reason=reason)
