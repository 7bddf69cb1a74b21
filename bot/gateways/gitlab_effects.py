"""Applies a proposal to one GitLab merge request, idempotently, by reading what is there.

Findings become draft notes, which only their author sees, and one `bulk_publish` shows them as one review with one
notification (docs.gitlab.com/api/draft_notes). Every note carries a mark; what has its mark is not written again, so
that a crash or a lost answer at any step is mended by applying the same proposal once more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.actions import Outcome, PostFinding, Proposal, React, Report, UpsertNote
from bot.domain.change import Target
from bot.domain.events import Person
from bot.domain.findings import Finding
from bot.domain.markdown import failure_note, with_unplaced
from bot.domain.marks import Kind, Mark, MarkBook, attach
from bot.errors import NotFound, Refused, Superseded, Unavailable
from bot.gateways.gitlab_api import GitLabApi, merge_request_path, was_refused_for_line

MOVED = "{target} moved from {ours} to {theirs} while it was being reviewed"
CLOSED = "{target} is {state}: nothing is published"
ON_FILE = "GitLab does not take the line: shown on the file"
IN_SUMMARY = "GitLab takes neither the line nor the file: shown in the summary"
NO_POSITION = "shown in the summary"
PUBLISH_NOTE_SINCE = (19, 2)
TAKEN = "already been taken"

Key = tuple[str, str]


@dataclass(frozen=True)
class Draft:
    """One of our own unpublished notes."""

    id: int
    mark: Mark | None
    body: str


@dataclass
class Present:
    """What the merge request carries of ours: published notes by (kind, key), and drafts."""

    notes: dict[Key, tuple[int, Mark, str]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)

    @property
    def foreign_drafts(self) -> bool:
        """Drafts of this account that we did not write: `bulk_publish` would publish them too."""
        return any(draft.mark is None for draft in self.drafts)


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
        self._version = version
        self._marks = marks
        self._clean = clean
        self._reviewer_state = reviewer_state
        self._pace = pace

    def acknowledge(self, target: Target, emoji: str = "eyes") -> int | None:
        """React at once; the reaction's id, None when it was there already."""
        path = f"{merge_request_path(target)}/award_emoji"
        try:
            return int(self._api.post(path, f"the reaction on {target}", {"name": emoji})["id"])
        except (Refused, NotFound) as error:
            if TAKEN in getattr(error, "detail", "") or isinstance(error, NotFound):
                return None
            raise

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        """Make the merge request carry what the proposal says. Raises Superseded when its head moved on.

        `acknowledged` is the id of the reaction to take away at the end. `attempt` counts earlier tries: from the
        second on, what `bulk_publish` leaves is published one by one, so that a draft GitLab chokes on holds back no
        other.
        """
        target = Target(proposal.project, proposal.iid, proposal.project_id)
        return _Application(self, proposal, target, attempt).run(acknowledged)

    def complain(self, target: Target, agent: str, sentence: str) -> None:
        """Say in one note, edited in place, that a run failed."""
        head = str(self._api.get(merge_request_path(target), f"merge request {target}")["sha"])
        note = UpsertNote(key="failure", body=failure_note(sentence))
        report = Report(run="", agent=agent, target=str(target), head=head)
        self.apply(
            Proposal(
                run="",
                agent=agent,
                project=target.project,
                project_id=target.project_id,
                iid=target.iid,
                head=head,
                actions=(note,),
                report=report,
            )
        )

    def discard(self, proposal: Proposal) -> None:
        """Delete our unpublished drafts: an interrupted run leaves nothing half done."""
        target = Target(proposal.project, proposal.iid, proposal.project_id)
        _Application(self, proposal, target, 0).discard()


class _Application:
    """One proposal on its way: the steps of `apply` and what they share."""

    def __init__(self, effects: GitLabEffects, proposal: Proposal, target: Target, attempt: int) -> None:
        self._api = effects._api
        self._effects = effects
        self._proposal = proposal
        self._target = target
        self._attempt = attempt
        self._path = merge_request_path(target)
        self._book = effects._marks(target.key)
        self._there = Present()
        self._outcomes: dict[str, Outcome] = {}
        self._unplaced: list[Finding] = []

    def run(self, acknowledged: int | None) -> list[Outcome]:
        findings = [action for action in self._proposal.actions if isinstance(action, PostFinding)]
        notes = [action for action in self._proposal.actions if isinstance(action, UpsertNote)]
        reactions = [action for action in self._proposal.actions if isinstance(action, React)]
        self._there = self._read_back(with_drafts=bool(findings))
        self._drop_stale_drafts(findings)
        drafted = [self._draft(action) for action in findings]
        self._fence()
        self._publish(any(drafted), [note for note in notes if self._is_new(note)])
        for note in notes:
            self._upsert(note)
        for reaction in reactions:
            self._react(reaction)
        if acknowledged is not None:
            self._take_back(acknowledged)
        return list(self._outcomes.values())

    def discard(self) -> None:
        for draft in self._drafts():
            if draft.mark:
                self._delete_draft(draft)

    # what is there

    def _read_back(self, *, with_drafts: bool) -> Present:
        present = Present(notes=self._published())
        if with_drafts:
            present.drafts = self._drafts()
        return present

    def _published(self) -> dict[Key, tuple[int, Mark, str]]:
        """Our own published notes whose signed mark belongs to this merge request; the oldest of equals."""
        found: dict[Key, tuple[int, Mark, str]] = {}
        for thread in self._api.pages(f"{self._path}/discussions", f"the discussions of {self._target}"):
            for note in thread["notes"]:
                mark = self._mark_of(note)
                if mark:
                    found.setdefault((mark.kind, mark.key), (note["id"], mark, note["body"]))
        return found

    def _mark_of(self, note: Mapping[str, Any]) -> Mark | None:
        if (note.get("author") or {}).get("id") != self._effects._me.id or note.get("system"):
            return None
        mark = self._book.read(note.get("body") or "")
        return mark if mark and mark.signed and mark.agent == self._proposal.agent else None

    def _drafts(self) -> list[Draft]:
        items = self._api.pages(f"{self._path}/draft_notes", f"the drafts of {self._target}")
        return [Draft(item["id"], self._book.read(item["note"]), item["note"]) for item in items]

    # drafts

    def _drop_stale_drafts(self, findings: Sequence[PostFinding]) -> None:
        """Leftovers of a crash: one of each wanted key at this head is kept for reuse, the others go."""
        wanted = {("finding", action.key) for action in findings} - set(self._there.notes)
        kept: dict[Key, Draft] = {}
        for draft in [draft for draft in self._there.drafts if draft.mark]:
            key = (draft.mark.kind, draft.mark.key) if draft.mark else ("", "")
            if draft.mark and draft.mark.head == self._proposal.head and key in wanted and key not in kept:
                kept[key] = draft
            else:
                self._delete_draft(draft)
        self._there.drafts = [*kept.values(), *(draft for draft in self._there.drafts if not draft.mark)]

    def _draft(self, action: PostFinding) -> bool:
        """Whether a draft of this finding now waits to be published."""
        key = ("finding", action.key)
        if key in self._there.notes:
            self._record(action.key, "unchanged", "already shown")
            return False
        if any(draft.mark and (draft.mark.kind, draft.mark.key) == key for draft in self._there.drafts):
            self._record(action.key, "done", "taken over from an interrupted run")
            return True
        return self._create_draft(action)

    def _create_draft(self, action: PostFinding) -> bool:
        """On the line, else on the file, else the finding waits for the summary."""
        if action.position is None:
            self._record(action.key, "done", NO_POSITION)
            return False
        for position, reason in _positions(action):
            try:
                self._post_draft(self._marked(action.body, "finding", action.key), position)
            except Refused as error:
                if not was_refused_for_line(error):
                    raise
            else:
                self._record(action.key, "done", reason)
                return True
        self._unplaced.append(action.finding)
        self._record(action.key, "done", IN_SUMMARY)
        return False

    def _post_draft(self, body: str, position: dict[str, Any] | None) -> None:
        self._effects._pace()
        data: dict[str, Any] = {"note": body}
        if position is not None:
            data["position"] = position
        self._api.post(f"{self._path}/draft_notes", f"a draft note on {self._target}", data)

    def _delete_draft(self, draft: Draft) -> None:
        try:
            self._api.delete(f"{self._path}/draft_notes/{draft.id}", f"draft note {draft.id}")
        except NotFound:
            return

    # publishing

    def _fence(self) -> None:
        """Read the head once more, right before anything becomes visible."""
        data = self._api.get(self._path, f"merge request {self._target}")
        head, state = data.get("sha"), data.get("state")
        if head == self._proposal.head and state == "opened":
            return
        if self._has_findings():
            self.discard()
        if state != "opened":
            raise Superseded(CLOSED.format(target=self._target, state=state))
        raise Superseded(
            MOVED.format(target=self._target, ours=self._proposal.head[:8], theirs=str(head)[:8]), str(head)
        )

    def _has_findings(self) -> bool:
        return any(isinstance(action, PostFinding) for action in self._proposal.actions)

    def _publish(self, drafted: bool, summaries: Sequence[UpsertNote]) -> None:
        """Show all drafts at once; a first summary rides in the same publish."""
        if not drafted:
            return
        first = summaries[0] if summaries else None
        body: dict[str, Any] = {}
        if self._effects._version >= PUBLISH_NOTE_SINCE and not self._there.foreign_drafts:
            body["reviewer_state"] = self._effects._reviewer_state
            if first:
                body["note"] = self._note_body(first)
        elif first:
            self._post_draft(self._note_body(first), None)
        if self._there.foreign_drafts:
            self._publish_each(self._drafts())
        else:
            self._publish_all(body)
        if first:
            self._record(first.key, "done", "published with the review")

    def _publish_all(self, body: dict[str, Any]) -> None:
        try:
            self._api.post(f"{self._path}/draft_notes/bulk_publish", f"publishing on {self._target}", body)
        except (Unavailable, Refused):
            if self._attempt == 0:
                raise
        self._publish_each(self._drafts())
        if self._attempt:
            self._there.notes = self._published()

    def _publish_each(self, drafts: Iterable[Draft]) -> None:
        """What is still a draft of ours is published alone; what GitLab cannot publish goes to the summary."""
        for draft in [draft for draft in drafts if draft.mark]:
            try:
                self._api.put(f"{self._path}/draft_notes/{draft.id}/publish", f"draft note {draft.id}", {})
            except (Unavailable, Refused):
                if all(left.id != draft.id for left in self._drafts()):
                    continue
                self._give_up(draft)
            except NotFound:
                continue

    def _give_up(self, draft: Draft) -> None:
        self._delete_draft(draft)
        for action in self._proposal.actions:
            if isinstance(action, PostFinding) and draft.mark and action.key == draft.mark.key:
                self._unplaced.append(action.finding)
                self._record(action.key, "done", IN_SUMMARY)

    # notes and reactions

    def _is_new(self, note: UpsertNote) -> bool:
        return note.create and ("summary", note.key) not in self._there.notes and note.key == "summary"

    def _note_body(self, note: UpsertNote) -> str:
        text = with_unplaced(note.body, self._unplaced) if note.key == "summary" else note.body
        return self._marked(text, note.key, note.key)

    def _upsert(self, note: UpsertNote) -> None:
        """Edit our note in place where it differs, write it where it is missing and wanted."""
        body = self._note_body(note)
        there = self._there.notes.get((note.key, note.key))
        if there is None and note.key in self._outcomes and not self._lately_unplaced():
            return
        if there is None and note.key in self._outcomes:
            there = self._published().get((note.key, note.key))
        if there is not None:
            self._edit(note.key, there, body)
        elif note.create:
            self._effects._pace()
            self._api.post(f"{self._path}/notes", f"a note on {self._target}", {"body": body})
            self._record(note.key, "done", "written")

    def _lately_unplaced(self) -> bool:
        return any(outcome.reason == IN_SUMMARY for outcome in self._outcomes.values())

    def _edit(self, key: str, there: tuple[int, Mark, str], body: str) -> None:
        note, _mark, present = there
        if present.strip() == body.strip():
            self._outcomes.setdefault(key, Outcome(key=key, result="unchanged"))
            return
        self._api.put(f"{self._path}/notes/{note}", f"note {note} of {self._target}", {"body": body})
        self._record(key, "done", "edited in place")

    def _react(self, reaction: React) -> None:
        given = self._effects.acknowledge(self._target, reaction.emoji)
        self._record(reaction.key, "unchanged" if given is None else "done")

    def _take_back(self, award: int) -> None:
        try:
            self._api.delete(f"{self._path}/award_emoji/{award}", f"reaction {award}")
        except NotFound:
            return

    def _marked(self, body: str, kind: Kind, key: str) -> str:
        mark = Mark(agent=self._proposal.agent, kind=kind, key=key, head=self._proposal.head)
        return attach(self._effects._clean(body), self._book.write(mark))

    def _record(self, key: str, result: Any, reason: str = "") -> None:
        self._outcomes[key] = Outcome(key=key, result=result, reason=reason)


def _positions(action: PostFinding) -> list[tuple[dict[str, Any], str]]:
    """What to try, best first: the position itself, then its file."""
    if action.position is None:
        return []
    exact = action.position.payload()
    tries = [(exact, "" if action.position.position_type == "text" else "on the file")]
    if action.position.position_type == "text":
        gone = {"new_line", "old_line", "line_range"}
        file = {key: value for key, value in exact.items() if key not in gone} | {"position_type": "file"}
        tries.append((file, ON_FILE))
    return tries
