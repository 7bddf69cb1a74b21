"""RQ workers that lose nothing: one queue each, short heartbeats, children that die with their parent.

Measured with RQ's defaults: after `kill -9` of a worker and its job the job came back after 810 s; with these settings
after 8.4 s. A worker on two queues can lose a job for good. A job whose parent alone is killed runs on unseen beside
its own second copy, unless the kernel takes it down with its parent.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final

import structlog
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker, worker_registration
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now

from bot.entry import tally
from bot.entry.error_tracking import JOB, report_error
from bot.entry.lifeline import die_with_parent
from bot.entry.listed_job import job_class
from bot.entry.pulse import Pulse
from bot.entry.queue import JOBS, open_queue
from bot.entry.store import Store
from bot.entry.timelimit import HardTimeLimit
from bot.entry.unreadable import set_aside

MONITOR_SECONDS: Final = 3
MAINTENANCE_SECONDS: Final = 3
WORKER_TTL: Final = 17
LOOK_SECONDS: Final = 1  # how long an idle worker waits for a job before it looks whether it was told to stop
ANSWER_SECONDS: Final = 5
AWAY_SECONDS: Final = 1.0
PATIENCE: Final = (
    3  # more tries, a second apart: enough for a Redis that is started anew; a silent one holds us 23 s
)
AFTER_LIMIT_SECONDS: Final = 70.0  # a job that does not heed its time limit is killed 60 s later by RQ

UNREADABLE = "a job's record cannot be read: it is set aside, and the sweep looks after its run"
STUMBLED = "the worker stumbled between two jobs and goes on"
NOT_WATCHED = "a job could not be watched: it comes back"
NOT_BEGUN = "the job's process could not begin"
KILLED = "the job's process was killed"
WORKER_DIED = "the job's worker died"

log = structlog.get_logger("trivet.worker")


class WorkHorseTerminated(Exception):
    """A job's process was killed: by a kernel that is short of memory, or by us as it did not heed its time limit."""


class SturdyWorker(Worker):
    """The crash-safe settings, and a loop of our own that ends between two jobs only.

    In RQ's loop a signal raises wherever it falls, and a job that was taken in that moment lies about for a minute; a
    second SIGTERM kills the job at hand; a Redis that is away for a moment ends the worker, its job with it; and a
    record that cannot be read ends one worker after the other, as each finds it anew.
    """

    death_penalty_class = HardTimeLimit
    dequeue_timeout = LOOK_SECONDS
    connection_timeout = ANSWER_SECONDS
    pulse: Pulse

    def run(self, *, burst: bool = False) -> None:
        """Take jobs until told to stop; with `burst` until none is left. Raises RedisError where it is away at first.

        SIGTERM and the first SIGINT let the job at hand end; a second SIGINT raises KeyboardInterrupt.
        """
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        self.bootstrap(logging_level="ERROR")  # of what RQ warns, a killed job, we say more
        try:
            while (found := self._next(burst)) is not None:
                self._do(*found)
        finally:
            self._leave()

    def _next(self, burst: bool) -> tuple[Job, Queue] | None:
        """The next job; None when told to stop, or when there is none and nobody waits for one."""
        while not self._stop_requested:
            self.pulse.beat()
            try:
                self._be_known()
                self._maintain()
                return self._taken(None if burst else LOOK_SECONDS)
            except DequeueTimeout:
                continue
            except RedisError as error:
                log.warning("Redis does not answer", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the edge of the process: it would end all workers in turn
                self._sort_out(error)
            time.sleep(AWAY_SECONDS)
        return None

    def _be_known(self) -> None:
        """A Redis that lost its data, or was away for longer than a worker's name lasts there, has forgotten us."""
        with self.connection.pipeline() as pipe:
            worker_registration.register(self, pipe)
            pipe.hset(self.key, mapping=self.serialize())
            self.heartbeat(pipeline=pipe)
            pipe.execute()

    def _maintain(self) -> None:
        """Every few seconds, bring back what died with its worker. What hinders that hinders no job."""
        if not self.should_run_maintenance_tasks:
            return
        try:
            self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of the process
            self.last_cleaned_at = now()  # type: ignore[assignment]  # RQ's own is untyped
            self._sort_out(error)

    def _taken(self, timeout: int | None) -> tuple[Job, Queue] | None:
        """A job off the queue. Raises DequeueTimeout after so many seconds."""
        return self.queue_class.dequeue_any(
            self.queues,
            timeout,
            connection=self.connection,
            job_class=self.job_class,
            serializer=self.serializer,
            death_penalty_class=self.death_penalty_class,
        )

    def _sort_out(self, error: Exception) -> None:
        """Say what broke between two jobs: those that cannot be read, or else what nobody foresaw."""
        found = False
        try:
            for job, fault in set_aside(self.queues[0]):
                found = True
                self._say_unreadable(job, fault)
        except RedisError as away:
            log.warning("Redis does not answer", error=type(away).__name__)
            return
        if not found:
            log.error(STUMBLED, exc_info=error)
            report_error(error)

    def _say_unreadable(self, job: str, fault: Exception) -> None:
        log.error(UNREADABLE, **_about(job), error=f"{type(fault).__name__}: {fault}")
        report_error(fault, run=_about(job).get("run", ""))
        self._count(job, fault)

    def _count(self, job: str, error: Exception) -> None:
        kind = _about(job)["job"]
        Store(self.connection).add([tally.stopped(kind if kind in JOBS else tally.UNTOLD, error)])

    def _do(self, job: Job, queue: Queue) -> None:
        """A job whose end could not be recorded comes back: its record tells that nobody is at it."""
        try:
            self.execute_job(job, queue)
        except RedisError as error:
            log.warning("what became of a job could not be recorded", job=job.id, error=type(error).__name__)
            self._drop_job()
        except Exception as error:
            log.error(NOT_WATCHED, **_about(job.id), exc_info=error)
            report_error(error)
            self._drop_job()
            time.sleep(AWAY_SECONDS)

    def _drop_job(self) -> None:
        """Kill what still runs of the job at hand."""
        if self.horse_pid:
            self.kill_horse()
            self.wait_for_horse()
            self._horse_pid = 0
        self.executions.clear()

    def _leave(self) -> None:
        try:
            self.register_death()  # type: ignore[no-untyped-call]
        except RedisError:
            log.info("left the worker's name in Redis to run out")

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Signals may come twice: a supervisor passes on what an init has told to all. A job's process heeds none."""
        if os.getpid() != self.pid:
            return
        if signum == signal.SIGINT and self._stop_requested:
            self._drop_job()
            raise KeyboardInterrupt
        self._stop_requested = True

    def subscribe(self) -> None:
        """No commands by way of Redis, and no thread that may hold a lock while we fork."""

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """A Redis that is away does not end a job that is under way."""
        self.pulse.beat()
        if self._stop_requested:
            log.info("finishing the job at hand before stopping", job=job.id)
        try:
            self._be_known()
            super().maintain_heartbeats(job, execution)
        except RedisError as error:
            log.warning("Redis does not answer", job=job.id, error=type(error).__name__)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return int(self.job_monitoring_interval) * 3 + 1

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """One line and the traceback; RQ's own handler logs the job's arguments too."""
        log.error("the job broke", **_about(job.id), tries_left=job.retries_left or 0, exc_info=exc_info)
        if not job.should_retry:
            report_error(exc_info[1])

    def handle_work_horse_killed(
        self, job: Job, _retpid: int | None, ret_val: int | None, _rusage: object
    ) -> None:
        """One that was killed before it began still stands among the taken jobs, to be found and tried twice."""
        self.queues[0].intermediate_queue.remove(job.id)
        how = -signal.SIGKILL if ret_val is None else os.waitstatus_to_exitcode(ret_val)
        self._mourn(KILLED, job, WorkHorseTerminated(), exit_code=how)

    def handle_abandoned(self, job: Job, _kind: type[Exception], error: Exception, _trace: None) -> None:
        """What maintenance found: the job's process and its worker died together."""
        self._mourn(WORKER_DIED, job, error)

    def _mourn(self, sentence: str, job: Job, error: Exception, **said: int) -> None:
        log.error(sentence, **_about(job.id), tries_left=job.retries_left or 0, **said)
        self._count(job.id, error)
        if not job.should_retry:
            report_error(error, run=_about(job.id).get("run", ""))

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Whatever happens here, a job's process never goes on as a worker."""
        try:
            die_with_parent(self.pid)
            super().main_work_horse(job, queue)
        except BaseException as error:
            log.error(NOT_BEGUN, **_about(job.id), exc_info=error)
        finally:
            os._exit(1)

    def setup_work_horse_signals(self) -> None:
        """The parent alone decides when a job ends; systemd, for one, sends SIGTERM to every process of a service."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)


def make_worker(queue: str, connection: Redis, table: Mapping[str, Callable[[str], None]]) -> SturdyWorker:
    """`connection` gets a worker's patience: with redis-py's own a silent Redis would hold it for two minutes."""
    kind = job_class(table)
    connection.set_retry(Retry(ConstantBackoff(AWAY_SECONDS), PATIENCE))
    worker = SturdyWorker(
        [open_queue(queue, connection, kind)],
        connection=connection,
        job_class=kind,
        serializer=JSONSerializer,
        maintenance_interval=MAINTENANCE_SECONDS,
        job_monitoring_interval=MONITOR_SECONDS,
        worker_ttl=WORKER_TTL,
        log_job_description=False,
    )
    worker.pulse = Pulse(queue)
    worker.push_exc_handler(worker.handle_abandoned)  # type: ignore[no-untyped-call]
    return worker


def _about(job: str) -> dict[str, str]:
    """What log lines call a job by its id: `job`, the kind, and `run`; the whole id where it is none of ours."""
    named = JOB.fullmatch(job)
    return named.groupdict() if named else {"job": job}


def work(queue: str, connection: Redis, table: Mapping[str, Callable[[str], None]]) -> None:
    """Take jobs from one queue until told to stop."""
    logging.getLogger("rq").setLevel(logging.WARNING)
    make_worker(queue, connection, table).run()


def drain_seconds(queue: str) -> float:
    """How long a worker of this queue may take to stop: the longest job that it may have just begun, and a bit."""
    return max(kind.timeout for kind in JOBS.values() if kind.queue == queue) + AFTER_LIMIT_SECONDS
