"""What the bot does on GitLab: reviews, failure notes, reactions. Idempotent, by reading what is there."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from bot.domain.actions import GitLabAction, Outcome, Proposal, React, Reply, UpsertNote
from bot.domain.change import Target
from bot.domain.commands import parse_command
from bot.domain.events import Person
from bot.domain.lifecycle import ANSWER, DISMISSED
from bot.domain.markdown import failure_note, inert
from bot.domain.marks import MarkBook
from bot.domain.reactions import FAULTY, HEARD
from bot.errors import Forbidden, NotFound, Refused, Superseded
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_awards import OwnAwards
from bot.gateways.gitlab_drafts import OwnDrafts
from bot.gateways.gitlab_notes import WRITTEN, OwnNotes
from bot.gateways.gitlab_review import OPENED, Publishing, Review, kind_of, read_merge_request
from bot.gateways.gitlab_shapes import NoteShape, shaped
from bot.gateways.gitlab_signer import Key, Signer
from bot.gateways.gitlab_threads import OwnThreads, Thread, key_of
from bot.gateways.gitlab_work import MOVED

PUBLISH_NOTE_SINCE: Final = (19, 2)
PATIENCE: Final = 3  # tries, whatever became of their drafts
FAILURE: Key = ("failure", "failure")
ASK: Final = "ask"
ALWAYS: Final = frozenset({ASK, "pages"})  # the agents that work where a merge request is over, too
FAILED: Final = "failed:{note}"
"""The key of the line that says so to who asked in a note."""
NOT_ANSWERED = "Trivet could not answer this: {sentence}"
NO_REVIEW: Final = "only a review posts findings"
UNASKED: Final = "the note it answers is gone"
SAID: Final = "said already"


class GitLabEffects:
    """One write token on one GitLab.

    `marks(scope)` gives the mark book of one merge request, `clean` is the one sanitizer before every write, `pace`
    is called before each note and raises Unavailable where GitLab's own limit on notes is near.
    """

    def __init__(
        self,
        api: GitLabApi,
        *,
        me: Person,
        version: tuple[int, int],
        marks: Callable[[str], MarkBook],
        clean: Callable[[str], str],
        reviewer_state: str = "reviewed",
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._me = me
        self._takes_note = version >= PUBLISH_NOTE_SINCE
        self._marks = marks
        self._clean = clean
        self._reviewer_state = reviewer_state
        self._pace = pace

    def acknowledge(self, target: Target, note: int = 0) -> int | None:
        """React at once, on the note that asks, if one does; the reaction's id, None when it was there already."""
        return self._awards(target, note).give(HEARD)

    def withdraw(self, target: Target, note: int = 0, acknowledged: int | None = None) -> None:
        """Take the acknowledgement back: nobody is at it any more.

        Without the id of the reaction it is looked for: an earlier run may have left it.
        """
        _end(self._awards(target, note), acknowledged)

    def still(self, target: Target, head: str) -> None:
        """Raises Superseded unless the merge request, of whatever state, is at this head; PlatformError."""
        now = read_merge_request(self._api, target)
        if now.sha != head:
            theirs = now.sha or ""
            raise Superseded(MOVED.format(target=target, ours=head[:8], theirs=theirs[:8]), now.sha)

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        """Make the merge request carry what the proposal says. Raises Superseded when its head moved on.

        `acknowledged` is the id of the reaction to take away at the end, `attempt` how often the run was put back.
        """
        review = self._review(proposal, attempt)
        outcomes = review.run()
        _end(review.awards(proposal.note), acknowledged)
        return outcomes

    def writer(self, proposal: Proposal) -> Callable[[GitLabAction], Outcome]:
        """What writes the actions of an agent that reviews nothing: a note, an answer or a reaction.

        However many threads it answers in, the note that asks is read once. It raises PlatformError.
        """
        asking = cache(partial(self._asking, _target(proposal), proposal.note))
        return lambda action: self._written(action, proposal, asking)

    def complain(self, target: Target, agent: str, sentence: str, note: int = 0) -> None:
        """Say that a run failed, and mark with a reaction what it was to answer.

        Who asked something is told below what they asked. Any other failure is said in one note, edited in place; where
        the merge request is over, not that of what does not begin then.
        """
        now = read_merge_request(self._api, target)
        signer = self._signer(target, agent, now.sha or "")
        if agent == ASK and note:
            self._complain_to(note, sentence, signer, target)
        elif now.state == OPENED or agent in ALWAYS:
            notes = self._notes(target, signer)
            notes.upsert(notes.read(), FAILURE, signer.signed(failure_note(sentence), FAILURE))
        if note and agent != ASK:
            self._awards(target, note).give(FAULTY)
        self.withdraw(target, note)

    def discard(self, proposal: Proposal) -> None:
        """Delete our unpublished drafts: an interrupted run leaves nothing half done."""
        self._review(proposal, attempt=0).drafts.discard()

    def _review(self, proposal: Proposal, attempt: int) -> Review:
        target = _target(proposal)
        signer = self._signer(target, proposal.agent, proposal.head)
        return Review(
            api=self._api,
            proposal=proposal,
            target=target,
            signer=signer,
            notes=self._notes(target, signer),
            drafts=OwnDrafts(self._api, target, signer, self._pace),
            threads=self._threads(target, signer),
            awards=cache(partial(self._awards, target)),
            publishing=Publishing(self._reviewer_state, self._takes_note, is_patient=attempt < PATIENCE),
        )

    def _written(
        self, action: GitLabAction, proposal: Proposal, asking: Callable[[], NoteShape | None]
    ) -> Outcome:
        match action:
            case UpsertNote():
                return self._note(action, proposal)
            case Reply():
                return self._answer(action, proposal, asking)
            case React():
                return self._awards(_target(proposal), action.note).react(action)
            case _:
                return Outcome(key=action.key, result="refused", reason=NO_REVIEW)

    def _note(self, note: UpsertNote, proposal: Proposal) -> Outcome:
        target = Target(proposal.project, note.iid or proposal.iid, proposal.project_id)
        signer = self._signer(target, proposal.agent, proposal.head)
        notes, key = self._notes(target, signer), (kind_of(note.key), note.key)
        text = signer.signed(note.body, key, kept=[note.section])
        result, reason = notes.upsert(notes.read(), key, text, create=note.create)
        return Outcome(key=note.key, result=result, reason=reason)

    # answers

    def _answer(self, reply: Reply, proposal: Proposal, asking: Callable[[], NoteShape | None]) -> Outcome:
        """Nobody is answered who took the question away meanwhile, and internally who asked so."""
        target = _target(proposal)
        signer = self._signer(target, proposal.agent, proposal.head)
        thread = self._threads(target, signer).read(reply.thread)
        asked = asking() if thread and proposal.note else None
        if thread and proposal.note and asked is None:
            return Outcome(key=reply.key, result="unchanged", reason=UNASKED)
        hidden = reply.model_copy(update={"internal": reply.internal or bool(asked and asked.internal)})
        return self._say(hidden, thread, proposal.note, signer, target)

    def _say(self, reply: Reply, thread: Thread | None, note: int, signer: Signer, target: Target) -> Outcome:
        """In the thread of the note that asks; beside one that stands alone.

        A note that began its thread may have stood alone when an earlier try answered it.
        """
        if not thread or not reply.body or not (thread.is_alone or thread.begins_with(note)):
            return self._threads(target, signer).settle(reply, thread)
        notes = self._notes(target, signer)
        if notes.read().says(key_of(reply)):
            return Outcome(key=reply.key, result="unchanged", reason=SAID)
        if thread.is_alone:
            return self._say_beside(reply, notes, signer)
        return self._threads(target, signer).settle(reply, thread)

    def _say_beside(self, reply: Reply, notes: OwnNotes, signer: Signer) -> Outcome:
        """A reply to a note that stands alone would make it a thread, and an open thread may keep people from merging.

        (docs.gitlab.com/user/project/merge_requests/#prevent-merge-unless-all-threads-are-resolved)
        Where our account may not write internal notes, nothing is said.
        """
        try:
            notes.write(signer.signed(reply.body, key_of(reply)), internal=reply.internal)
        except (Forbidden, Refused) as refusal:
            if not reply.internal:
                raise
            return Outcome(key=reply.key, result="refused", reason=str(refusal))
        return Outcome(key=reply.key, result="done", reason=WRITTEN)

    def _asking(self, target: Target, note: int) -> NoteShape | None:
        """The note as it is now, None where it is gone."""
        what = f"note {note} of {target}"
        try:
            return shaped(NoteShape, self._api.get(f"{merge_request_path(target)}/notes/{note}", what), what)
        except NotFound:
            return None

    # failures

    def _complain_to(self, note: int, sentence: str, signer: Signer, target: Target) -> None:
        """One line and a reaction, unless it was answered before the run failed.

        What people say among themselves, though a run looked at it, gets neither.
        """
        asked = self._asking(target, note)
        present = self._notes(target, signer).read()
        thread = present.thread_with(note)
        if asked is None or thread is None or not self._is_to_us(asked, thread):
            return
        if any(present.says(("reply", form.format(note=note))) for form in (ANSWER, DISMISSED)):
            return
        key, body = FAILED.format(note=note), NOT_ANSWERED.format(sentence=inert(sentence))
        reply = Reply(key=key, thread=thread.id, body=body, internal=asked.internal)
        self._say(reply, thread, note, signer, target)
        self._awards(target, note).give(FAULTY)

    def _is_to_us(self, note: NoteShape, thread: Thread) -> bool:
        return thread.is_with_us or parse_command(note.body or "", self._me.username) is not None

    def _signer(self, target: Target, agent: str, head: str) -> Signer:
        return Signer(agent, head, self._marks(target.key), self._clean)

    def _notes(self, target: Target, signer: Signer) -> OwnNotes:
        return OwnNotes(self._api, target, self._me.id, signer, self._pace)

    def _threads(self, target: Target, signer: Signer) -> OwnThreads:
        return OwnThreads(self._api, target, self._me.id, signer, self._pace)

    def _awards(self, target: Target, note: int = 0) -> OwnAwards:
        return OwnAwards(self._api, target, self._me.id, note)


def _target(proposal: Proposal) -> Target:
    return Target(proposal.project, proposal.iid, proposal.project_id)


def _end(awards: OwnAwards, acknowledged: int | None) -> None:
    if acknowledged is None:
        awards.take_back(HEARD)
    else:
        awards.remove(acknowledged)
