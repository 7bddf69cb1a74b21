"""Wakes what is due: jobs put back, RQ's own retries, and the sweep for what no webhook told us."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event, Thread
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from bot.entry.error_tracking import report_error
from bot.entry.keys import text
from bot.entry.pulse import Pulse
from bot.entry.queue import AGENTS, EFFECTS, open_queue, retries_key
from bot.entry.store import Store
from bot.entry.unreadable import fault_of
from bot.errors import PlatformError

TICK_SECONDS: Final = 0.25
RETRIES_EVERY: Final = 1.0

log = structlog.get_logger("trivet.schedule")


@dataclass
class Rhythm:
    """Something to do every so often. `due` is a monotonic time."""

    every: float
    do: Callable[[], object]
    due: float = field(default=0.0)

    def maybe(self, now: float) -> None:
        if now >= self.due:
            self.due = now + self.every
            self.do()


@dataclass
class Aside:
    """Something that may take minutes, in a thread of its own; begun anew only once it has ended."""

    do: Callable[[], object]
    name: str
    thread: Thread | None = None

    def __call__(self) -> None:
        if self.thread is None or not self.thread.is_alive():
            self.thread = Thread(target=self.do, name=self.name, daemon=True)
            self.thread.start()


class Retries:
    """RQ's scheduler, stepped by us instead of forking a process of its own."""

    def __init__(self, connection: Redis) -> None:
        self._connection = connection
        self._scheduler = RQScheduler([AGENTS, EFFECTS], connection, interval=1, serializer=JSONSerializer)
        self._scheduler.register_birth()

    def step(self) -> None:
        if self._scheduler.should_reacquire_locks:
            self._scheduler.acquire_locks()
        self._scheduler.heartbeat()
        try:
            self._scheduler.enqueue_scheduled_jobs()
        except RedisError:
            raise
        except Exception as error:
            log.error("retries that are due could not be queued", exc_info=error)
            report_error(error)
            self._drop_unreadable()

    def _drop_unreadable(self) -> None:
        """RQ stumbles over the same record each time, and queues none behind it. The sweep finds its run again."""
        for name in (AGENTS, EFFECTS):
            key, queue = retries_key(name), open_queue(name, self._connection)
            for job in map(text, self._connection.zrangebyscore(key, 0, time.time())):
                if fault_of(job.encode(), queue):
                    self._connection.zrem(key, job)
                    log.error("a job that nobody can read is not tried again", job=job)

    def stop(self) -> None:
        self._scheduler.stop()


def keep_schedule(store: Store, chores: Sequence[Rhythm], pulse: Pulse) -> None:
    """Run until SIGTERM or SIGINT. A fault of Redis or of a platform is logged, and the next round tries again.

    `chores` speak to platforms: one that fails keeps no other waiting.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    retries = Retries(store.redis)
    rhythms = [
        Rhythm(TICK_SECONDS, store.waiting.wake_due),
        Rhythm(RETRIES_EVERY, retries.step),
        *(replace(chore, do=partial(_tried, chore.do)) for chore in chores),
    ]
    while not stop.wait(TICK_SECONDS):
        pulse.beat()
        try:
            for rhythm in rhythms:
                rhythm.maybe(time.monotonic())
        except RedisError as error:
            log.warning("Redis does not answer", error=type(error).__name__)
            stop.wait(1)
    _released(retries)


def _tried(chore: Callable[[], object]) -> None:
    try:
        chore()
    except PlatformError as error:
        log.warning("a chore was cut short", reason=str(error))


def _released(retries: Retries) -> None:
    try:
        retries.stop()
    except RedisError:
        log.info("left the scheduler's lock to run out")
