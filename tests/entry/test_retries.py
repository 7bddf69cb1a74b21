"""The retries that are due, stepped by the schedule."""

import time

import pytest

from bot.entry.connection import connect
from bot.entry.queue import enqueue
from bot.entry.schedule import Retries
from bot.entry.store import Store
from tests.redis_server import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def due(store: Store, run: str) -> str:
    """A job of a run that waited for its next try until now: its id."""
    with store.redis.pipeline() as pipe:
        enqueue("propose", run, store.redis, pipe)
        pipe.execute()
    job = str(store.redis.rpop("rq:queue:agents"), "ascii")  # type: ignore[arg-type]
    store.redis.zadd("rq:scheduled:agents", {job: time.time() - 1})
    return job


def test_a_record_that_nobody_can_read_keeps_no_other_retry_waiting(store: Store) -> None:
    spoilt, sound = due(store, "a" * 24), due(store, "b" * 24)
    store.redis.hset(f"rq:job:{spoilt}", "created_at", "yesterday")
    retries = Retries(store.redis)
    retries.step()
    retries.step()
    assert store.redis.lrange("rq:queue:agents", 0, -1) == [sound.encode()]
    assert store.redis.zcard("rq:scheduled:agents") == 0
