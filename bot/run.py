"""The use case every way in shares: propose reads and decides, apply writes."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from bot.agents.spec import AgentContext, AgentResult, AgentSpec, Memory
from bot.domain.actions import Outcome, Proposal, Report
from bot.domain.background import Background
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.events import Person
from bot.domain.guidance import guidance_paths, instructions
from bot.domain.marks import MARK, Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.repo_config import RepoConfig, load
from bot.domain.secrets import Redactor
from bot.errors import AccessDenied, PlatformError, Stopped, Superseded, Unavailable
from bot.llm.messages import Model
from bot.policy import Ground, decide
from bot.ports import IssueReader, MergeRequestReader, Snapshot
from bot.routing import JobRequest

CONFIG_FILE = ".trivet.yml"
DEVELOPER = 30
OPENED = "opened"
RETARGETED = "retargeted"
EXPLICIT = frozenset({"command", "asked", "shell"})
MOST_NOTES = 1_000  # of people, the newest, that an agent sees

OVER = "{target} is {state}: there is nothing to review"
DRAFT = "{target} is a draft; drafts are reviewed where .trivet.yml says `review: {{drafts: true}}`"
TITLE = "the title of {target} is on the list skip_titles of .trivet.yml"
REVIEWED = "{target} is already reviewed at {head}"
NOT_ASKED = "somebody else was asked to review"
NOT_ALLOWED = "only members with Developer access or more may command the bot"
TOO_LARGE = f"{CONFIG_FILE} is too large to be read: the defaults hold"
OWN = "the bot does not answer itself"

T = TypeVar("T")


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
    `model` None: none is configured, and nothing is read that only a model has use for. `memory` None: the run's steps
    are not kept. `issues` None: no tracker is connected. `can_wait`: the run can be put back until a model is there.
    """

    reader: MergeRequestReader
    agent: AgentSpec
    redactor: Redactor
    me: Person | None = None
    marks: Callable[[str], MarkBook] | None = None
    checkpoint: Callable[[MergeRequest], None] = lambda _request: None
    begun: Callable[[], None] = lambda: None
    model: Model | None = None
    memory: Memory | None = None
    issues: IssueReader | None = None
    can_wait: bool = False


@dataclass(frozen=True)
class Said:
    """What notes are on a merge request: the marks of our own, signed or not, and people's."""

    marks: Sequence[Mark] = ()
    people: Sequence[Note] = ()


def propose(request: JobRequest, run: str, means: Means) -> Proposal:
    """Read, let the agent work, decide. Raises Stopped where there is nothing to do, Superseded, PlatformError."""
    started = time.monotonic()
    target = Target(request.project, request.iid, request.project_id)
    merge_request = means.reader.merge_request(target)
    means.checkpoint(merge_request)
    _open(merge_request)
    _wanted(request, merge_request, means)
    rules, config, complaints = _rules(merge_request, means)
    _not_skipped(request, merge_request, config)
    said = _said(merge_request, means)
    _not_reviewed(request, merge_request, said.marks)
    means.checkpoint(merge_request)
    means.begun()
    change = means.reader.change_set(merge_request)
    means.checkpoint(merge_request)
    background = _background(merge_request, change, config, rules, means, complaints)
    context = AgentContext(
        request=merge_request,
        change=change,
        snapshot=means.reader.snapshot(merge_request),
        config=config,
        redactor=means.redactor,
        background=background,
        notes=said.people,
        model=means.model,
        memory=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        can_wait=means.can_wait,
        complaints=complaints,
        is_first=request.trigger == OPENED,
        failed_before=any(mark.kind == "failure" for mark in said.marks),
    )
    result = means.agent.run(context)
    means.checkpoint(merge_request)
    return _proposal(request, run, context, result, means, started)


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


def _rules(merge_request: MergeRequest, means: Means) -> tuple[Snapshot | None, RepoConfig, list[str]]:
    """The target branch and what it says; defaults and a complaint where it cannot be read."""
    try:
        branch = means.reader.target_branch(merge_request)
        text = branch.read(CONFIG_FILE)
        hidden = text is None and branch.size(CONFIG_FILE) is not None
    except AccessDenied as error:
        return None, RepoConfig(), [str(error)]
    config, complaint = (RepoConfig(), TOO_LARGE) if hidden else load(text)
    return branch, config, [complaint] if complaint else []


def _not_skipped(request: JobRequest, merge_request: MergeRequest, config: RepoConfig) -> None:
    if request.trigger in EXPLICIT:
        return
    if merge_request.draft and not config.review.drafts:
        raise Stopped(DRAFT.format(target=merge_request.target), again=True)
    if config.skips_title(merge_request.title):
        raise Stopped(TITLE.format(target=merge_request.target))


def _said(merge_request: MergeRequest, means: Means) -> Said:
    """One reading of the notes; none where neither marks nor a model have use for them."""
    book = means.marks(merge_request.target.key) if means.me and means.marks else None
    if book is None and means.model is None:
        return Said()
    marks: list[Mark] = []
    people: deque[Note] = deque(maxlen=MOST_NOTES if means.model else 0)
    for note in means.reader.notes(merge_request.target):
        if note.system:
            continue
        if not _is_ours(note, means.me):
            people.append(note)
        elif book and (mark := book.read(note.body)) and mark.agent == means.agent.name:
            marks.append(mark)
    return Said(marks, tuple(people))


def _is_ours(note: Note, me: Person | None) -> bool:
    """By its author; by its mark alone where the bot does not know who it is: then it is only left out."""
    return note.author_id == me.id if me else MARK.search(note.body) is not None


def _not_reviewed(request: JobRequest, merge_request: MergeRequest, marks: Sequence[Mark]) -> None:
    done = any(mark.kind == "summary" and mark.head == merge_request.head for mark in marks)
    if done and request.trigger not in (*EXPLICIT, RETARGETED):
        raise Stopped(REVIEWED.format(target=merge_request.target, head=merge_request.head[:8]))


def _background(
    merge_request: MergeRequest,
    change: ChangeSet,
    config: RepoConfig,
    rules: Snapshot | None,
    means: Means,
    complaints: list[str],
) -> Background:
    """What a model is told besides the diff. What cannot be read is added to the complaints."""
    if means.model is None:
        return Background()
    paths = guidance_paths(file.path for file in change.files)
    texts = _readable(lambda: [(path, rules.read(path)) for path in paths] if rules else (), complaints)
    guidance, wrong = instructions(config, {path: text for path, text in texts if text is not None})
    complaints += wrong
    issues = means.issues
    return Background(
        instructions=guidance,
        commits=_readable(lambda: means.reader.commits(merge_request), complaints),
        issues=_readable(lambda: issues.linked(merge_request) if issues else (), complaints),
    )


def _readable(read: Callable[[], Iterable[T]], complaints: list[str]) -> tuple[T, ...]:
    """What was read, or nothing and a complaint. Raises Unavailable."""
    try:
        return tuple(read())
    except Unavailable:
        raise
    except PlatformError as error:
        complaints += [] if str(error) in complaints else [str(error)]
        return ()


def _proposal(
    request: JobRequest,
    run: str,
    context: AgentContext,
    result: AgentResult,
    means: Means,
    started: float,
) -> Proposal:
    agent, usage = means.agent, result.usage
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
        failures=result.failures,
        model=result.model or (means.model.name if means.model else ""),
        model_calls=usage.calls,
        tokens=usage.tokens,
        cached_tokens=usage.cached,
        cost_usd=usage.cost_usd,
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
