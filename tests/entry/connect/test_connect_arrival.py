"""Whether a delivery has arrived: of the project that is asked about, and not of another one that happens to speak."""

import time

import pytest
from redis import Redis

from bot.entry import keys
from bot.entry.connect.arrival import Arrivals
from bot.settings import Settings
from tests.redis_server import RedisServer

PATIENCE = 0.3


@pytest.fixture
def arrivals(redis_server: RedisServer) -> Arrivals:
    return Arrivals(Settings(redis_url=redis_server.url), "gitlab", PATIENCE, "acme/shop")


def heard(redis: Redis, place: str) -> None:
    now = str(time.time())
    redis.hset(keys.HEARD, mapping={"gitlab": now, keys.heard_of("gitlab", place): now})


def test_a_delivery_of_another_project_is_not_the_one_waited_for(
    arrivals: Arrivals, redis_server: RedisServer
) -> None:
    heard(redis_server.client(), "acme/other")
    assert arrivals.came(of_place=True) is False
    assert arrivals.came() is True


def test_a_delivery_of_the_project_has_arrived(arrivals: Arrivals, redis_server: RedisServer) -> None:
    heard(redis_server.client(), "acme/shop")
    assert arrivals.came(of_place=True) is True


def test_without_a_redis_it_cannot_be_told(redis_server: RedisServer, arrivals: Arrivals) -> None:
    redis_server.kill()
    assert arrivals.came() is None
