"""Jobs whose record nobody can read: RQ stumbles over the same one at each look, and looks after no other any more."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import NoSuchJobError

from bot.entry.queue import FAILURE_TTL

NOT_A_NAME: Final = "what stands for the job is no name"


def set_aside(queue: Queue) -> Iterator[tuple[str, Exception]]:
    """Take them off the lists of jobs that were taken or begun: each job's id, and why. Raises RedisError.

    Their records stay for as long as those of jobs that failed.
    """
    taken = queue.connection.lrange(queue.intermediate_queue_key, 0, -1)
    begun = queue.connection.zrange(queue.started_job_registry.key, 0, -1)
    for name, group in groupby(sorted({*taken, *begun}, key=_name), key=_name):
        members = list(group)
        fault = next(filter(None, (fault_of(member, queue) for member in members)), None)
        if fault is not None:
            _drop(members, queue)
            yield name.decode(errors="replace"), fault


def fault_of(member: bytes, queue: Queue) -> Exception | None:
    """None where the job can be read, or is gone. `member`: "job", or "job:execution". Raises RedisError."""
    try:
        if member.count(b":") > 1:
            raise ValueError(NOT_A_NAME)
        queue.job_class.fetch(_name(member).decode(), queue.connection, queue.serializer)
    except NoSuchJobError:
        return None
    except RedisError:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever RQ meets in a record that is none
        return fault
    return None


def _drop(members: Sequence[bytes], queue: Queue) -> None:
    """All that stand for one job."""
    record = queue.job_class.redis_job_namespace_prefix.encode() + _name(members[0])
    with queue.connection.pipeline() as pipe:
        for member in members:
            pipe.lrem(queue.intermediate_queue_key, 0, member)  # type: ignore[arg-type]  # redis-py takes bytes too
        pipe.zrem(queue.started_job_registry.key, *members)
        pipe.expire(record, FAILURE_TTL)
        pipe.execute()


def _name(member: bytes) -> bytes:
    return member.partition(b":")[0]
