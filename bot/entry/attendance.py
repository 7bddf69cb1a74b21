"""Runs that nobody is at: their job was lost on the way."""

import time
from dataclasses import dataclass
from typing import Final

import structlog
from redis.exceptions import ResponseError

from bot.entry import keys
from bot.entry.connection import Connection
from bot.entry.keys import text
from bot.entry.queue import AGENTS, EFFECTS, enqueue, queue_key, retries_key
from bot.entry.run_record import Run
from bot.entry.runs import Runs

MOST_RESCUES: Final = 3
UNREADABLE: Final = (
    ValueError,
    KeyError,
    ResponseError,
)  # of another version, or what somebody else wrote there

log = structlog.get_logger("trivet.store")


@dataclass(frozen=True)
class Attendance:
    """Tells which runs are not over, whether somebody is at one, and queues it anew where nobody is."""

    connection: Connection
    runs: Runs

    def unfinished(self, older_than: float) -> list[Run]:
        """Runs accepted more than `older_than` seconds ago that are not over.

        One that only another version can read is left to that: this may be one of two at work, or an older one that
        was brought back.
        """
        redis = self.connection.redis
        found: dict[str, Run | None] = {}
        for name in map(text, redis.zrangebyscore(keys.UNFINISHED, 0, time.time() - older_than)):
            try:
                found[name] = self.runs.get(name)
            except UNREADABLE:
                log.warning("a run that this version cannot read is left as it is", run=name)
        gone = [name for name, run in found.items() if run is None]
        if gone:
            redis.zrem(keys.UNFINISHED, *gone)
        return [run for run in found.values() if run is not None]

    def is_attended(self, run: Run) -> bool:
        """Whether somebody is at a run: holds its target, waits for its time, or its job stands in a queue."""
        redis = self.connection.redis
        holder = text(redis.get(keys.lease(run.lock_key)))
        waits = redis.zmscore(keys.WAITING, [f"propose:{run.id}", f"apply:{run.id}"])
        if holder.startswith(f"{run.id}:") or any(score is not None for score in waits):
            return True
        queued = (job for name in (AGENTS, EFFECTS) for job in redis.lrange(queue_key(name), 0, -1))
        paused = (job for name in (AGENTS, EFFECTS) for job in redis.zrange(retries_key(name), 0, -1))
        return any(f"-{run.id}-" in text(job) for job in (*queued, *paused))

    def rescue(self, run: Run) -> bool:
        """Queue a run anew whose job was lost; False when that was done often enough: it kills who works on it."""
        if run.rescues >= MOST_RESCUES:
            return False
        with self.connection.transaction() as pipe:
            pipe.hset(keys.run(run.id), "rescues", run.rescues + 1)
            enqueue("apply" if run.state == "applying" else "propose", run.id, self.connection.redis, pipe)
        return True
