"""What a worker does with a run's id: the edge of a job, where whatever ends it is recorded and shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog
from rq import get_current_job
from structlog.contextvars import bound_contextvars

from bot.domain.actions import LinkIssue, Outcome, Proposal
from bot.domain.change import MergeRequest, Target
from bot.entry import tally
from bot.entry.error_tracking import report_error
from bot.entry.lease import Busy, Lease, Replaced
from bot.entry.progress import narrated
from bot.entry.store import REVIEW, Run, Store
from bot.entry.timelimit import OVER_TIME
from bot.errors import (
    AccessDenied,
    NotReady,
    PlatformError,
    Postponed,
    Stopped,
    Superseded,
    TrivetError,
    Unavailable,
)
from bot.gateways.writing import writing_while
from bot.ports import MergeRequestReader
from bot.proposing.bounds import check_bounds
from bot.proposing.means import Means
from bot.routing import ASK, COMMAND, EXPLICIT, JobRequest
from bot.run import apply, propose

LAGGING_TRIES = 5
LAGGING = "GitLab does not show {head} of {target} yet"
MOVED = "{target} moved on to {head}"
OVER = "{target} is {state}"
DAY_LONG = "{error}; it failed for a day and was given up"
BROKEN = "an internal error ({name}) stopped the run; the log of run {run} has the details"
TOO_SLOW = "the run took longer than its limit and was stopped"

log = structlog.get_logger("trivet.worker")


class WritingEffects(Protocol):
    """What the effects jobs write through."""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]: ...

    def acknowledge(self, target: Target, note: int = 0) -> int | None: ...

    def withdraw(self, target: Target, note: int = 0) -> None: ...

    def complain(self, target: Target, agent: str, sentence: str, note: int = 0) -> None: ...

    def complain_on_issue(self, issue: str, sentence: str) -> None: ...

    def complain_of_release(self, project_id: int, tag: str, commit: str, sentence: str) -> None: ...


@dataclass(frozen=True)
class Jobs:
    """The functions a worker may run, by job kind. `means` and `effects` are opened for each job, after the fork.

    `forget` drops the kept steps of a run that is over, by its id. `follow`: the run that an applied one is followed
    by, if any.
    """

    store: Store
    means: Callable[[Run], Means] | None = None
    effects: Callable[[], WritingEffects] | None = None
    forget: Callable[[str], None] = lambda _run: None
    follow: Callable[[Run], JobRequest | None] = lambda _run: None

    def table(self) -> Mapping[str, Callable[[str], None]]:
        """The kinds this worker can do: an agents worker has no effects, an effects worker no means."""
        proposing = {"propose": self.propose}
        writing = {
            "apply": self.apply,
            "acknowledge": self.acknowledge,
            "withdraw": self.withdraw,
            "complain": self.complain,
        }
        mine = (proposing if self.means else {}) | (writing if self.effects else {})
        return {kind: _telling(kind, function) for kind, function in mine.items()}

    def propose(self, run_id: str) -> None:
        self._guarded("propose", run_id, "running", self._propose)

    def apply(self, run_id: str) -> None:
        self._guarded("apply", run_id, "applying", self._apply)

    def acknowledge(self, run_id: str) -> None:
        """The quiet reaction that somebody is at it. Not worth a second try, nor a failure."""
        run = self.store.run(run_id)
        if run is None or run.over or run.award is not None or self.effects is None:
            return
        try:
            award = self.effects().acknowledge(run.request.target, run.request.note)
        except PlatformError as error:
            log.warning("not acknowledged", reason=str(error))
            return
        if award is not None:
            self.store.remember_award(run, award)
        now = self.store.run(run_id)
        if now is None or now.over:
            self.withdraw(run_id)

    def withdraw(self, run_id: str) -> None:
        """Take the reaction back where the run ended without an application that would."""
        run = self.store.run(run_id)
        if run is None or self.effects is None:
            return
        try:
            self.effects().withdraw(run.request.target, run.request.note)
        except PlatformError as error:
            log.warning("the reaction stays", reason=str(error))

    def complain(self, run_id: str) -> None:
        """Say a failure once, in one sentence, on the merge request or issue."""
        run = self.store.run(run_id)
        if run is None or run.state != "failed" or self.effects is None:
            return
        try:
            if run.request.issue:
                self.effects().complain_on_issue(run.request.issue, run.message)
            elif run.request.release and not run.request.iid:
                self._complain_of_release(run)
            elif run.request.iid:
                asked = run.request
                self.effects().complain(asked.target, asked.agent, run.message, asked.note)
        except PlatformError as error:
            log.warning("the failure could not be said", reason=str(error))

    def _complain_of_release(self, run: Run) -> None:
        """On the commit of its tag, where it has one: a version that only Jira knows stands nowhere in GitLab."""
        request = run.request
        if request.head and self.effects is not None:
            self.effects().complain_of_release(request.project_id, request.release, request.head, run.message)

    # the edge

    def _guarded(self, kind: str, run_id: str, state: str, work: Callable[[Run, Lease], None]) -> None:
        run = self.store.run(run_id)
        if run is None or run.over or (kind == "propose" and run.state == "applying"):
            log.info("nothing left to do")
            return
        try:
            with self.store.lease(run) as lease:
                self.store.begin(run, state)
                self._recorded(kind, run, lambda: work(run, lease))
        except Busy:
            if kind == "propose" and run.request.trigger == COMMAND and run.award is None:
                self.store.queue_job("acknowledge", run)  # who commands sees at once that it was heard
            self.store.park(kind, run)
            log.info("waits for the run before it")
        except Replaced:
            log.warning("another execution of this run took over")

    def _recorded(self, kind: str, run: Run, work: Callable[[], None]) -> None:
        """Turn what ended the work into the run's state."""
        try:
            work()
        except Superseded as error:
            self._succeed(run, error)
        except Stopped as error:
            self._end(run, error)
        except Postponed as error:
            self.store.postpone(kind, run, error.seconds, str(error))
            log.info("postponed", seconds=round(error.seconds, 1), reason=str(error))
        except (Unavailable, AccessDenied) as error:
            self._put_back(kind, run, error)
        except TrivetError as error:
            self._fail(kind, run, str(error), error)
        except OVER_TIME as error:
            self._go_on(kind, run, error)
        except Replaced:
            raise
        except Exception as error:
            job = get_current_job()
            if job is not None and job.retries_left:
                if job.retries_left == 1:
                    self._forget(run)  # the last try begins anew: what is kept may be what breaks it
                raise  # the worker says it
            log.exception("the job broke")
            report_error(error)
            self._fail(kind, run, BROKEN.format(name=type(error).__name__, run=run.id), error)

    def _propose(self, run: Run, lease: Lease) -> None:
        if self.means is None:
            raise AssertionError("an effects worker was given a proposal to make")
        means = self.means(run)
        watched = replace(
            narrated(means, partial(self.store.tell, run)),
            checkpoint=Watch(self.store, run, lease, means.reader),
            still_ours=lease.check,
            begun=lambda: self.store.queue_job("acknowledge", run),
            start=lambda request: self.store.start(request, "follow"),
        )
        proposal = propose(run.request, run.id, watched)
        self.store.hand_over(run, proposal, lease)
        self._forget(run)
        for sentence in proposal.report.failures:
            log.error("not all was done", reason=sentence)
        log.info("proposed", actions=len(proposal.actions), seconds=proposal.report.seconds)

    def _apply(self, run: Run, lease: Lease) -> None:
        proposal = self.store.proposal(run.id)
        if proposal is None or self.effects is None:
            raise TrivetError("the proposal of this run is gone")
        check_bounds(proposal, run.request, run.id)
        lease.check()
        current = self.store.run(run.id) or run
        with writing_while(lease.still):
            report = apply(proposal, self.effects(), acknowledged=current.award, attempt=current.outages)
        self.store.finish(
            run,
            "done",
            report.message,
            report,
            follow=self.follow(current) if proposal.agent == current.request.agent else None,
            seen=proposal.seen,
            linked=[action.issue for action in proposal.actions if isinstance(action, LinkIssue)],
            pages=proposal.pages,
            reviewed=proposal.reviewed,
            counts=[
                *tally.stage(proposal.agent, "apply", report.seconds - proposal.report.seconds),
                *tally.applied(proposal, report),
            ],
        )
        for outcome in report.outcomes:
            if outcome.result == "failed" or (outcome.result == "refused" and outcome.about):
                log.warning("not done", action=outcome.key, reason=outcome.reason)
        log.info("applied", outcomes=len(report.outcomes), seconds=report.seconds)

    # how a run ends

    def _end(self, run: Run, error: Stopped) -> None:
        begun = self.store.run(run.id)
        then = "withdraw" if begun is not None and begun.award is not None else None
        self.store.finish(run, error.state, str(error), again=error.again, then=then)
        self._forget(run)
        log.info("ended", state=error.state, reason=str(error))

    def _succeed(self, run: Run, error: Superseded) -> None:
        """The newest head gets its own run, whether or not a delivery told of it.

        What issues and pages are told may change at one head, so that such a run may have to be made again.
        """
        if error.head:
            request = run.request
            plain = f"{request.agent}:{request.project_id}:{request.iid}:{error.head}"
            key = f"{request.key}@{error.head}" if request.trigger in EXPLICIT else plain
            newer = {"key": key, "head": error.head, "repeats": request.repeats or request.agent != REVIEW}
            self.store.start(request.model_copy(update=newer), "superseded")
        self._end(run, error)

    def _put_back(self, kind: str, run: Run, error: Unavailable | AccessDenied) -> None:
        """An outage, or a token that an operator will renew: neither is the merge request's fault."""
        pause = self.store.put_back(kind, run, error)
        if pause is None:
            self._fail(kind, run, DAY_LONG.format(error=error), error)
        else:
            log.warning("put back", pause=round(pause, 1), reason=str(error))

    def _go_on(self, kind: str, run: Run, error: BaseException) -> None:
        """A proposal keeps its steps and goes on from there; what writes keeps none."""
        if kind == "propose" and self.store.go_on(kind, run, TOO_SLOW):
            log.warning("put back", reason=TOO_SLOW)
        else:
            self._fail(kind, run, TOO_SLOW, error)

    def _fail(self, kind: str, run: Run, message: str, error: BaseException) -> None:
        self.store.finish(run, "failed", message, then="complain", counts=[tally.stopped(kind, error)])
        log.error("failed", reason=message)
        self._forget(run)

    def _forget(self, run: Run) -> None:
        """What is left behind goes when the agents worker tidies up."""
        try:
            self.forget(run.id)
        except TrivetError as error:
            log.warning("the run's steps are still kept", reason=str(error))


def _telling(kind: str, job: Callable[[str], None]) -> Callable[[str], None]:
    """Every line that is logged meanwhile, by whomever, names the run."""

    def told(run_id: str) -> None:
        with bound_contextvars(run=run_id, job=kind):
            job(run_id)

    return told


@dataclass(frozen=True)
class Watch:
    """Called between a run's steps: raises when the run was replaced, or its target moved on."""

    store: Store
    run: Run
    lease: Lease
    reader: MergeRequestReader

    def __call__(self, seen: MergeRequest) -> None:
        self.lease.check()
        newest = self.store.newest(self.run.target_key)
        self._is_ours(seen, newest.head)
        if newest.ended or newest.head not in (None, seen.head):
            self._read_again(seen)

    def _is_ours(self, seen: MergeRequest, newest: str | None) -> None:
        """A run belongs to one head; GitLab's API may show a push a moment later than its delivery tells of it."""
        wanted = self.run.request.head
        if not wanted or wanted == seen.head or self.run.request.trigger in EXPLICIT:
            return
        if newest == wanted and self.run.outages < LAGGING_TRIES:
            raise NotReady(LAGGING.format(head=wanted[:8], target=seen.target), 1.0)
        raise Superseded(MOVED.format(target=seen.target, head=seen.head[:8]), seen.head)

    def _read_again(self, seen: MergeRequest) -> None:
        fresh = self.reader.merge_request(seen.target)
        if fresh.state != seen.state and self.run.request.agent != ASK:
            raise Superseded(OVER.format(target=seen.target, state=fresh.state))
        if fresh.head != seen.head:
            raise Superseded(MOVED.format(target=seen.target, head=fresh.head[:8]), fresh.head)
