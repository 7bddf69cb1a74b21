"""Jobs that wait for their time: what an outage put back, a time limit stopped, or a pause postponed."""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from redis.client import Pipeline

from bot.entry import keys, meters, tally
from bot.entry.connection import Connection
from bot.entry.keys import text
from bot.entry.queue import enqueue, is_job
from bot.entry.run_record import LONGEST_PAUSE, OUTAGE_SECONDS, Run
from bot.errors import AccessDenied, NotReady, Unavailable

FIRST_PAUSE: Final = 2.0
TOKEN_PAUSE: Final = 60.0
MOST_OVERRUNS: Final = 3
SEAL_PAUSES: Final = {
    "apply": (5.0, 30.0, 120.0),  # until both workers have read the same secrets
    "propose": (
        60.0,
        300.0,
        900.0,
    ),  # until an older agents worker is replaced: each time models are asked again
}
MOST_WOKEN: Final = 100
WAITS = "waiting: {reason}"

log = structlog.get_logger("trivet.store")


@dataclass(frozen=True)
class Waiting:
    """Puts jobs back outside RQ's retry count, and queues them when their time has come."""

    connection: Connection

    def put_back(self, kind: str, run: Run, error: Unavailable | AccessDenied) -> float | None:
        """Try again later, with growing pauses; the pause in seconds, None when a day has passed."""
        now = time.time()
        first = run.first_outage or now
        if now - first > OUTAGE_SECONDS:
            return None
        pause = _pause(run.outages, error)
        with self.connection.transaction() as pipe:
            pipe.hset(keys.run(run.id), mapping={"outages": run.outages + 1, "first_outage": first})
            _tell(run, str(error), pipe)
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": now + pause})
            meters.add([tally.stopped(kind, error)], pipe)
        return pause

    def go_on(self, kind: str, run: Run, reason: str) -> bool:
        """Put back what its time limit stopped, to go on where it was; False when that was done often enough."""
        if run.overruns >= MOST_OVERRUNS:
            return False
        with self.connection.transaction() as pipe:
            pipe.hset(keys.run(run.id), "overruns", run.overruns + 1)
            _tell(run, reason, pipe)
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": time.time() + FIRST_PAUSE})
        return True

    def wait_for_seal(self, kind: str, run: Run, reason: str) -> bool:
        """Time for the workers to agree, in an upgrade or where a secret is rotated; False when they had enough of it.

        `kind`: "propose", and the proposal is made again, or "apply".
        """
        pauses = SEAL_PAUSES[kind]
        if run.misfits >= len(pauses):
            return False
        state = "queued" if kind == "propose" else "applying"
        with self.connection.transaction() as pipe:
            pipe.hset(keys.run(run.id), mapping={"state": state, "misfits": run.misfits + 1})
            _tell(run, reason, pipe)
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": time.time() + pauses[run.misfits]})
        return True

    def postpone(self, kind: str, run: Run, seconds: float, reason: str) -> None:
        """Begin again later: no outage, and nothing that was worked out is lost."""
        with self.connection.transaction() as pipe:
            pipe.hset(keys.run(run.id), mapping={"state": "queued", "progress": WAITS.format(reason=reason)})
            pipe.zadd(keys.WAITING, {f"{kind}:{run.id}": time.time() + seconds})

    def wake_due(self) -> int:
        """Queue what has waited long enough. A crash in between queues it twice, which the lease makes harmless."""
        due = self.connection.redis.zrangebyscore(keys.WAITING, 0, time.time(), start=0, num=MOST_WOKEN)
        return self.wake(due)  # type: ignore[arg-type]  # members alone, as no scores are asked for

    def wake(self, members: Iterable[bytes | str]) -> int:
        """Queue these members of `WAITING`; how many. One that is no job of ours goes: the sweep finds its run."""
        waiting = sorted(members, key=text)
        for member in waiting:
            kind, _, run_id = text(member).partition(":")
            with self.connection.transaction() as pipe:
                if is_job(kind, run_id):
                    enqueue(kind, run_id, self.connection.redis, pipe)
                else:
                    log.error("what waited is no job, and is dropped", job=text(member))
                pipe.zrem(keys.WAITING, member)
        return len(waiting)


def _tell(run: Run, reason: str, pipe: Pipeline) -> None:
    pipe.hset(keys.run(run.id), mapping={"message": reason, "progress": WAITS.format(reason=reason)})


def _pause(outages: int, error: Unavailable | AccessDenied) -> float:
    """Seconds until the next try: 2, 4, 8 … 600, at least what the platform asked for, spread by a fifth."""
    asked = error.retry_after or 0.0 if isinstance(error, Unavailable) else TOKEN_PAUSE
    if isinstance(error, NotReady):
        return max(asked, min(2.0 * (outages + 1), 30.0))
    grown: float = min(FIRST_PAUSE * 2.0 ** min(outages, 20), LONGEST_PAUSE)
    return max(grown, asked) * random.uniform(1, 1.2)  # noqa: S311 - spreads load, guards nothing
