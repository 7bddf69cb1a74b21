"""What the bot does on GitLab: reviews, failure notes, reactions. Idempotent, by reading what is there."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from bot.domain.actions import GitLabAction, Outcome, Proposal, React, Reply, UpsertNote
from bot.domain.change import Target
from bot.domain.events import Person
from bot.domain.markdown import failure_note
from bot.domain.marks import MarkBook
from bot.errors import NotFound, Superseded
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_awards import OwnAwards
from bot.gateways.gitlab_drafts import OwnDrafts
from bot.gateways.gitlab_notes import OwnNotes
from bot.gateways.gitlab_review import EYES, OPENED, Publishing, Review, kind_of, read_merge_request
from bot.gateways.gitlab_shapes import DiscussionShape
from bot.gateways.gitlab_signer import Key, Signer
from bot.gateways.gitlab_threads import OwnThreads, key_of
from bot.gateways.gitlab_work import MOVED

PUBLISH_NOTE_SINCE: Final = (19, 2)
PATIENCE: Final = 3  # tries, whatever became of their drafts
FAILURE: Key = ("failure", "failure")
WARNING: Final = "warning"
ALWAYS: Final = frozenset({"ask", "pages"})  # the agents that work where a merge request is over, too
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
        return self._awards(target, note).give(EYES)

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

    def write(self, action: GitLabAction, proposal: Proposal) -> Outcome:
        """A note, an answer or a reaction of an agent that reviews nothing. Raises PlatformError."""
        target = Target(proposal.project, proposal.iid, proposal.project_id)
        match action:
            case UpsertNote():
                return self._note(action, proposal)
            case Reply():
                return self._answer(action, proposal, target)
            case React():
                return self._awards(target, action.note).react(action)
            case _:
                return Outcome(key=action.key, result="refused", reason=NO_REVIEW)

    def complain(self, target: Target, agent: str, sentence: str, note: int = 0) -> None:
        """Say in one note, edited in place, that a run failed, and mark with a reaction what it was to answer.

        Where the merge request is over, nothing is said of what does not begin then.
        """
        now = read_merge_request(self._api, target)
        if now.state == OPENED or agent in ALWAYS:
            signer = self._signer(target, agent, now.sha or "")
            notes = self._notes(target, signer)
            notes.upsert(notes.read(), FAILURE, signer.signed(failure_note(sentence), FAILURE))
        if note:
            self._awards(target, note).give(WARNING)
        self.withdraw(target, note)

    def discard(self, proposal: Proposal) -> None:
        """Delete our unpublished drafts: an interrupted run leaves nothing half done."""
        self._review(proposal, attempt=0).drafts.discard()

    def _review(self, proposal: Proposal, attempt: int) -> Review:
        target = Target(proposal.project, proposal.iid, proposal.project_id)
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

    def _note(self, note: UpsertNote, proposal: Proposal) -> Outcome:
        target = Target(proposal.project, note.iid or proposal.iid, proposal.project_id)
        signer = self._signer(target, proposal.agent, proposal.head)
        notes, key = self._notes(target, signer), (kind_of(note.key), note.key)
        text = signer.signed(note.body, key, kept=[note.section])
        result, reason = notes.upsert(notes.read(), key, text, create=note.create)
        return Outcome(key=note.key, result=result, reason=reason)

    def _answer(self, reply: Reply, proposal: Proposal, target: Target) -> Outcome:
        """Nobody is answered who took the question away meanwhile."""
        threads = self._threads(target, self._signer(target, proposal.agent, proposal.head))
        found = threads.read(reply.thread)
        if found and proposal.note and not self._is_there(proposal.note, found, target):
            return Outcome(key=reply.key, result="unchanged", reason=UNASKED)
        if found and found.individual_note:
            return self._answer_beside(reply, proposal, target)
        return threads.settle(reply, threads.seen(found) if found else None)

    def _answer_beside(self, reply: Reply, proposal: Proposal, target: Target) -> Outcome:
        """A reply to a note that stands alone would make it a thread, and an open thread may keep people from merging.

        (docs.gitlab.com/user/project/merge_requests/#prevent-merge-unless-all-threads-are-resolved)
        """
        signer = self._signer(target, proposal.agent, proposal.head)
        notes, key = self._notes(target, signer), key_of(reply)
        present = notes.read()
        if present.note(key):
            return Outcome(key=reply.key, result="unchanged", reason=SAID)
        result, reason = notes.upsert(present, key, signer.signed(reply.body, key))
        return Outcome(key=reply.key, result=result, reason=reason)

    def _is_there(self, note: int, thread: DiscussionShape, target: Target) -> bool:
        """A command in one thread may close others."""
        if any(one.id == note for one in thread.notes):
            return True
        try:
            self._api.get(f"{merge_request_path(target)}/notes/{note}", f"note {note} of {target}")
        except NotFound:
            return False
        return True

    def _signer(self, target: Target, agent: str, head: str) -> Signer:
        return Signer(agent, head, self._marks(target.key), self._clean)

    def _notes(self, target: Target, signer: Signer) -> OwnNotes:
        return OwnNotes(self._api, target, self._me.id, signer, self._pace)

    def _threads(self, target: Target, signer: Signer) -> OwnThreads:
        return OwnThreads(self._api, target, self._me.id, signer, self._pace)

    def _awards(self, target: Target, note: int = 0) -> OwnAwards:
        return OwnAwards(self._api, target, self._me.id, note)


def _end(awards: OwnAwards, acknowledged: int | None) -> None:
    if acknowledged is None:
        awards.take_back(EYES)
    else:
        awards.remove(acknowledged)
