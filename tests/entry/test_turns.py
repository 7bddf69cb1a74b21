"""Whose turn it is at a target."""

import pytest

from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.lease import Busy, Replaced
from bot.entry.store import Store
from tests.pushed_runs import depth, started
from tests.redis_server import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def test_one_run_at_a_time_holds_a_target(store: Store) -> None:
    first, second = started(store, "aa"), started(store, "bb")
    with store.turns.hold(first), pytest.raises(Busy), store.turns.hold(second):
        pass
    with store.turns.hold(second):
        pass


def test_a_second_execution_of_a_run_takes_over_and_the_first_learns_of_it(store: Store) -> None:
    run = started(store, "aa")
    with store.turns.hold(run) as first, store.turns.hold(run) as second:
        second.check()
        with pytest.raises(Replaced):
            first.check()


def test_a_parked_run_is_queued_as_soon_as_the_target_is_free(store: Store) -> None:
    first, second = started(store, "aa"), started(store, "bb")
    with store.turns.hold(first):
        store.turns.park("propose", second)
        assert depth(store) == 2
    assert depth(store) == 3
    assert store.waiting.wake_due() == 0


def test_a_dead_execution_holds_its_target_for_seconds_only(store: Store) -> None:
    run = started(store, "aa")
    with store.turns.hold(run):
        assert 0 < store.redis.pttl(keys.lease(run.target_key)) <= 12_000
