"""One proposal on its way to a merge request: read back, draft, fence, publish, and look what became of it.

Findings become draft notes, which only their author sees, and one `bulk_publish` shows them as one review with one
notification. Every note carries a mark; what has its mark is not written again, so that a crash or a lost answer at
any step is mended by doing the same once more.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.domain.actions import Outcome, PostFinding, Proposal, React, UpsertNote
from bot.domain.change import Target
from bot.domain.findings import Finding
from bot.domain.markdown import with_unplaced
from bot.domain.marks import Kind
from bot.errors import PlatformError, Refused, Superseded
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.gitlab_awards import OwnAwards
from bot.gateways.gitlab_drafts import OwnDrafts, Spot, spots
from bot.gateways.gitlab_notes import Key, OwnNotes, Present, Result, Signer
from bot.gateways.gitlab_shapes import MergeRequestShape, shaped
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
EYES = "eyes"
KINDS: dict[str, Kind] = {
    "summary": "summary",
    "failure": "failure",
    "page": "page",
    "release-notes": "notes",
}
"""The kinds of notes, by what their keys begin with."""
SUMMARY: Key = ("summary", "summary")

A = TypeVar("A", PostFinding, UpsertNote, React)


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
    """`run` goes step by step; the steps share what was `before`, the outcomes so far, and the findings that go into
    the summary because no other place took them."""

    api: GitLabApi
    proposal: Proposal
    target: Target
    signer: Signer
    notes: OwnNotes
    drafts: OwnDrafts
    awards: OwnAwards
    publishing: Publishing
    before: Present = field(default_factory=Present)
    unplaced: dict[str, Finding] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self) -> list[Outcome]:
        """Raises Superseded, with nothing shown, when the head moved on."""
        self.before = present = self.notes.read()
        there = self.drafts.read()
        wanted = self._wanted()
        kept = self.drafts.sorted_out(there, wanted)
        waiting = self._draft(wanted, kept)
        self._fence()
        if waiting and all(draft.key for draft in there):
            present = self._publish(waiting, is_first=self.publishing.is_patient and not kept)
        elif waiting:
            present = self._publish_singly(waiting)
        for note in self._actions(UpsertNote):
            self._upsert(note, present)
        self.notes.collapse(present)
        for reaction in self._actions(React):
            self._react(reaction)
        return list(self.outcomes.values())

    # drafts

    def _wanted(self) -> dict[str, list[Spot]]:
        """The findings that are not shown yet and have a place, with their spots."""
        wanted = {}
        for action in self._actions(PostFinding):
            if self.before.has(action.key):
                self._record(action.key, "unchanged", ALREADY)
            elif action.key in self.before.listed:
                self._into_summary(action, "unchanged", ALREADY_IN_SUMMARY)
            elif action.position is None:
                self._record(action.key, "done", NO_POSITION)
            else:
                wanted[action.key] = spots(action, self.signer)
        return wanted

    def _draft(self, wanted: dict[str, list[Spot]], kept: dict[str, Spot]) -> frozenset[str]:
        """The findings that now wait as drafts."""
        waiting = set()
        for action in self._actions(PostFinding):
            if action.key not in wanted:
                continue
            spot = kept.get(action.key) or self.drafts.place(wanted[action.key])
            if spot:
                waiting.add(action.key)
                self._record(action.key, "done", spot.name)
            else:
                self._into_summary(action, "done", REFUSED)
        return frozenset(waiting)

    # publishing

    def _fence(self) -> None:
        """Read the head once more, right before anything becomes visible."""
        now = read_merge_request(self.api, self.target)
        if now.state == OPENED and now.sha == self.proposal.head:
            return
        self.drafts.discard()
        if now.state != OPENED:
            self.awards.take_back(EYES)
            raise Superseded(CLOSED.format(target=self.target, state=now.state))
        ours, theirs = self.proposal.head[:8], (now.sha or "")[:8]
        raise Superseded(MOVED.format(target=self.target, ours=ours, theirs=theirs), now.sha)

    def _publish(self, waiting: frozenset[str], *, is_first: bool) -> Present:
        """All at once, then look: GitLab may have broken at one draft, or left it behind in silence."""
        fault = self._publish_at_once()
        present = self.notes.read()
        missing = frozenset(key for key in waiting if not present.has(key))
        if isinstance(fault, Broken) and missing == waiting and is_first:
            raise fault
        return self._publish_singly(missing) if missing else present

    def _publish_at_once(self) -> PlatformError | None:
        """What GitLab has against it, if that may lie in what we publish. Raises Unavailable where it will pass."""
        summary = self._first_summary()
        extra: dict[str, Any] = {}
        if self.publishing.takes_note:
            extra = {"reviewer_state": self.publishing.reviewer_state} | (
                {"note": summary} if summary else {}
            )
        elif summary:
            self.drafts.write(summary)
        try:
            self.drafts.publish_all(extra)
        except (Broken, Refused) as fault:
            return fault
        return None

    def _first_summary(self) -> str | None:
        """The summary, where there is none to be edited."""
        notes = (note for note in self._actions(UpsertNote) if note.key == "summary" and note.create)
        note = next(notes, None)
        return self._text(note) if note and not self.before.note(SUMMARY) else None

    def _publish_singly(self, waiting: frozenset[str]) -> Present:
        """One by one, for drafts of people wait here, too, or GitLab breaks at one of ours. The rest is summed up."""
        self.drafts.publish_singly(waiting)
        present = self.notes.read()
        for action in self._actions(PostFinding):
            if action.key in waiting and not present.has(action.key):
                self._into_summary(action, "done", UNPUBLISHED)
        return present

    # notes and reactions

    def _upsert(self, note: UpsertNote, present: Present) -> None:
        key = _key(note)
        result, reason = self.notes.upsert(present, key, self._text(note), create=note.create)
        rode_along = present.note(key) and not self.before.note(key)
        self._record(note.key, *(("done", WITH_REVIEW) if rode_along else (result, reason)))

    def _text(self, note: UpsertNote) -> str:
        """A note as it is written; the summary with the findings that found no place, in the proposal's order."""
        if _key(note) != SUMMARY:
            return self.signer.signed(note.body, _key(note), ledger=note.ledger)
        keys = [action.key for action in self._actions(PostFinding) if action.key in self.unplaced]
        body = with_unplaced(note.body, [self.unplaced[key] for key in keys])
        return self.signer.signed(body, SUMMARY, keys, note.ledger)

    def _react(self, reaction: React) -> None:
        given = self.awards.give(reaction.emoji) if reaction.emoji else None
        taken = self.awards.take_back(reaction.instead_of) if reaction.instead_of else False
        self._record(reaction.key, "done" if given or taken else "unchanged")

    # the account

    def _actions(self, kind: type[A]) -> list[A]:
        return [action for action in self.proposal.actions if isinstance(action, kind)]

    def _into_summary(self, action: PostFinding, result: Result, reason: str) -> None:
        self.unplaced[action.key] = action.finding
        self._record(action.key, result, reason)

    def _record(self, key: str, result: Result, reason: str = "") -> None:
        self.outcomes[key] = Outcome(key=key, result=result, reason=reason)


def read_merge_request(api: GitLabApi, target: Target) -> MergeRequestShape:
    what = f"merge request {target}"
    return shaped(MergeRequestShape, api.get(merge_request_path(target), what), what)


def _key(note: UpsertNote) -> Key:
    return kind_of(note.key), note.key


def kind_of(key: str) -> Kind:
    """Policy lets no other notes pass."""
    return KINDS[key.partition(":")[0]]
