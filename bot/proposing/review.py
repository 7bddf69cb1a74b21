"""A review: read the merge request, its diff and what is said of it, and let the review agent work."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from bot.agents.spec import AgentContext
from bot.domain.actions import Proposal
from bot.domain.background import Background, LinkedIssue
from bot.domain.change import ChangeSet, MergeRequest
from bot.domain.guidance import guidance_paths, instructions
from bot.domain.markdown import counted
from bot.domain.marks import Mark
from bot.domain.repo_config import RepoConfig
from bot.errors import PlatformError, Stopped, Superseded, Unavailable
from bot.policy import Ground
from bot.proposing.means import Means
from bot.proposing.named_issues import linked_issues
from bot.proposing.proposal import Bound, proposal
from bot.proposing.rules import RepositoryRules, read_rules
from bot.proposing.said import Said, read_said
from bot.routing import EXPLICIT, JobRequest

DEVELOPER: Final = 30
OPENED: Final = "opened"
RETARGETED: Final = "retargeted"

OVER = "{target} is {state}: there is nothing to review"
DRAFT = "{target} is a draft; drafts are reviewed where .trivet.yml says `review: {{drafts: true}}`"
TITLE = "the title of {target} is on the list skip_titles of .trivet.yml"
REVIEWED = "{target} is already reviewed at {head}"
NOT_ASKED = "somebody else was asked to review"
NOT_ALLOWED = "only members with Developer access or more may command the bot"
OWN = "the bot does not answer itself"
CHECKING = "checking {files}"
ISSUES = "reading the issues"
NO_ISSUES = "The issues could not be read: {reason}"

T = TypeVar("T")


def propose_review(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where there is nothing to do, Superseded, PlatformError."""
    started = time.monotonic()
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    _open(merge_request)
    _wanted(request, merge_request, means)
    rules = read_rules(merge_request, means.reader)
    _not_skipped(request, merge_request, rules.config)
    said = read_said(merge_request, means)
    marks = said.marks(means.agent.name)
    _not_reviewed(request, merge_request, marks)
    means.checkpoint(merge_request)
    means.begun()
    change = means.reader.change_set(merge_request)
    means.checkpoint(merge_request)
    complaints = [*rules.complaints]
    background = _background(merge_request, change, rules, said, means, complaints)
    context = AgentContext(
        request=merge_request,
        change=change,
        snapshot=means.reader.snapshot(merge_request),
        config=rules.config,
        redactor=means.redactor,
        background=background,
        notes=said.people,
        model=means.model,
        memory=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=complaints,
        is_first=request.trigger == OPENED,
        failed_before=any(mark.kind == "failure" for mark in marks),
    )
    means.tell(CHECKING.format(files=counted(len(change.files), "file")))
    result = means.agent.run(context)
    means.checkpoint(merge_request)
    ground = Ground(means.agent, change, context.snapshot)
    return proposal(request, run, means, bound_to(merge_request), result, ground, started)


def bound_to(request: MergeRequest) -> Bound:
    target = request.target
    return Bound(
        name=str(target),
        url=request.web_url,
        project=target.project,
        project_id=target.project_id,
        iid=target.iid,
        head=request.head,
        state=request.state,
    )


def _open(request: MergeRequest) -> None:
    if request.state != OPENED:
        raise Superseded(OVER.format(target=request.target, state=request.state))


def _wanted(request: JobRequest, merge_request: MergeRequest, means: Means) -> None:
    """What the receiver could not know: who the bot is, what role a person has."""
    if means.me and request.person == means.me.id:
        raise Stopped(OWN)
    if means.me and request.reviewers and means.me.id not in request.reviewers:
        raise Stopped(NOT_ASKED)
    if request.trigger == "command" and request.person is not None:
        level = means.reader.access_level(merge_request.target, request.person)
        if level < DEVELOPER:
            raise Stopped(NOT_ALLOWED)


def _not_skipped(request: JobRequest, merge_request: MergeRequest, config: RepoConfig) -> None:
    if request.trigger in EXPLICIT:
        return
    if merge_request.draft and not config.review.drafts:
        raise Stopped(DRAFT.format(target=merge_request.target), again=True)
    if config.skips_title(merge_request.title):
        raise Stopped(TITLE.format(target=merge_request.target))


def _not_reviewed(request: JobRequest, merge_request: MergeRequest, marks: Sequence[Mark]) -> None:
    done = any(mark.kind == "summary" and mark.head == merge_request.head for mark in marks)
    if done and request.trigger not in (*EXPLICIT, RETARGETED):
        raise Stopped(REVIEWED.format(target=merge_request.target, head=merge_request.head[:8]))


def _background(
    merge_request: MergeRequest,
    change: ChangeSet,
    rules: RepositoryRules,
    said: Said,
    means: Means,
    complaints: list[str],
) -> Background:
    """What a model is told besides the diff. What cannot be read is added to the complaints."""
    if means.model is None:
        return Background()
    branch = rules.branch
    paths = guidance_paths(file.path for file in change.files)
    texts = _readable(lambda: [(path, branch.read(path)) for path in paths] if branch else (), complaints)
    guidance, wrong = instructions(rules.config, {path: text for path, text in texts if text is not None})
    complaints += wrong
    background = Background(
        instructions=guidance,
        commits=_readable(lambda: means.reader.commits(merge_request), complaints),
        ledger=said.ledger,
    )
    return _with_issues(merge_request, background, means, complaints)


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
