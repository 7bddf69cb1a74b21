"""What the bot does on GitLab: reviews, failure notes, reactions. Idempotent, by reading what is there."""

from collections.abc import Callable

from bot.domain.actions import GitLabAction, Outcome, Proposal, UpsertNote
from bot.domain.change import Target
from bot.domain.events import Person
from bot.domain.markdown import failure_note
from bot.domain.marks import MarkBook
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_awards import OwnAwards
from bot.gateways.gitlab_drafts import OwnDrafts
from bot.gateways.gitlab_notes import Key, OwnNotes, Signer
from bot.gateways.gitlab_review import EYES, OPENED, Publishing, Review, kind_of, read_merge_request

PUBLISH_NOTE_SINCE = (19, 2)
PATIENCE = 3  # tries, whatever became of their drafts
FAILURE: Key = ("failure", "failure")
PAGES = "pages"  # the agent whose work begins when a merge request is merged
NO_REVIEW = "only a review posts findings and reactions"


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

    def acknowledge(self, target: Target, emoji: str = EYES) -> int | None:
        """React at once; the reaction's id, None when it was there already."""
        return self._awards(target).give(emoji)

    def withdraw(self, target: Target) -> None:
        """Take the acknowledgement back: nobody is at it any more."""
        self._end_acknowledgement(target, None)

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        """Make the merge request carry what the proposal says. Raises Superseded when its head moved on.

        `acknowledged` is the id of the reaction to take away at the end, `attempt` how often the run was put back.
        """
        review = self._review(proposal, attempt)
        outcomes = review.run()
        self._end_acknowledgement(review.target, acknowledged)
        return outcomes

    def write(self, action: GitLabAction, proposal: Proposal) -> Outcome:
        """One note of an agent that reviews nothing. Raises PlatformError."""
        if not isinstance(action, UpsertNote):
            return Outcome(key=action.key, result="refused", reason=NO_REVIEW)
        target = Target(proposal.project, action.iid or proposal.iid, proposal.project_id)
        signer = self._signer(target, proposal.agent, proposal.head)
        notes, key = self._notes(target, signer), (kind_of(action.key), action.key)
        text = signer.signed(action.body, key, section=action.section)
        result, reason = notes.upsert(notes.read(), key, text, create=action.create)
        return Outcome(key=action.key, result=result, reason=reason)

    def complain(self, target: Target, agent: str, sentence: str) -> None:
        """Say in one note, edited in place, that a run failed.

        Where the merge request is over, only of what begins then.
        """
        now = read_merge_request(self._api, target)
        if now.state != OPENED and agent != PAGES:
            return
        signer = self._signer(target, agent, now.sha or "")
        notes = self._notes(target, signer)
        notes.upsert(notes.read(), FAILURE, signer.signed(failure_note(sentence), FAILURE))
        self._end_acknowledgement(target, None)

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
            awards=self._awards(target),
            publishing=Publishing(self._reviewer_state, self._takes_note, is_patient=attempt < PATIENCE),
        )

    def _signer(self, target: Target, agent: str, head: str) -> Signer:
        return Signer(agent, head, self._marks(target.key), self._clean)

    def _notes(self, target: Target, signer: Signer) -> OwnNotes:
        return OwnNotes(self._api, target, self._me.id, signer, self._pace)

    def _awards(self, target: Target) -> OwnAwards:
        return OwnAwards(self._api, target, self._me.id)

    def _end_acknowledgement(self, target: Target, acknowledged: int | None) -> None:
        """Nobody is at it any more. Without its id the reaction is looked for: an earlier run may have left it."""
        awards = self._awards(target)
        if acknowledged is None:
            awards.take_back(EYES)
        else:
            awards.remove(acknowledged)
