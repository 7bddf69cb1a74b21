"""The use case every way in shares: propose reads and decides, apply writes."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.agents.spec import AgentContext, AgentResult, AgentSpec
from bot.domain.actions import Outcome, Proposal, Report
from bot.domain.change import MergeRequest, Target
from bot.domain.events import Person
from bot.domain.marks import Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.repo_config import RepoConfig, load
from bot.domain.secrets import Redactor
from bot.errors import AccessDenied, Stopped, Superseded
from bot.policy import Ground, decide
from bot.ports import MergeRequestReader
from bot.routing import JobRequest

CONFIG_FILE = ".trivet.yml"
DEVELOPER = 30
OPENED = "opened"
RETARGETED = "retargeted"
EXPLICIT = frozenset({"command", "asked", "shell"})

OVER = "{target} is {state}: there is nothing to review"
DRAFT = "{target} is a draft; drafts are reviewed where .trivet.yml says `review: {{drafts: true}}`"
TITLE = "the title of {target} is on the list skip_titles of .trivet.yml"
REVIEWED = "{target} is already reviewed at {head}"
NOT_ASKED = "somebody else was asked to review"
NOT_ALLOWED = "only members with Developer access or more may command the bot"
TOO_LARGE = f"{CONFIG_FILE} is too large to be read: the defaults hold"
OWN = "the bot does not answer itself"


class Effects(Protocol):
    """Applies a proposal to one platform, idempotently."""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> Sequence[Outcome]: ...


@dataclass(frozen=True)
class Means:
    """What a run is handed by whoever started it.

    `me` is the bot's account (None: not known, as for a local review). `checkpoint` is called between steps with the
    merge request as read, and raises when the run shall stop. `begun` is called once it is clear that there is work.
    """

    reader: MergeRequestReader
    agent: AgentSpec
    redactor: Redactor
    me: Person | None = None
    marks: Callable[[str], MarkBook] | None = None
    checkpoint: Callable[[MergeRequest], None] = lambda _request: None
    begun: Callable[[], None] = lambda: None


def propose(request: JobRequest, run: str, means: Means) -> Proposal:
    """Read, let the agent work, decide. Raises Stopped where there is nothing to do, Superseded, PlatformError."""
    started = time.monotonic()
    target = Target(request.project, request.iid, request.project_id)
    merge_request = means.reader.merge_request(target)
    means.checkpoint(merge_request)
    _open(merge_request)
    _wanted(request, merge_request, means)
    config, complaint = _rules(merge_request, means)
    _not_skipped(request, merge_request, config)
    marks = _own_marks(merge_request, means)
    _not_reviewed(request, merge_request, marks)
    means.checkpoint(merge_request)
    means.begun()
    change = means.reader.change_set(merge_request)
    means.checkpoint(merge_request)
    context = AgentContext(
        request=merge_request,
        change=change,
        snapshot=means.reader.snapshot(merge_request),
        config=config,
        redactor=means.redactor,
        complaints=[complaint] if complaint else [],
        is_first=request.trigger == OPENED,
        failed_before=any(mark.kind == "failure" for mark in marks),
    )
    result = means.agent.run(context)
    means.checkpoint(merge_request)
    return _proposal(request, run, context, result, means.agent, started)


def apply(
    proposal: Proposal, effects: Effects, *, acknowledged: int | None = None, attempt: int = 0
) -> Report:
    """Write what is not there yet, and close the report. Raises Superseded, PlatformError."""
    started = time.monotonic()
    outcomes = tuple(effects.apply(proposal, acknowledged=acknowledged, attempt=attempt))
    return proposal.report.model_copy(
        update={
            "state": "done",
            "outcomes": outcomes,
            "seconds": round(proposal.report.seconds + time.monotonic() - started, 3),
        }
    )


def _open(request: MergeRequest) -> None:
    if request.state != "opened":
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


def _rules(merge_request: MergeRequest, means: Means) -> tuple[RepoConfig, str | None]:
    """From the target branch; defaults and a complaint where they cannot be read."""
    try:
        branch = means.reader.target_branch(merge_request)
        text = branch.read(CONFIG_FILE)
        hidden = text is None and branch.size(CONFIG_FILE) is not None
    except AccessDenied as error:
        return RepoConfig(), str(error)
    return (RepoConfig(), TOO_LARGE) if hidden else load(text)


def _not_skipped(request: JobRequest, merge_request: MergeRequest, config: RepoConfig) -> None:
    if request.trigger in EXPLICIT:
        return
    if merge_request.draft and not config.review.drafts:
        raise Stopped(DRAFT.format(target=merge_request.target), again=True)
    if config.skips_title(merge_request.title):
        raise Stopped(TITLE.format(target=merge_request.target))


def _own_marks(merge_request: MergeRequest, means: Means) -> list[Mark]:
    """The marks of our own notes on this merge request, signed or not."""
    if means.me is None or means.marks is None:
        return []
    book = means.marks(merge_request.target.key)
    found = (book.read(note.body) for note in _ours(means.reader.notes(merge_request.target), means.me))
    return [mark for mark in found if mark and mark.agent == means.agent.name]


def _ours(notes: Iterable[Note], me: Person) -> list[Note]:
    return [note for note in notes if note.author_id == me.id and not note.system]


def _not_reviewed(request: JobRequest, merge_request: MergeRequest, marks: Sequence[Mark]) -> None:
    done = any(mark.kind == "summary" and mark.head == merge_request.head for mark in marks)
    if done and request.trigger not in (*EXPLICIT, RETARGETED):
        raise Stopped(REVIEWED.format(target=merge_request.target, head=merge_request.head[:8]))


def _proposal(
    request: JobRequest,
    run: str,
    context: AgentContext,
    result: AgentResult,
    agent: AgentSpec,
    started: float,
) -> Proposal:
    allowed, decided = decide(result.actions, Ground(agent, context.change, context.snapshot))
    merge_request = context.request
    report = Report(
        run=run,
        agent=agent.name,
        target=str(merge_request.target),
        url=merge_request.web_url,
        trigger=request.trigger,
        head=merge_request.head,
        state="applying",
        findings=result.findings,
        coverage=result.coverage,
        decisions=(*result.decisions, *decided),
        complaints=result.complaints,
        seconds=round(time.monotonic() - started, 3),
    )
    return Proposal(
        run=run,
        agent=agent.name,
        project=merge_request.target.project,
        project_id=merge_request.target.project_id,
        iid=merge_request.target.iid,
        head=merge_request.head,
        actions=tuple(allowed),
        report=report,
    )
