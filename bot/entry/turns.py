"""Whose turn it is at a target: one run holds it, the others are parked until it lets go."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bot.entry import keys
from bot.entry.connection import Connection
from bot.entry.lease import Lease, Leases
from bot.entry.run_record import Run
from bot.entry.waiting import Waiting

PARK_SECONDS: Final = 5.0


class Turns:
    """Gives a target to one run at a time."""

    def __init__(self, connection: Connection, waiting: Waiting) -> None:
        self._connection = connection
        self._waiting = waiting
        self._leases = Leases(connection.redis)

    @contextmanager
    def hold(self, run: Run) -> Iterator[Lease]:
        """Hold the run's target, renewed while alive; then wake who waited for it. Raises Busy."""
        with self._leases.hold(run.lock_key, run.id) as lease:
            yield lease
        if not lease.kept:
            self._wake_parked(run.lock_key)

    def park(self, kind: str, run: Run) -> None:
        """Another run holds the target: wait until it lets go."""
        member = f"{kind}:{run.id}"
        with self._connection.transaction() as pipe:
            pipe.zadd(keys.WAITING, {member: time.time() + PARK_SECONDS})
            pipe.sadd(keys.parked(run.lock_key), member)
            pipe.expire(keys.parked(run.lock_key), keys.DAY)

    def _wake_parked(self, lock_key: str) -> None:
        redis = self._connection.redis
        waiting = redis.smembers(keys.parked(lock_key))
        if waiting:
            self._waiting.wake(waiting)
            redis.srem(keys.parked(lock_key), *waiting)
