"""Jobs that wait for their time."""

import time
from itertools import pairwise

import pytest

from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.store import Store
from bot.errors import Unavailable
from tests.pushed_runs import depth, started
from tests.redis_server import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def test_an_outage_puts_a_run_back_with_growing_pauses_and_gives_up_after_a_day(store: Store) -> None:
    run = started(store, "aa")
    pauses = []
    for _ in range(12):
        pauses.append(store.waiting.put_back("propose", run, Unavailable("GitLab failed (502)")))
        run = store.runs.get(run.id) or run
    known = [pause for pause in pauses if pause is not None]
    assert known[0] < 3
    assert all(later > 1.5 * earlier for earlier, later in pairwise(known[:8]))
    assert max(known) <= 720
    store.redis.hset(keys.run(run.id), "first_outage", time.time() - 90_000)
    late = store.runs.get(run.id)
    assert late is not None
    assert store.waiting.put_back("propose", late, Unavailable("GitLab failed (502)")) is None


@pytest.mark.parametrize(("hours", "waits"), [(0, True), (23.5, True), (23.8, False), (25, False)])
def test_a_model_is_waited_for_until_the_last_attempts_of_the_day(
    store: Store, hours: float, waits: bool
) -> None:
    run = started(store, "aa")
    if hours:
        store.redis.hset(keys.run(run.id), "first_outage", time.time() - hours * 3600)
    now = store.runs.get(run.id)
    assert now is not None
    assert now.can_wait is waits


def test_a_platform_that_names_a_pause_gets_it(store: Store) -> None:
    pause = store.waiting.put_back(
        "propose", started(store, "aa"), Unavailable("GitLab is busy (429)", retry_after=77)
    )
    assert pause is not None
    assert pause >= 77


def test_what_is_due_is_queued_once(store: Store) -> None:
    run = started(store, "aa")
    store.redis.zadd(keys.WAITING, {f"propose:{run.id}": time.time() - 1})
    assert (store.waiting.wake_due(), store.waiting.wake_due()) == (1, 0)
    assert depth(store) == 2


@pytest.mark.parametrize("member", [b"x", b"tomorrow:0a1b", b"apply:../x", b"apply:\xff", b"", b":"])
def test_what_waits_and_is_no_job_goes_and_keeps_nobody_waiting(store: Store, member: bytes) -> None:
    run = started(store, "aa")
    store.redis.zadd(keys.WAITING, {member: 0, f"propose:{run.id}": 1})
    store.waiting.wake_due()
    assert depth(store) == 2
    assert store.redis.zcard(keys.WAITING) == 0
