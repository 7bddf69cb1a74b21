"""One run at a time per target: a key in Redis that names the run and this execution of it, renewed while alive."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from bot.entry import keys
from bot.entry.keys import text

LEASE_SECONDS: Final = 12.0
RENEW_SECONDS: Final = 3.0
FRESH_SECONDS: Final = 2 * RENEW_SECONDS

TAKE: Final = """
-- KEYS: lease. ARGV: run, token, milliseconds. A run takes over from its own earlier execution, from no other run.
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, 1, #ARGV[1] + 1) ~= ARGV[1] .. ':' then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
return 1
"""
RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""


class Busy(Exception):
    """Another run holds the target."""


class Replaced(Exception):
    """A newer execution of the same run took over, or the lease ran out: stop without a trace."""


class Leases:
    """Gives leases on targets."""

    def __init__(self, connection: Redis) -> None:
        self._redis = connection
        self._take = connection.register_script(TAKE)
        self._renew = connection.register_script(RENEW)
        self._release = connection.register_script(RELEASE)

    @contextmanager
    def hold(self, target_key: str, run_id: str) -> Iterator["Lease"]:
        """Hold a target for a run, as long as the block lasts and this process lives. Raises Busy."""
        lease = Lease(self._redis, target_key, run_id)
        if not self._take(keys=[lease.key], args=[run_id, lease.token, int(LEASE_SECONDS * 1000)]):
            raise Busy(target_key)
        stop = threading.Event()
        renewer = threading.Thread(target=self._keep_alive, args=(lease, stop), daemon=True, name="lease")
        renewer.start()
        try:
            yield lease
        finally:
            stop.set()
            renewer.join(timeout=5)
            if not lease.kept:
                self._release(keys=[lease.key], args=[lease.holder])

    def _keep_alive(self, lease: "Lease", stop: threading.Event) -> None:
        """A Redis that does not answer is asked again; a lease that is somebody else's is lost for good."""
        while not stop.wait(RENEW_SECONDS) and not lease.kept:
            try:
                lease.lost = not self._renew(keys=[lease.key], args=[lease.holder, int(LEASE_SECONDS * 1000)])
            except RedisError:
                continue
            if lease.lost:
                return
            lease.renewed = _now()


class Lease:
    """The right to work on one target. `lost`: somebody else has it; `kept`: the run's next job takes it over."""

    def __init__(self, connection: Redis, target_key: str, run_id: str) -> None:
        self._redis = connection
        self._run_id = run_id
        self.key = keys.lease(target_key)
        self.token = uuid4().hex[:12]
        self.lost = False
        self.kept = False
        self.renewed = _now()

    @property
    def holder(self) -> str:
        return f"{self._run_id}:{self.token}"

    def check(self) -> None:
        """Raises Replaced when this execution no longer holds the target."""
        if self.lost or text(self._redis.get(self.key)) != self.holder:
            raise Replaced(self.key)

    def still(self) -> None:
        """As `check`, for right before a write: Redis is asked only where the lease was not renewed just now.

        A process that stood still wakes with a lease that is old, and may be another's. While Redis does not answer it
        gives the lease to nobody.
        """
        if self.lost:
            raise Replaced(self.key)
        if _now() - self.renewed < FRESH_SECONDS:
            return
        try:
            self.check()
        except RedisError:
            return

    def keep(self) -> None:
        """Do not release it at the end: it runs out by itself, or the run's next job takes it over."""
        self.kept = True


def _now() -> float:
    """Seconds, those that the machine was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
