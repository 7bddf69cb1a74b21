"""How a run ends: what is recorded of it, what is remembered for runs after it, and what is let go."""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from redis.client import Pipeline

from bot.domain.actions import LinkIssue, Proposal, Report
from bot.domain.change import Seen
from bot.entry import keys, meters, tally
from bot.entry.handled import remember_review, remember_seen
from bot.entry.meters import Count
from bot.entry.run_record import LINK, PAGES, Run
from bot.entry.ties import remember_linked, remember_looking
from bot.routing import JobRequest

KILLED_EACH_TIME = "its process was killed each time it was tried; the workers' log of run {run} says how"
NOT_SEEN: Final = Seen("")


@dataclass(frozen=True)
class Remembered:
    """What a run that published something leaves for those after it.

    `seen`: the merge request as it was reviewed, told to issues or held against pages; `linked`: the issues' keys,
    `pages` the pages' ids; `reviewed`: what a review leaves for the next one, under our seal, "" for nothing.
    """

    seen: Seen = NOT_SEEN
    linked: Collection[str] = ()
    pages: Collection[str] = ()
    reviewed: str = ""

    @classmethod
    def of(cls, proposal: Proposal, reviewed: str) -> "Remembered":
        linked = [action.issue for action in proposal.actions if isinstance(action, LinkIssue)]
        return cls(proposal.seen, linked, proposal.pages, reviewed)


@dataclass(frozen=True)
class Ending:
    """The end of a run. `state`: one of `OVER`. `report`: None where nothing was published.

    `again`: an equal request may run again. `then`: a job of this run, `follow`: another run, to queue in the same
    transaction. `counts`: what is counted beside the run itself. `seal`: that of a failure, for who says it.
    """

    state: str
    message: str
    report: Report | None = None
    again: bool = False
    then: str | None = None
    follow: JobRequest | None = None
    remembered: Remembered = field(default_factory=Remembered)
    counts: Iterable[Count] = ()
    seal: str = ""


def record(run: Run, ending: Ending, pipe: Pipeline) -> None:
    """The report stays a month, and so does what is known of the run."""
    now = time.time()
    pipe.set(keys.report(run.id), _closed(run, ending).model_dump_json(), ex=keys.RUN_TTL)
    pipe.hset(
        keys.run(run.id),
        mapping={"state": ending.state, "message": ending.message, "ended": now, "seal": ending.seal},
    )
    if ending.again or run.request.repeats:
        pipe.hset(keys.run(run.id), "again", 1)
    pipe.expire(keys.run(run.id), keys.RUN_TTL)
    counted = tally.ended(run.request.agent, run.request.trigger, ending.state, now - run.created)
    meters.add([*counted, *ending.counts], pipe)


def remember(run: Run, ending: Ending, pipe: Pipeline) -> None:
    """Of what another agent said in the run's place, and of a run that published nothing, nothing is held."""
    left, report = ending.remembered, ending.report
    if report and report.agent == run.request.agent:
        remember_seen(run, report.head, left.seen, pipe)
    if report and run.request.agent in (LINK, PAGES):
        remember_linked(run.target_key, left.linked, pipe)
        remember_looking(run.request.target, left.pages, pipe)
    if left.reviewed:
        remember_review(run.target_key, left.reviewed, pipe)


def let_go(run: Run, pipe: Pipeline) -> None:
    """Nothing waits for the run any more; its event stays a day."""
    pipe.delete(keys.proposal(run.id))
    pipe.zrem(keys.UNFINISHED, run.id)
    pipe.zrem(keys.WAITING, f"propose:{run.id}", f"apply:{run.id}")
    if run.event:
        pipe.expire(run.event, keys.EVENT_TTL)


def _closed(run: Run, ending: Ending) -> Report:
    request = run.request
    report = ending.report or Report(run=run.id, agent=request.agent, target=request.about, head=request.head)
    told = {"state": ending.state, "message": ending.message, "trigger": request.trigger}
    return report.model_copy(update=told)
