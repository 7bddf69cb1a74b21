"""A review: read the merge request, its diff and what is said of it, and let the review agent work."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from bot.agents.spec import AgentContext, AgentResult
from bot.domain.actions import Proposal, React
from bot.domain.background import Background, Commit, LinkedIssue
from bot.domain.change import ChangeSet, MergeRequest
from bot.domain.guidance import guidance_paths, instructions
from bot.domain.lifecycle import Known
from bot.domain.markdown import FAILURE, counted
from bot.domain.reactions import DONE, FAULTY, OUTCOME
from bot.domain.reviewed import Reviewed, is_same
from bot.errors import PlatformError, Unavailable
from bot.policy import Ground
from bot.proposing.at_head import at_head
from bot.proposing.means import Means
from bot.proposing.named_issues import linked_issues
from bot.proposing.proposal import Bound, proposal
from bot.proposing.rules import RepositoryRules, read_rules
from bot.proposing.said import Said, known_findings_of, read_said, remembered
from bot.proposing.skipping import (
    OPENED,
    is_not_busy,
    is_not_paused,
    is_not_reviewed,
    is_not_skipped,
    is_open,
    is_wanted,
)
from bot.routing import COMMAND, EXPLICIT, JobRequest

UNCHANGED = "the change of {target} is, file by file, the one that was reviewed before"
CHECKING = "checking {files}"
ISSUES = "reading the issues"
NO_ISSUES = "The issues could not be read: {reason}"
FAILED: Final = FAILURE.partition("{")[0].rstrip()
"""How our note on a failure begins, until a review has ended since."""

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """What is read before an agent works. `before`: what the last review left, None where there was none."""

    request: MergeRequest
    rules: RepositoryRules
    said: Said
    before: Reviewed | None
    change: ChangeSet
    known: Sequence[Known]


def propose_review(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where there is nothing to do, Postponed where it is too early, Superseded, PlatformError."""
    started = time.monotonic()
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    is_open(merge_request)
    is_wanted(request, merge_request, means)
    if request.trigger == COMMAND:
        means.begun()
    reading = _read(request, merge_request, means)
    bound = bound_to(merge_request)
    if _is_unchanged(request, reading, means):
        ground = Ground(means.agent)
        return _silent(proposal(request, run, means, bound, _as_before(reading, means), ground, started))
    if reading.before and request.trigger != COMMAND:
        means.begun()
    context = _context(request, reading, means)
    means.tell(CHECKING.format(files=counted(len(reading.change.files), "file")))
    result = means.agent.run(context)
    means.checkpoint(merge_request)
    ground = Ground(means.agent, context.change, context.snapshot)
    return proposal(request, run, means, bound, _with_outcome(result, request), ground, started)


def bound_to(request: MergeRequest) -> Bound:
    target = request.target
    return Bound(
        name=str(target),
        url=request.web_url,
        project=target.project,
        project_id=target.project_id,
        iid=target.iid,
        head=request.head,
        seen=request.seen,
    )


def _read(request: JobRequest, merge_request: MergeRequest, means: Means) -> Reading:
    """Of a first review it is clear before the diff is read that there is work. Raises what `propose_review` does."""
    rules = read_rules(merge_request, means.reader)
    is_not_skipped(request, merge_request, rules.config, means.me)
    said = read_said(merge_request, means)
    is_not_reviewed(request, merge_request, said.marks(means.agent.name))
    is_not_paused(request, merge_request, said.notes, means)
    means.checkpoint(merge_request)
    before = remembered(said, merge_request, means)
    if before is None and request.trigger != COMMAND:
        means.begun()
    if before is not None:
        is_not_busy(request, merge_request, rules.config, means)
    change = means.reader.change_set(merge_request)
    means.checkpoint(merge_request)
    known = known_findings_of(said, merge_request, means)
    return Reading(merge_request, rules, said, before, change, known)


# --- a push that changes nothing ---


def _is_unchanged(request: JobRequest, reading: Reading, means: Means) -> bool:
    """Whether every file's change was read before: then the review would say what stands there already.

    A rebase, a merge of the target and a new commit message leave it so. What a person asks for is done again, and
    where the last run failed there is more to say.
    """
    if request.trigger in EXPLICIT or request.full:
        return False
    has_model = means.model is not None
    same = is_same(reading.change.files, reading.before, has_model=has_model)
    return same and not _has_failed(reading.said, means)


def _has_failed(said: Said, means: Means) -> bool:
    """Whether a note of ours tells of a failure which no review has made good."""
    told = {one.note for one in said.own if (one.mark.agent, one.mark.kind) == (means.agent.name, "failure")}
    return any(note.id in told and note.body.startswith(FAILED) for note in said.notes)


def _as_before(reading: Reading, means: Means) -> AgentResult:
    """No action; the findings that are open: a pipeline may wait for the verdict of this very run."""
    still_open = [known for known in reading.known if known.is_open]
    still = [known.finding for known in at_head(still_open, reading.request, reading.change, means)]
    worst_first = sorted(still, key=lambda one: (-one.severity.rank, one.path, one.line or 0))
    before = reading.before or Reviewed()
    return AgentResult(
        actions=(),
        findings=tuple(worst_first),
        reviewed=before.model_copy(update={"head": reading.request.head}),
    )


def _silent(made: Proposal) -> Proposal:
    message = UNCHANGED.format(target=made.report.target)
    return made.model_copy(update={"report": made.report.model_copy(update={"message": message})})


# --- what the agent is handed, and what its run adds ---


def _context(request: JobRequest, reading: Reading, means: Means) -> AgentContext:
    merge_request = reading.request
    marks = reading.said.marks(means.agent.name)
    complaints = [*reading.rules.complaints]
    background = _background(reading, means, complaints)
    return AgentContext(
        request=merge_request,
        change=reading.change,
        snapshot=means.reader.snapshot(merge_request),
        config=reading.rules.config,
        redactor=means.redactor,
        background=background,
        notes=reading.said.people,
        model=means.model,
        memory=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=complaints,
        is_first=request.trigger == OPENED,
        failed_before=any(mark.kind == "failure" for mark in marks),
        known=reading.known,
        reviewed=reading.before,
        is_full=request.full,
        snapshot_at=partial(means.reader.snapshot_at, merge_request),
    )


def _with_outcome(result: AgentResult, request: JobRequest) -> AgentResult:
    """The note that commanded the review shows how it ended."""
    if request.trigger != COMMAND or not request.note:
        return result
    outcome = React(key=OUTCOME, emoji=FAULTY if result.failures else DONE, note=request.note)
    return replace(result, actions=(*result.actions, outcome))


def _background(reading: Reading, means: Means, complaints: list[str]) -> Background:
    """What a model is told besides the diff. What cannot be read is added to the complaints.

    Without one the commits alone, where they may have to be named: as those that fixed a finding, or brought it back.
    """
    merge_request = reading.request
    if means.model is None:
        return Background(commits=_commits(merge_request, means, complaints) if reading.known else ())
    branch = reading.rules.branch
    paths = guidance_paths(file.path for file in reading.change.files)
    texts = _readable(lambda: [(path, branch.read(path)) for path in paths] if branch else (), complaints)
    found = {path: text for path, text in texts if text is not None}
    guidance, wrong = instructions(reading.rules.config, found)
    complaints += wrong
    background = Background(
        instructions=guidance,
        commits=_commits(merge_request, means, complaints),
        ledger=reading.said.ledger,
    )
    return _with_issues(merge_request, background, means, complaints)


def _commits(merge_request: MergeRequest, means: Means, complaints: list[str]) -> tuple[Commit, ...]:
    return _readable(lambda: means.reader.commits(merge_request), complaints)


def _with_issues(
    merge_request: MergeRequest, background: Background, means: Means, complaints: list[str]
) -> Background:
    """A tracker that is out does not hold up a review: it goes on without the issues, and says so."""
    try:
        return replace(background, issues=_issues(merge_request, background, means))
    except PlatformError as error:
        complaints.append(NO_ISSUES.format(reason=error))
        return replace(background, issues_unread=True)


def _issues(merge_request: MergeRequest, background: Background, means: Means) -> tuple[LinkedIssue, ...]:
    """Those of projects that are mapped to this one; without a mapping nothing is asked."""
    tracker, path = means.tracker, merge_request.target.project
    if tracker is None or not any(tracker.rules.maps(key, path) for key in tracker.rules.projects):
        return ()
    means.tell(ISSUES)
    return linked_issues(merge_request, background.commits, tracker, tracker.code.project(path))


def _readable(read: Callable[[], Iterable[T]], complaints: list[str]) -> tuple[T, ...]:
    """What was read, or nothing and a complaint. Raises Unavailable."""
    try:
        return tuple(read())
    except Unavailable:
        raise
    except PlatformError as error:
        complaints += [] if str(error) in complaints else [str(error)]
        return ()
