"""Jobs whose record nobody can read: RQ stumbles over the same one at each look, and looks after no other any more."""

from typing import Final

from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import NoSuchJobError

from bot.entry.queue import FAILURE_TTL

NOT_A_NAME: Final = "what stands for the job is no name"


def set_aside(queue: Queue) -> dict[str, Exception]:
    """Take them off the lists of jobs that were taken or begun; why, by job id. Raises RedisError.

    Their records stay for as long as those of jobs that failed.
    """
    taken = queue.connection.lrange(queue.intermediate_queue_key, 0, -1)
    begun = queue.connection.zrange(queue.started_job_registry.key, 0, -1)
    faults = {member: _fault(member, queue) for member in (*taken, *begun)}
    found = {member: fault for member, fault in faults.items() if fault is not None}
    for member in found:
        _drop(member, queue)
    return {_name(member).decode(errors="replace"): fault for member, fault in found.items()}


def _fault(member: bytes, queue: Queue) -> Exception | None:
    """None where the job can be read, or is gone. `member`: "job", or "job:execution"."""
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


def _drop(member: bytes, queue: Queue) -> None:
    record = queue.job_class.redis_job_namespace_prefix.encode() + _name(member)
    with queue.connection.pipeline() as pipe:
        pipe.lrem(queue.intermediate_queue_key, 0, member)  # type: ignore[arg-type]  # redis-py takes bytes too
        pipe.zrem(queue.started_job_registry.key, member)
        pipe.expire(record, FAILURE_TTL)
        pipe.execute()


def _name(member: bytes) -> bytes:
    return member.partition(b":")[0]
