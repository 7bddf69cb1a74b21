"""Jobs that RQ could not treat as it should, and what is done with those that nobody can read."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from bot.entry.listed_job import job_class
from bot.entry.queue import AGENTS, FAILURE_TTL, enqueue, open_queue
from bot.entry.unreadable import set_aside
from tests.redis_server import RedisServer

MALFORMED = [
    ("created_at", "yesterday"),
    ("timeout", "soon"),
    ("timeout", ""),
    ("timeout", "-1"),
    ("status", "dancing"),
    ("retries_left", "many"),
    ("retry_intervals", "[]"),
    ("retry_intervals", '{"0": 1}'),
    ("retry_intervals", '["a"]'),
    ("record", "no record"),
]
NOT_NAMES = [b"\xff\xfe", b"no name", b"two:of:them"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture
def agents(server: RedisServer) -> Queue:
    client = server.client()
    client.flushall()
    return open_queue(AGENTS, client, job_class({}))


def test_an_attempt_that_died_does_not_break_the_one_that_ended_well(agents: Queue) -> None:
    """RQ forgets the record of a dead attempt after seconds, and that there was one a minute later."""
    client = agents.connection
    with client.pipeline() as pipe:
        enqueue("propose", "r", client, pipe)
        pipe.execute()
    (job,) = agents.get_job_ids()
    client.zadd(f"rq:executions:{job}", {"dead": time.time() + 60})
    found = job_class({}).fetch(job, connection=client)
    assert found.get_executions() == []
    found.delete()
    assert not client.exists(f"rq:job:{job}", f"rq:executions:{job}")


def taken(queue: Queue, run: str) -> str:
    """The id of a job that a worker took, and died with."""
    with queue.connection.pipeline() as pipe:
        enqueue("propose", run, queue.connection, pipe)
        pipe.lmove(queue.key, queue.intermediate_queue_key)
        pipe.execute()
    return str(queue.intermediate_queue.get_job_ids()[-1])


def fetched(queue: Queue, name: str) -> Job:
    return queue.job_class.fetch(name, queue.connection, queue.serializer)


def plant(client: Redis, job: str, field: str, value: str) -> None:
    if field == "record":
        client.set(f"rq:job:{job}", value)
    else:
        client.hset(f"rq:job:{job}", field, value)


@pytest.mark.parametrize(("field", "value"), MALFORMED)
def test_what_cannot_be_read_is_set_aside_and_kept_for_a_while(agents: Queue, field: str, value: str) -> None:
    client = agents.connection
    broken, whole = taken(agents, "ab12"), taken(agents, "cd34")
    client.zadd("rq:wip:agents", {f"{broken}:1": 1, f"{whole}:1": 1})
    plant(client, broken, field, value)
    assert [name for name, _ in set_aside(agents)] == [broken]
    assert agents.intermediate_queue.get_job_ids() == [whole]
    assert client.zrange("rq:wip:agents", 0, -1) == [f"{whole}:1".encode()]
    assert 0 < client.ttl(f"rq:job:{broken}") <= FAILURE_TTL
    assert client.ttl(f"rq:job:{whole}") == -1
    assert list(set_aside(agents)) == []


@pytest.mark.parametrize("name", NOT_NAMES)
def test_what_is_no_name_is_set_aside_too(agents: Queue, name: bytes) -> None:
    client = agents.connection
    client.rpush(agents.intermediate_queue_key, name)
    client.zadd("rq:wip:agents", {name: 1})
    assert len(list(set_aside(agents))) == 1
    assert client.keys("rq:*") == []


def test_a_job_that_is_gone_by_now_is_nobodys_fault(agents: Queue) -> None:
    gone = taken(agents, "ab12")
    agents.connection.delete(f"rq:job:{gone}")
    with pytest.raises(NoSuchJobError):
        fetched(agents, gone)
    assert list(set_aside(agents)) == []
    assert agents.intermediate_queue.get_job_ids() == [gone], "RQ's own maintenance knows what to do"


def test_a_redis_that_is_away_makes_no_job_unreadable(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        queue = open_queue(AGENTS, server.client(), job_class({}))
        name = taken(queue, "ab12")
        server.kill()
        with pytest.raises(RedisConnectionError):
            list(set_aside(queue))
        server.start()
        assert list(set_aside(queue)) == []
        assert fetched(queue, name).timeout == 1800


def test_a_job_is_not_called_scheduled_before_it_is(agents: Queue) -> None:
    """Maintenance brings back what is "started" and nobody is at: a Redis that goes away in between loses no job."""
    name, client = taken(agents, "ab12"), agents.connection
    job = fetched(agents, name)
    job.set_status(JobStatus.STARTED)
    job.retries_left = 4
    pipe = client.pipeline()
    job.retry(agents, pipe)
    assert client.hget(f"rq:job:{name}", "status") == b"started"
    pipe.execute()
    assert client.hget(f"rq:job:{name}", "status") == b"scheduled"
    assert client.zrange("rq:scheduled:agents", 0, -1) == [name.encode()]
