"""Threads on a merge request: what we say in them, once, and whether they are closed.

Sources: docs.gitlab.com/api/discussions ("Resolve a merge request thread"); a reply to a thread that is closed leaves
it closed (app/services/notes/build_service.rb).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from bot.domain.actions import Outcome, Reply
from bot.domain.change import Target
from bot.errors import Forbidden, NotFound, Refused
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_shapes import DiscussionShape, NoteShape, shaped
from bot.gateways.gitlab_signer import Key, Signer

Result = Literal["done", "unchanged", "refused"]

GONE: Final = "its thread is gone"
NOT_OURS: Final = "not a thread of ours"


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread as it was read. `finding` is the key of the finding of ours that it began with, "" for any other.

    `said`: what we wrote in it. `is_resolved`: all of it that can be resolved is.
    """

    id: str
    finding: str
    said: frozenset[Key]
    is_resolved: bool

    def is_open_to(self, reply: Reply) -> bool:
        """Whether the reply may stand here: only a thread of its own finding is closed or opened by it."""
        return reply.resolves is None or self.finding == reply.finding != ""

    def lacks(self, reply: Reply) -> bool:
        return bool(reply.body) and key_of(reply) not in self.said


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

    def read(self, thread: str) -> DiscussionShape | None:
        """None for one that is gone."""
        what = self._named()
        try:
            return shaped(DiscussionShape, self._api.get(self._address(thread), what), what)
        except NotFound:
            return None

    def seen(self, shape: DiscussionShape) -> Thread:
        """Marks in other people's notes count for nothing."""
        own = [note for note in shape.notes if is_own(note, self._me)]
        keys = (self._signer.key_of(note.body or "") for note in own)
        begun = own[0].body or "" if own and own[0] is shape.notes[0] else ""
        closable = [note for note in shape.notes if note.resolvable]
        return Thread(
            id=shape.id,
            finding=self._signer.finding_of(begun),
            said=frozenset(filter(None, keys)),
            is_resolved=bool(closable) and all(note.resolved for note in closable),
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
