"""What a worker does with a run's id: the edge of a job, where whatever ends it is recorded and shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog
from rq import get_current_job
from structlog.contextvars import bound_contextvars

from bot.domain.actions import Outcome, Proposal
from bot.domain.change import Target
from bot.domain.seals import Seals
from bot.entry import tally
from bot.entry.ending import Ending, Remembered
from bot.entry.error_tracking import report_error
from bot.entry.lease import Busy, Lease, Replaced
from bot.entry.progress import narrated
from bot.entry.run_record import REVIEW, Run
from bot.entry.sealing import (
    NEVER_SEALED,
    NOT_OURS,
    NOT_SEALED,
    failure_seal,
    failure_told,
    is_ours,
    sealed_review,
)
from bot.entry.store import Store
from bot.entry.timelimit import OVER_TIME
from bot.entry.watch import Watch
from bot.errors import (
    AccessDenied,
    PlatformError,
    Postponed,
    Stopped,
    Superseded,
    TrivetError,
    Unavailable,
    UsageError,
)
from bot.gateways.writing import writing_while
from bot.proposing.bounds import check_bounds
from bot.proposing.means import Means
from bot.routing import COMMAND, EXPLICIT, JobRequest
from bot.run import apply, propose

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

    `seals` are asked for anew each time: secrets are rotated while we run. `forget` drops the kept steps of a run that
    is over, by its id. `follow`: the run that an applied one is followed by, if any.
    """

    store: Store
    seals: Callable[[], Seals]
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
        run = self.store.runs.get(run_id)
        if run is None or run.over or run.award is not None or self.effects is None:
            return
        try:
            award = self.effects().acknowledge(run.request.target, run.request.note)
        except PlatformError as error:
            log.warning("not acknowledged", reason=str(error))
            return
        if award is not None:
            self.store.runs.remember_award(run, award)
        now = self.store.runs.get(run_id)
        if now is None or now.over:
            self.withdraw(run_id)

    def withdraw(self, run_id: str) -> None:
        """Take the reaction back where the run ended without an application that would."""
        run = self.store.runs.get(run_id)
        if run is None or self.effects is None:
            return
        try:
            self.effects().withdraw(run.request.target, run.request.note)
        except PlatformError as error:
            log.warning("the reaction stays", reason=str(error))

    def complain(self, run_id: str) -> None:
        """Say a failure once, in one sentence, on the merge request or issue."""
        run = self.store.runs.get(run_id)
        if run is None or run.state != "failed" or self.effects is None:
            return
        try:
            _complain(run.request, failure_told(run, self.seals()), self.effects())
        except PlatformError as error:
            log.warning("the failure could not be said", reason=str(error))

    # the edge

    def _guarded(self, kind: str, run_id: str, state: str, work: Callable[[Run, Lease], None]) -> None:
        run = self.store.runs.get(run_id)
        if run is None or run.over or (kind == "propose" and run.state == "applying"):
            log.info("nothing left to do")
            return
        try:
            with self.store.turns.hold(run) as lease:
                self.store.runs.begin(run, state)
                self._recorded(kind, run, lambda: work(run, lease))
        except Busy:
            if kind == "propose" and run.request.trigger == COMMAND and run.award is None:
                self.store.runs.queue_job("acknowledge", run)  # who commands sees at once that it was heard
            self.store.turns.park(kind, run)
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
            self.store.waiting.postpone(kind, run, error.seconds, str(error))
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
            narrated(means, partial(self.store.runs.tell, run)),
            checkpoint=Watch(self.store, run, lease, means.reader),
            still_ours=lease.check,
            begun=lambda: self.store.runs.queue_job("acknowledge", run),
            start=lambda request: self.store.runs.start(request, "follow"),
        )
        proposal = propose(run.request, run.id, watched)
        self.store.runs.hand_over(run, proposal, lease, self.seals())
        self._forget(run)
        for sentence in proposal.report.failures:
            log.error("not all was done", reason=sentence)
        log.info("proposed", actions=len(proposal.actions), seconds=proposal.report.seconds)

    def _apply(self, run: Run, lease: Lease) -> None:
        if self.effects is None:
            raise AssertionError("an agents worker was given a proposal to write")
        proposal = self._opened(run)
        if proposal is None:
            return
        check_bounds(proposal, run.request, run.id)
        lease.check()
        current = self.store.runs.get(run.id) or run
        with writing_while(lease.still):
            report = apply(proposal, self.effects(), acknowledged=current.award, attempt=current.outages)
        counts = [
            *tally.stage(proposal.agent, "apply", report.seconds - proposal.report.seconds),
            *tally.applied(proposal, report),
        ]
        follow = self.follow(current) if proposal.agent == current.request.agent else None
        left = proposal.reviewed
        reviewed = sealed_review(left, run.target_key, self.seals()) if left else ""
        remembered = Remembered.of(proposal, reviewed)
        ending = Ending("done", report.message, report, follow=follow, remembered=remembered, counts=counts)
        self.store.runs.finish(run, ending)
        for outcome in report.outcomes:
            if outcome.result == "failed" or (outcome.result == "refused" and outcome.about):
                log.warning("not done", action=outcome.key, reason=outcome.reason)
        log.info("applied", outcomes=len(report.outcomes), seconds=report.seconds)

    def _opened(self, run: Run) -> Proposal | None:
        """The run's proposal, parsed once it is known to be ours; None where that is waited for."""
        stored = self.store.runs.proposal(run.id)
        if stored is None:
            raise TrivetError("the proposal of this run is gone")
        if is_ours(stored, run.id, self.seals()):
            return Proposal.model_validate_json(stored.content)
        kind, reason = ("apply", NOT_OURS) if stored.seal else ("propose", NOT_SEALED)
        if not self.store.waiting.wait_for_seal(kind, run, reason):
            raise TrivetError(NOT_OURS if stored.seal else NEVER_SEALED)
        log.warning("put back", reason=reason)
        return None

    # how a run ends

    def _end(self, run: Run, error: Stopped) -> None:
        begun = self.store.runs.get(run.id)
        then = "withdraw" if begun is not None and begun.award is not None else None
        self.store.runs.finish(run, Ending(error.state, str(error), again=error.again, then=then))
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
            self.store.runs.start(request.model_copy(update=newer), "superseded")
        self._end(run, error)

    def _put_back(self, kind: str, run: Run, error: Unavailable | AccessDenied) -> None:
        """An outage, or a token that an operator will renew: neither is the merge request's fault."""
        pause = self.store.waiting.put_back(kind, run, error)
        if pause is None:
            self._fail(kind, run, DAY_LONG.format(error=error), error)
        else:
            log.warning("put back", pause=round(pause, 1), reason=str(error))

    def _go_on(self, kind: str, run: Run, error: BaseException) -> None:
        """A proposal keeps its steps and goes on from there; what writes keeps none."""
        if kind == "propose" and self.store.waiting.go_on(kind, run, TOO_SLOW):
            log.warning("put back", reason=TOO_SLOW)
        else:
            self._fail(kind, run, TOO_SLOW, error)

    def _fail(self, kind: str, run: Run, message: str, error: BaseException) -> None:
        seal, counts = self._seal_of_failure(run, message), [tally.stopped(kind, error)]
        self.store.runs.finish(run, Ending("failed", message, then="complain", counts=counts, seal=seal))
        log.error("failed", reason=message)
        self._forget(run)

    def _seal_of_failure(self, run: Run, message: str) -> str:
        """None where the mark secret is what is missing: the failure is recorded all the same."""
        try:
            return failure_seal(run, message, self.seals())
        except UsageError:
            return ""

    def _forget(self, run: Run) -> None:
        """What is left behind goes when the agents worker tidies up."""
        try:
            self.forget(run.id)
        except TrivetError as error:
            log.warning("the run's steps are still kept", reason=str(error))


def _complain(request: JobRequest, sentence: str, effects: WritingEffects) -> None:
    """Of a release on the commit of its tag: a version that only Jira knows stands nowhere in GitLab."""
    if request.issue:
        effects.complain_on_issue(request.issue, sentence)
    elif request.iid:
        effects.complain(request.target, request.agent, sentence, request.note)
    elif request.release and request.head:
        effects.complain_of_release(request.project_id, request.release, request.head, sentence)


def _telling(kind: str, job: Callable[[str], None]) -> Callable[[str], None]:
    """Every line that is logged meanwhile, by whomever, names the run."""

    def told(run_id: str) -> None:
        with bound_contextvars(run=run_id, job=kind):
            job(run_id)

    return told
