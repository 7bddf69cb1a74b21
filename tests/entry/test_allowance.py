"""Budgets and breakers that workers share, on a real server."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from redis import Redis

from bot.entry import keys
from bot.entry.allowance import RedisBreaker, RedisBudget
from bot.errors import NoModel, OverBudget, Unavailable
from bot.llm.breaker import FAULTS, LASTING, PAUSE
from bot.settings import BudgetSettings
from tests.redis_server import RedisServer

NOON = 1_780_000_000.0 // 86_400 * 86_400 + 43_200
DAY = 86_400
WIDE = 10**9
BUSY = Unavailable("busy")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with server.client() as client:
        client.flushdb()
        yield client


def budget(redis: Redis, run: str = "r1", mr: str = "7:1", **more: float) -> RedisBudget:
    limits = BudgetSettings(
        run_tokens=int(more.pop("run_tokens", WIDE)),
        mr_tokens=int(more.pop("mr_tokens", WIDE)),
        day_tokens=int(more.pop("day_tokens", WIDE)),
    )
    now = more.pop("now", NOON)
    return RedisBudget(redis, limits, run=run, merge_request=mr, clock=lambda: now, **more)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def refused(one: RedisBudget, tokens: int) -> bool:
    try:
        one.reserve(tokens).settle(0)
    except OverBudget:
        return True
    return False


# --- the budget ---


def test_what_fits_exactly_is_let_through_and_one_token_more_is_not(redis: Redis) -> None:
    one = budget(redis, run_tokens=100)
    one.reserve(60)
    other = one.reserve(40)
    with pytest.raises(OverBudget, match=r"of 100 tokens too few .* TRIVET_BUDGET__RUN_TOKENS") as passing:
        one.reserve(1)
    other.settle(40)
    with pytest.raises(OverBudget) as still:
        one.reserve(1)
    assert passing.value.is_passing
    assert still.value.is_passing
    with pytest.raises(OverBudget) as lasting:
        one.reserve(61)
    assert not lasting.value.is_passing


def test_settling_counts_what_was_paid_and_frees_the_rest(redis: Redis) -> None:
    one = budget(redis, run_tokens=100)
    one.reserve(100).settle(30)
    assert refused(one, 71)
    assert not refused(one, 70)


def test_settling_twice_counts_once(redis: Redis) -> None:
    one = budget(redis, run_tokens=100)
    reservation = one.reserve(50)
    reservation.settle(50)
    reservation.settle(50)
    assert not refused(one, 50)


def test_two_runs_of_a_merge_request_share_its_day(redis: Redis) -> None:
    budget(redis, run="r1", mr_tokens=100).reserve(80).settle(80)
    with pytest.raises(OverBudget, match=r"this merge request today.*TRIVET_BUDGET__MR_TOKENS"):
        budget(redis, run="r2", mr_tokens=100).reserve(30)
    assert not refused(budget(redis, run="r3", mr="7:2", mr_tokens=100), 100)


def test_all_runs_share_the_day(redis: Redis) -> None:
    budget(redis, run="r1", mr="7:1", day_tokens=100).reserve(80).settle(80)
    with pytest.raises(OverBudget, match=r"all runs together today.*TRIVET_BUDGET__DAY_TOKENS"):
        budget(redis, run="r2", mr="7:2", day_tokens=100).reserve(30)


def test_a_new_day_is_a_new_allowance_but_not_for_a_run(redis: Redis) -> None:
    limits = {"run_tokens": 150.0, "mr_tokens": 100.0, "day_tokens": 100.0}
    budget(redis, **limits).reserve(80).settle(80)
    assert refused(budget(redis, **limits), 30)
    assert not refused(budget(redis, now=NOON + DAY, **limits), 30)
    assert refused(budget(redis, now=NOON + DAY, **limits), 80)


def test_what_one_scope_refuses_is_reserved_in_none(redis: Redis) -> None:
    assert refused(budget(redis, run_tokens=100, day_tokens=50), 60)
    assert not refused(budget(redis, run_tokens=100), 100)


def test_a_request_over_midnight_is_settled_where_it_was_reserved(redis: Redis) -> None:
    reservation = budget(redis, day_tokens=100).reserve(100)
    assert not refused(budget(redis, day_tokens=100, now=NOON + DAY), 100)
    reservation.settle(100)
    assert refused(budget(redis, run="r2", mr="7:2", day_tokens=100), 1)
    assert not refused(budget(redis, run="r2", mr="7:2", day_tokens=100, now=NOON + DAY), 100)


def test_a_reservation_whose_process_died_is_free_after_a_while(redis: Redis) -> None:
    one = budget(redis, run_tokens=100, hold=1.0)
    one.reserve(100)
    assert refused(one, 1)
    until(lambda: not refused(one, 100))


def test_what_is_settled_after_its_hold_ran_out_is_counted_all_the_same(redis: Redis) -> None:
    one = budget(redis, run_tokens=100, hold=0.05)
    late = one.reserve(100)
    until(lambda: not refused(one, 100))
    late.settle(60)
    assert refused(one, 41)
    assert not refused(one, 40)


def test_nothing_stays_for_ever(redis: Redis) -> None:
    budget(redis).reserve(10).settle(5)
    budget(redis).reserve(10)
    lifetimes = [redis.ttl(key) for key in redis.scan_iter("trivet:*")]
    assert len(lifetimes) == 6
    assert all(keys.SPENT_TTL - 10 < seconds <= keys.SPENT_TTL for seconds in lifetimes)


def test_the_same_call_sent_twice_by_the_client_reserves_once(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the connection broke before the answer came."""
    one = budget(redis, run_tokens=100)
    sent = one._reserve

    def twice(**words: object) -> object:
        sent(**words)  # type: ignore[arg-type]
        return sent(**words)  # type: ignore[arg-type]

    monkeypatch.setattr(one, "_reserve", twice)
    reservation = one.reserve(60)
    monkeypatch.undo()
    assert not refused(one, 40)
    reservation.settle(60)
    assert not refused(one, 40)


def test_fifty_at_once_never_pass_the_limit_and_crashed_ones_leave_nothing(
    server: RedisServer, redis: Redis
) -> None:
    """Each reserves, looks at the whole, and settles or dies; the whole never passes the limit."""
    limit, workers, each = 10_000, 50, 12
    start = threading.Barrier(workers)
    over: list[int] = []

    def work(number: int) -> tuple[int, int]:
        chance, paid, through = Random(number), 0, 0
        with server.client() as own:
            one = budget(own, run=f"r{number}", mr=f"7:{number % 5}", day_tokens=limit, hold=2.0)
            start.wait()
            for _ in range(each):
                tokens = chance.randint(10, 400)
                try:
                    reservation = one.reserve(tokens)
                except OverBudget:
                    continue
                through += 1
                if (used := in_use(own)) > limit:
                    over.append(used)
                if chance.random() < 0.8:
                    reservation.settle(actual := chance.randint(0, tokens))
                    paid += actual
        return paid, through

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(work, range(workers)))
    paid, through = (sum(column) for column in zip(*results, strict=True))
    assert over == []
    assert 50 < through < workers * each
    assert paid <= limit
    until(lambda: not refused(budget(redis, run="last", mr="8:1", day_tokens=limit), limit - paid))
    assert refused(budget(redis, run="last", mr="8:1", day_tokens=limit), limit - paid + 1)


def in_use(redis: Redis) -> int:
    """Spent and reserved of the day, read as one."""
    day = time.strftime("%Y-%m-%d", time.gmtime(NOON))
    with redis.pipeline() as pipe:
        pipe.get(keys.spent(f"day:{day}"))
        pipe.zrangebyscore(keys.reserved(f"day:{day}"), time.time() * 1000 + 50, "+inf")
        spent, reserved = pipe.execute()
    return int(spent or 0) + sum(int(one.split(b":")[0]) for one in reserved)


def test_a_restart_of_the_server_forgets_nothing(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        with server.client() as client:
            one = budget(client, run_tokens=100)
            one.reserve(70).settle(70)
            server.kill()
            server.start()
            assert refused(one, 31)
            assert not refused(one, 30)


# --- the breaker ---


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def breaker(redis: Redis, clock: Clock | None = None, key: str = "k1") -> RedisBreaker:
    return RedisBreaker(redis, lambda model: f"{model}:{key}", clock)


def open_to(one: RedisBreaker, model: str = "some:model") -> bool:
    try:
        one.admit(model)
    except (NoModel, Unavailable):
        return False
    return True


def test_what_one_worker_learnt_all_know(redis: Redis, server: RedisServer) -> None:
    one = breaker(redis)
    for _ in range(FAULTS):
        one.admit("some:model")
        one.ended("some:model", BUSY)
    with server.client() as other:
        with pytest.raises(Unavailable, match=r"busy \(not asked again for now\)") as caught:
            breaker(other).admit("some:model")
        assert 50 < (caught.value.retry_after or 0) <= PAUSE
        assert open_to(breaker(other), "other:model")


def test_an_answer_closes_it_for_all(redis: Redis) -> None:
    clock = Clock()
    one, other = breaker(redis, clock), breaker(redis, clock)
    one.ended("some:model", NoModel("no quota"))
    with pytest.raises(NoModel, match="no quota"):
        other.admit("some:model")
    clock.now += LASTING
    assert (open_to(one), open_to(other)) == (True, False)
    one.ended("some:model")
    assert (open_to(other), open_to(other)) == (True, True)


def test_another_key_is_tried_at_once(redis: Redis) -> None:
    breaker(redis).ended("some:model", NoModel("the key is refused"))
    assert not open_to(breaker(redis))
    assert open_to(breaker(redis, key="k2"))


def test_workers_at_once_send_one_probe_and_count_every_fault(server: RedisServer, redis: Redis) -> None:
    clock = Clock()
    workers = 16
    start = threading.Barrier(workers, timeout=30)

    def each(action: Callable[[RedisBreaker], bool]) -> list[bool]:
        def work(_: int) -> bool:
            with server.client() as own:
                one = breaker(own, clock)
                start.wait()
                return action(one)

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(work, range(workers)))

    def fail(one: RedisBreaker) -> bool:
        one.ended("some:model", BUSY)
        return True

    each(fail)
    assert not open_to(breaker(redis, clock))
    clock.now += PAUSE
    assert each(open_to).count(True) == 1


def test_a_model_that_works_leaves_nothing_behind(redis: Redis) -> None:
    one = breaker(redis)
    one.admit("some:model")
    one.ended("some:model")
    assert redis.dbsize() == 0


def test_what_is_kept_of_a_model_runs_out(redis: Redis) -> None:
    breaker(redis).ended("some:model", BUSY)
    (key,) = redis.scan_iter("trivet:*")
    assert 0 < redis.ttl(key) <= keys.CIRCUIT_TTL
