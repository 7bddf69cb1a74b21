"""RQ jobs as data: which queue and limits each kind of job has, and the one way a run becomes a job.

A job's only argument is its run's id, its function a word from `JOBS`: whoever writes to Redis can start nothing else.
"""

import functools
import hashlib
import json
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from redis import Redis
from redis.client import Pipeline
from rq import Queue, Retry
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import now

AGENTS: Final = "agents"
EFFECTS: Final = "effects"
RETRY_SECONDS: Final = (0, 5, 30, 120, 600)
FAILURE_TTL: Final = 3 * 86_400
CLEANING_LOCK_SECONDS: Final = 15
TAKEN_SECONDS: Final = 7
BLANK_RUN: Final = "run-to-be-filled-in"
SMALLEST_WINDOW: Final = 9
SMALLEST_MEMORY: Final = 1
FILLED_IN: Final = frozenset({"data", "created_at", "enqueued_at"})


@dataclass(frozen=True)
class JobKind:
    """`timeout`: seconds until the job is killed."""

    queue: str
    timeout: int


RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)  # of what RQ takes in the id of a job
JOBS: Final[Mapping[str, JobKind]] = {
    "propose": JobKind(AGENTS, 1800),
    "apply": JobKind(EFFECTS, 300),
    "acknowledge": JobKind(EFFECTS, 60),
    "withdraw": JobKind(EFFECTS, 60),
    "complain": JobKind(EFFECTS, 60),
}


class TakenJobs(IntermediateQueue):
    """Where a job is from when it was taken until it begins, which is milliseconds: RQ gives it a minute."""

    def should_be_cleaned_up(self, job_id: str) -> bool:
        first_seen = self.get_first_seen(job_id)
        return first_seen is not None and now() - first_seen > timedelta(seconds=TAKEN_SECONDS)


class QuickQueue(Queue):
    """A queue whose lost jobs come back in seconds.

    RQ holds a queue's cleaning lock for 899 s, so that a cleaner killed in the middle blocks recovery that long.
    """

    @property
    def intermediate_queue(self) -> TakenJobs:
        return TakenJobs(self.key, connection=self.connection)

    def acquire_maintenance_lock(self) -> bool:
        return bool(self.connection.set(self.registry_cleaning_key, 1, nx=True, ex=CLEANING_LOCK_SECONDS))


def run_id(key: str) -> str:
    """Equal requests are one run: the id is a digest of the request's key."""
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def job_id(kind: str, run: str) -> str:
    """A fresh one each time: never the id of an older job, whose clean-up would delete this one."""
    return f"{kind}-{run}-{secrets.token_hex(4)}"


def new_job(kind: str, run: str, connection: Redis) -> Job:
    limits = JOBS[kind]
    job = Job.create(
        func=kind,
        args=[run],
        id=job_id(kind, run),
        connection=connection,
        serializer=JSONSerializer,
        timeout=limits.timeout,
        result_ttl=0,
        failure_ttl=FAILURE_TTL,
        description=kind,
        status=JobStatus.QUEUED,
        origin=limits.queue,
    )
    retry = Retry(max=len(RETRY_SECONDS), interval=list(RETRY_SECONDS))
    job.retries_left, job.retry_intervals = retry.max, retry.intervals
    job.enqueued_at = now()
    return job


def job_fields(job: Job) -> dict[Any, Any]:
    """The fields of RQ's job hash, by RQ's own serialisation."""
    return job.to_dict(include_meta=False, include_result=False)


@dataclass(frozen=True, slots=True)
class JobForm:
    """RQ's job hash of one kind, by RQ's own serialisation, with the run and the times left to be filled in.

    `fixed`: the fields that are always the same, a JSON list of names and values in turn. `call`: what is run, before
    compression.
    """

    fixed: str
    call: bytes

    def data(self, run: str) -> bytes:
        """The field `data`: stored, not squeezed, as zlib's usual tables take 60 us to set up, for 80 bytes."""
        compressor = zlib.compressobj(level=0, wbits=SMALLEST_WINDOW, memLevel=SMALLEST_MEMORY)
        return compressor.compress(self.call.replace(BLANK_RUN.encode(), run.encode())) + compressor.flush()


@functools.cache
def job_form(kind: str) -> JobForm:
    """For the receiver, where making a job anew for each delivery was a tenth of the work.

    Blank fields are left out: RQ reads both as absent, and Redis has half as much to store.
    """
    job = new_job(kind, BLANK_RUN, Redis())
    fields = [pair for pair in job_fields(job).items() if pair[0] not in FILLED_IN and pair[1] != ""]
    flat = [part if isinstance(part, str) else str(part) for pair in fields for part in pair]
    return JobForm(json.dumps(flat), job.data)


def job_time() -> str:
    """Now, as RQ writes it into `created_at` and `enqueued_at`."""
    return now().replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def queue_key(name: str) -> str:
    return f"{Queue.redis_queue_namespace_prefix}{name}"


def retries_key(name: str) -> str:
    """Where RQ keeps the jobs of a queue that wait for their next try."""
    return ScheduledJobRegistry.key_template.format(name)


def is_job(kind: str, run: str) -> bool:
    """Whether these can be a job's: what stands in Redis may be anybody's."""
    return kind in JOBS and RUN_ID.fullmatch(run) is not None


def enqueue(kind: str, run: str, connection: Redis, pipeline: Pipeline) -> None:
    """Put a run's next job on its queue, as part of the caller's transaction."""
    job = new_job(kind, run, connection)
    pipeline.hset(job.key, mapping=job_fields(job))
    pipeline.sadd(Queue.redis_queues_keys, queue_key(JOBS[kind].queue))
    pipeline.rpush(queue_key(JOBS[kind].queue), job.id)


def open_queue(name: str, connection: Redis, job_class: type[Job] = Job) -> QuickQueue:
    return QuickQueue(name, connection=connection, serializer=JSONSerializer, job_class=job_class)
