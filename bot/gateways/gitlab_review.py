"""One proposal on its way to a merge request: read back, draft, fence, publish, and look what became of it.

Findings and answers become draft notes, which only their author sees, and one `bulk_publish` shows them as one review
with one notification. Every note carries a mark; what has its mark is not written again, so that a crash or a lost
answer at any step is mended by doing the same once more.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.domain.actions import Outcome, PostFinding, Proposal, React, Reply, UpdateFinding, UpsertNote
from bot.domain.change import Target
from bot.domain.findings import Finding
from bot.domain.marks import Kind
from bot.domain.reactions import HEARD
from bot.domain.reviewed import Reviewed
from bot.domain.summary import with_unplaced
from bot.errors import NotFound, PlatformError, Refused, Superseded
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_awards import OwnAwards
from bot.gateways.gitlab_drafts import OwnDrafts, Spot, answering, spots
from bot.gateways.gitlab_notes import OwnNotes, Present, Result
from bot.gateways.gitlab_shapes import MergeRequestShape, shaped
from bot.gateways.gitlab_signer import Key, Signer
from bot.gateways.gitlab_threads import OwnThreads, key_of
from bot.gateways.http import Broken

MOVED = "{target} moved from {ours} to {theirs} while it was being reviewed"
CLOSED = "{target} is {state}: nothing is published"
ALREADY = "already shown"
ALREADY_IN_SUMMARY = "already shown in the summary"
NO_POSITION = "shown in the summary"
REFUSED = "GitLab takes neither the line nor the file: shown in the summary"
UNPUBLISHED = "GitLab did not publish it: shown in the summary"
WITH_REVIEW = "published with the review"

OPENED = "opened"
REVIEWED = "reviewed"
KINDS: dict[str, Kind] = {
    "summary": "summary",
    "failure": "failure",
    "page": "page",
    "release-notes": "notes",
}
"""The kinds of notes, by what their keys begin with."""
SUMMARY: Key = ("summary", "summary")

A = TypeVar("A", PostFinding, UpdateFinding, Reply, UpsertNote, React)


@dataclass(frozen=True, slots=True)
class Publishing:
    """How reviews are published: the verdict on the reviewer's side, and whether GitLab takes a summary along (19.2).

    `is_patient`: a GitLab that breaks (500) at publishing new drafts is asked again later, before they are taken for
    the cause.
    """

    reviewer_state: str
    takes_note: bool
    is_patient: bool


@dataclass
class Review:
    """`run` goes step by step; the steps share what was `before`, what is `waiting` as drafts, the outcomes so far,
    and the findings that go into the summary because no other place took them.

    `awards` gives the reactions on a note, of 0 on the merge request.
    """

    api: GitLabApi
    proposal: Proposal
    target: Target
    signer: Signer
    notes: OwnNotes
    drafts: OwnDrafts
    threads: OwnThreads
    awards: Callable[[int], OwnAwards]
    publishing: Publishing
    before: Present = field(default_factory=Present)
    waiting: Mapping[Key, Spot] = field(default_factory=dict)
    unplaced: dict[str, Finding] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self) -> list[Outcome]:
        """Raises Superseded, with nothing shown, when the head moved on."""
        if not self.proposal.actions:
            return []
        self.before = self.notes.read()
        there = self.drafts.read()
        wanted = self._wanted()
        kept = self.drafts.sorted_out(there, wanted)
        self.waiting = self._draft(wanted, kept)
        self._fence()
        if all(draft.key for draft in there):
            present = self._publish(is_first=self.publishing.is_patient and not kept)
        else:
            present = self._publish_singly(self.waiting)
        self._finish(present)
        return list(self.outcomes.values())

    def _finish(self, present: Present) -> None:
        """What is written at once. Threads before the summary, which remembers the review as done."""
        for reply in self._actions(Reply):
            self._settle(reply, present)
        for update in self._actions(UpdateFinding):
            self._record(update.key, *self.notes.update(present, update))
        for note in self._actions(UpsertNote):
            self._upsert(note, present)
        self.notes.collapse(present)
        for reaction in self._actions(React):
            self.outcomes[reaction.key] = self.awards(reaction.note).react(reaction)

    # drafts

    def _wanted(self) -> dict[Key, list[Spot]]:
        """The findings that are not shown yet and have a place, and the answers that are not, with their spots."""
        wanted = {}
        for action in self._actions(PostFinding):
            if self.before.has(action.key):
                self._record(action.key, "unchanged", ALREADY)
            elif action.key in self.before.listed:
                self._into_summary(action, "unchanged", ALREADY_IN_SUMMARY)
            elif action.position is None:
                self._record(action.key, "done", NO_POSITION)
            else:
                wanted[_key_of_finding(action)] = spots(action, self.signer)
        answers = filter(self._is_drafted, self._actions(Reply))
        return wanted | {key_of(reply): [answering(reply, self.signer)] for reply in answers}

    def _is_drafted(self, reply: Reply) -> bool:
        """Publishing a draft opens its thread again unless it closes it (app/services/draft_notes/publish_service.rb).

        So a thread that is to stay as it is gets its answer directly.
        """
        thread = self.before.threads.get(reply.thread)
        if thread is None or not thread.is_open_to(reply) or not thread.lacks(reply):
            return False
        return reply.resolves is False or (reply.resolves is True and not thread.is_resolved)

    def _draft(self, wanted: Mapping[Key, list[Spot]], kept: Mapping[Key, Spot]) -> dict[Key, Spot]:
        """What now waits as drafts. An answer that does not is written directly, later on."""
        placed = {key: kept.get(key) or self.drafts.place(choices) for key, choices in wanted.items()}
        waiting = {key: spot for key, spot in placed.items() if spot}
        for action in self._actions(PostFinding):
            key = _key_of_finding(action)
            if key in waiting:
                self._record(action.key, "done", waiting[key].name)
            elif key in wanted:
                self._into_summary(action, "done", REFUSED)
        return waiting

    # publishing

    def _fence(self) -> None:
        """Read the head once more, right before anything becomes visible."""
        now = read_merge_request(self.api, self.target)
        if now.state == OPENED and now.sha == self.proposal.head:
            return
        self.drafts.discard()
        if now.state != OPENED:
            self.awards(self.proposal.note).take_back(HEARD)
            raise Superseded(CLOSED.format(target=self.target, state=now.state))
        ours, theirs = self.proposal.head[:8], (now.sha or "")[:8]
        raise Superseded(MOVED.format(target=self.target, ours=ours, theirs=theirs), now.sha)

    def _publish(self, *, is_first: bool) -> Present:
        """All at once, then look: GitLab may have broken at one draft, or left it behind in silence."""
        if not self.waiting:
            return self.before
        fault = self._publish_at_once()
        present = self.notes.read()
        missing = self._missing(self.waiting, present)
        if isinstance(fault, Broken) and missing == set(self.waiting) and is_first:
            raise fault
        return self._publish_singly(missing) if missing else present

    def _publish_at_once(self) -> PlatformError | None:
        """What GitLab has against it, if that may lie in what we publish: a thread may be gone.

        Raises Unavailable where it will pass.
        """
        summary = self._first_summary()
        extra: dict[str, Any] = {}
        if self.publishing.takes_note:
            extra = {"reviewer_state": self._verdict()} | ({"note": summary} if summary else {})
        elif summary:
            self.drafts.write(Spot(summary))
        try:
            self.drafts.publish_all(extra)
        except (Broken, Refused, NotFound) as fault:
            return fault
        return None

    def _first_summary(self) -> str | None:
        """The summary, where there is none to be edited."""
        notes = (note for note in self._actions(UpsertNote) if note.key == "summary" and note.create)
        note = next(notes, None)
        return self._text(note) if note and not self.before.note(SUMMARY) else None

    def _verdict(self) -> str:
        """As configured while a finding of ours stands in an open thread; once none does, nothing is asked for."""
        becomes_open = {
            one.thread: not one.resolves for one in self._actions(Reply) if one.resolves is not None
        }
        threads = (thread for thread in self.before.threads.values() if thread.finding)
        stands = any(becomes_open.get(one.id, not one.is_resolved) for one in threads)
        is_posted = any(kind == "finding" for kind, _ in self.waiting)
        return self.publishing.reviewer_state if stands or is_posted else REVIEWED

    def _publish_singly(self, keys: Collection[Key]) -> Present:
        """One by one, for drafts of people wait here, too, or GitLab breaks at one of ours. The rest is summed up."""
        if not keys:
            return self.before
        self.drafts.publish_singly(keys)
        present = self.notes.read()
        missing = self._missing(keys, present)
        for action in self._actions(PostFinding):
            if _key_of_finding(action) in missing:
                self._into_summary(action, "done", UNPUBLISHED)
        return present

    def _missing(self, keys: Collection[Key], present: Present) -> set[Key]:
        return {key for key in keys if not present.shows(key, self.waiting[key].thread)}

    # threads, notes

    def _settle(self, reply: Reply, present: Present) -> None:
        outcome = self.threads.settle(reply, present.threads.get(reply.thread))
        if outcome.result == "unchanged" and not outcome.reason and key_of(reply) in self.waiting:
            outcome = outcome.model_copy(update={"result": "done", "reason": WITH_REVIEW})
        self.outcomes[reply.key] = outcome

    def _upsert(self, note: UpsertNote, present: Present) -> None:
        key = _key(note)
        result, reason = self.notes.upsert(present, key, self._text(note), create=note.create)
        rode_along = present.note(key) and not self.before.note(key)
        self._record(note.key, *(("done", WITH_REVIEW) if rode_along else (result, reason)))

    def _text(self, note: UpsertNote) -> str:
        """A note as it is written; the summary with the findings that found no place, in the proposal's order."""
        if _key(note) != SUMMARY:
            return self.signer.signed(note.body, _key(note), kept=[note.ledger])
        posts = self._actions(PostFinding)
        keys = [action.key for action in posts if action.key in self.unplaced]
        body = with_unplaced(note.body, [self.unplaced[key] for key in keys])
        homeless = [
            one for one in posts if one.key in keys or (not one.position and not self.before.has(one.key))
        ]
        reviewed = note.reviewed and as_it_ended(note.reviewed, posts, homeless)
        return self.signer.signed(body, SUMMARY, listed=keys, kept=[note.ledger, reviewed])

    # the account

    def _actions(self, kind: type[A]) -> list[A]:
        return [action for action in self.proposal.actions if isinstance(action, kind)]

    def _into_summary(self, action: PostFinding, result: Result, reason: str) -> None:
        self.unplaced[action.key] = action.finding
        self._record(action.key, result, reason)

    def _record(self, key: str, result: Result, reason: str = "") -> None:
        self.outcomes[key] = Outcome(key=key, result=result, reason=reason)


def as_it_ended(
    reviewed: Reviewed, posts: Sequence[PostFinding], homeless: Sequence[PostFinding]
) -> Reviewed:
    """The memory of a review after it was published: only of `homeless` findings there is no thread to be told by."""
    unplaced = {one.key: one.finding for one in homeless}
    placed = [one.key for one in posts if one.key not in unplaced]
    kept = [one for one in reviewed.listed if one.fingerprint not in placed]
    names = {one.fingerprint for one in kept}
    told = [key for key in reviewed.told if key not in unplaced]
    return reviewed.model_copy(
        update={
            "listed": (*kept, *(finding for key, finding in unplaced.items() if key not in names)),
            "told": (*told, *(key for key in placed if key not in told)),
        }
    )


def read_merge_request(api: GitLabApi, target: Target) -> MergeRequestShape:
    what = f"merge request {target}"
    return shaped(MergeRequestShape, api.get(merge_request_path(target), what), what)


def _key_of_finding(action: PostFinding) -> Key:
    return "finding", action.key


def _key(note: UpsertNote) -> Key:
    return kind_of(note.key), note.key


def kind_of(key: str) -> Kind:
    """Policy lets no other notes pass."""
    return KINDS[key.partition(":")[0]]
