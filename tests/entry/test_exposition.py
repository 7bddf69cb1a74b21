"""The common metrics: counted by many processes in Redis, read as Prometheus reads them."""

import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from bot import __version__
from bot.domain.actions import Decision, Outcome, Proposal, React, Report
from bot.entry import keys, listen, meters, tally
from bot.entry.connection import connect
from bot.entry.ending import Ending
from bot.entry.exposition import common_page
from bot.entry.keys import text
from bot.entry.meters import COUNTED, INFINITE, METRICS, SUM, count, observe
from bot.entry.metrics_server import serve_metrics
from bot.entry.store import Store
from bot.llm.chain import Call
from bot.llm.messages import Usage
from tests.pushed_runs import started
from tests.redis_server import RedisServer

DAY_TOKENS = 1_000
ROUNDS = 200
COUNTING = """
import sys
from bot.entry.meters import count, observe
from bot.entry.connection import connect
from bot.entry.store import Store
store = Store(connect(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    store.add([count("trivet_errors", "propose", "Unavailable")])
    store.add(observe("trivet_run_seconds", "review", "apply", seconds=0.3))
"""

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def samples(page: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def seen(store: Store) -> Samples:
    return samples(common_page(store.redis, DAY_TOKENS))


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def test_an_empty_installation_shows_its_version_and_empty_queues(store: Store) -> None:
    found = seen(store)
    assert value(found, "trivet_build_info", version=__version__) == 1
    assert value(found, "trivet_queue_depth", queue="agents") == 0
    assert value(found, "trivet_unfinished_runs") == value(found, "trivet_put_back_jobs") == 0
    assert value(found, "trivet_budget_day_left_tokens") == DAY_TOKENS


def test_what_several_processes_count_at_once_is_exact(store: Store, redis_server: RedisServer) -> None:
    words = [sys.executable, "-c", COUNTING, redis_server.url, str(ROUNDS)]
    processes = [subprocess.Popen(words) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    found = seen(store)
    assert value(found, "trivet_errors_total", kind="propose", error="Unavailable") == 3 * ROUNDS
    assert value(found, "trivet_run_seconds_count", agent="review", stage="apply") == 3 * ROUNDS
    spent = value(found, "trivet_run_seconds_sum", agent="review", stage="apply")
    assert spent == pytest.approx(0.3 * 3 * ROUNDS)


@given(st.lists(st.floats(min_value=0, max_value=10_000), min_size=1, max_size=30))
def test_an_observation_falls_into_the_first_bucket_that_holds_it(seconds: list[float]) -> None:
    bounds = COUNTED["trivet_model_seconds"].buckets
    for one in seconds:
        bucket, total = observe("trivet_model_seconds", "m", seconds=one)
        name = bucket.cell.rsplit('"', 2)[1]
        assert bucket.by == 1
        assert total == meters.count("trivet_model_seconds", "m", SUM, by=one)
        bound = float("inf") if name == INFINITE else float(name)
        assert one <= bound
        assert all(one > smaller for smaller in bounds if smaller < bound)


def test_buckets_are_told_added_up(store: Store) -> None:
    for seconds in (0.2, 0.3, 0.3, 900.0):
        store.add(observe("trivet_model_seconds", "openai:m", seconds=seconds))
    found = seen(store)
    told = [
        value(found, "trivet_model_seconds_bucket", model="openai:m", le=bound)
        for bound in ("0.25", "0.5", "300.0", "+Inf")
    ]
    assert told == [1, 3, 3, 4]


def test_queues_tell_how_long_their_oldest_job_has_waited(store: Store) -> None:
    started(store, "aa")
    job = text(store.redis.lindex("rq:queue:agents", 0))
    store.redis.hset(f"rq:job:{job}", "enqueued_at", "2026-01-31T10:00:00.000000Z")
    found = seen(store)
    assert value(found, "trivet_queue_depth", queue="agents") == 1
    age = value(found, "trivet_queue_age_seconds", queue="agents")
    assert age == pytest.approx(time.time() - 1769853600, abs=60)
    assert value(found, "trivet_queue_age_seconds", queue="effects") == 0
    unfinished = value(found, "trivet_unfinished_age_seconds")
    assert unfinished is not None
    assert 0 <= unfinished < 60


def test_a_run_is_counted_once_when_it_ends_with_its_actions_and_findings(store: Store) -> None:
    run = started(store, "aa")
    report = Report(
        run=run.id,
        agent="review",
        target="t",
        head="aa",
        outcomes=(Outcome(key="look", result="done"),),
        decisions=(Decision(key="f1", allowed=False, reason="milder than asked"),),
    )
    react = React(key="look", emoji="eyes")
    proposal = Proposal(
        run=run.id,
        agent="review",
        project="p",
        project_id=1,
        iid=7,
        head="aa",
        actions=(react,),
        report=report,
    )
    store.runs.finish(run, Ending("done", "", report, counts=tally.applied(proposal, report)))
    found = seen(store)
    assert value(found, "trivet_runs_total", agent="review", trigger=run.request.trigger, state="done") == 1
    assert value(found, "trivet_actions_total", kind="react", outcome="done") == 1
    assert value(found, "trivet_findings_total", severity="unknown", state="held_back") == 1
    assert value(found, "trivet_run_seconds_count", agent="review", stage="whole") == 1


def test_a_request_to_a_model_counts_its_tokens_price_and_time(store: Store) -> None:
    usage = Usage(calls=1, input=100, output=20, cached=40, cost_usd=0.25)
    store.add(tally.asked(Call("openai:m", "answered", usage, 1.5)))
    store.add(tally.asked(Call("openai:m", "Unavailable", Usage(), 0.1)))
    found = seen(store)
    calls = [
        value(found, "trivet_model_calls_total", model="openai:m", result=one)
        for one in ("answered", "Unavailable")
    ]
    tokens = [
        value(found, "trivet_model_tokens_total", model="openai:m", kind=one)
        for one in ("input", "cached", "output")
    ]
    assert (calls, tokens) == ([1, 1], [100, 40, 20])
    assert value(found, "trivet_model_cost_dollars_total", model="openai:m") == 0.25


def test_the_budget_that_is_left_counts_what_is_spent_and_what_is_reserved(store: Store) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime())
    store.redis.set(keys.spent(f"day:{day}"), 300)
    store.redis.zadd(keys.reserved(f"day:{day}"), {"200:a": (time.time() + 60) * 1000, "400:b": 1})
    assert value(seen(store), "trivet_budget_day_left_tokens") == 500


def test_each_hook_is_in_one_state(store: Store) -> None:
    store.signs.remember_hooks("gitlab", {"group/shop": "fine", "group/old": "missing"})
    store.signs.remember_hooks("jira", {"trivet": "failing"})
    store.signs.remember_hooks("gitlab", {"group/shop": "disabled"})
    states = {
        (labels["platform"], labels["hook"], labels["state"])
        for (name, pairs), is_on in seen(store).items()
        if name == "trivet_hook_state" and is_on
        for labels in [dict(pairs)]
    }
    assert states == {("gitlab", "group/shop", "disabled"), ("jira", "trivet", "failing")}
    assert store.signs.hooks() == {"gitlab": {"group/shop": "disabled"}, "jira": {"trivet": "failing"}}


def test_deliveries_and_sweeps_tell_when_they_came_last(store: Store) -> None:
    store.redis.hset(keys.HEARD, "gitlab", "1769853600.5")
    store.signs.swept()
    found = seen(store)
    assert value(found, "trivet_last_delivery_timestamp_seconds", source="gitlab") == 1769853600.5
    assert value(found, "trivet_last_sweep_timestamp_seconds") == pytest.approx(time.time(), abs=60)
    assert store.signs.heard("gitlab") == 1769853600.5
    assert store.signs.heard("jira") is None


def test_cells_of_another_version_are_passed_over(store: Store) -> None:
    odd = [
        meters.Count('["trivet_runs","review"]'),
        meters.Count('["trivet_gone","x"]'),
        meters.Count("odd"),
        meters.Count("[1]"),
        count("trivet_sweep_found"),
    ]
    store.add(odd)
    found = seen(store)
    assert value(found, "trivet_sweep_found_total") == 1
    assert not [name for name, _ in found if name.startswith(("trivet_runs", "trivet_gone"))]


def test_every_metric_that_is_shown_is_in_the_table(store: Store) -> None:
    started(store, "aa")
    store.signs.remember_hooks("gitlab", {"group/shop": "fine"})
    store.add([*observe("trivet_model_seconds", "m", seconds=1), count("trivet_sweep_found")])
    families = text_string_to_metric_families(common_page(store.redis, DAY_TOKENS).decode())
    assert {family.name for family in families} <= set(METRICS)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_process_without_a_server_of_its_own_shows_them_too(store: Store, host: str) -> None:
    lively = [True]
    door = listen.listen(host, 0)
    with serve_metrics(door, lambda: common_page(store.redis, DAY_TOKENS), lambda: lively[0]) as server:
        address = listen.address(door)
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            assert b"trivet_queue_depth" in answer.read()
        with urllib.request.urlopen(f"{address}/healthz") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/else")
        lively[0] = False
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{address}/healthz")
        server.shutdown()
