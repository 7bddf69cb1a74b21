"""What doctor says of the processes, as Redis shows them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from redis import Redis
from rq.job import Job

from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.doctor.check import Check
from bot.entry.doctor.processes import duration, process_checks
from bot.entry.keys import text, today
from bot.entry.queue import AGENTS, queue_key
from bot.entry.schedule import Retries
from bot.entry.store import Store
from bot.entry.worker import make_worker
from bot.settings import Settings
from tests.job_requests import push_request
from tests.redis_server import RedisServer
from tests.rig import free_port

HEAD = "a" * 40
TOKEN = "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P"
SETTINGS: dict[str, Any] = {
    "gitlab": {
        "url": "https://gitlab.example.com",
        "token": TOKEN,
        "webhook_secrets": ["a-secret-" + "of-a-hook"],
        "projects": ["acme/**"],
    },
    "mark_secrets": ["k3Jq" * 8],
}


@pytest.fixture
def redis(redis_server: RedisServer) -> Redis:
    return connect(redis_server.url)


@pytest.fixture
def store(redis: Redis) -> Store:
    return Store(redis)


def looked_at(server: RedisServer, **more: Any) -> dict[str, Check]:
    """By name; of two with one name the last, which is the worse."""
    checks = process_checks(Settings(redis_url=server.url, **{**SETTINGS, **more}))
    return {check.name: check for check in checks}


def works(queue: str, redis: Redis, host: str = "") -> None:
    worker = make_worker(queue, redis, {})
    worker.hostname = host or worker.hostname
    worker.register_birth()  # type: ignore[no-untyped-call]


def test_where_everything_runs_all_is_fine(redis_server: RedisServer, redis: Redis, store: Store) -> None:
    works("agents", redis)
    works("effects", redis)
    Retries(redis).step()
    store.signs.swept()
    redis.hset(keys.HEARD, "gitlab", time.time() - 30)
    found = looked_at(redis_server)
    assert {one.state for one in found.values()} == {"fine"}
    assert "30 s ago" in found["from GitLab"].said


def test_a_queue_without_a_worker_is_wrong_when_a_job_waits(
    redis_server: RedisServer, redis: Redis, store: Store
) -> None:
    works("effects", redis)
    store.runs.start(push_request(HEAD), "test")
    found = looked_at(redis_server)
    assert found["work effects"].state == "fine"
    assert (found["work agents"].state, found["work agents"].is_setting) == ("wrong", False)
    assert "trivet work agents" in found["work agents"].cure


def test_without_jobs_there_need_be_no_worker(redis_server: RedisServer) -> None:
    """Workers may be started as jobs come."""
    found = looked_at(redis_server)["work agents"]
    assert found.state == "note"
    assert "none waits" in found.said


def test_a_worker_that_was_killed_is_none(redis_server: RedisServer, redis: Redis, store: Store) -> None:
    store.runs.start(push_request(HEAD), "test")
    works("agents", redis)
    redis.delete(*redis.keys("rq:worker:*"))
    assert looked_at(redis_server)["work agents"].state == "wrong"


@pytest.mark.parametrize(
    ("hosts", "database", "state"),
    [
        (["one", "two"], None, "wrong"),
        (["one", "one"], None, "fine"),
        (["one", "two"], "mysql://is-told-elsewhere/db", "fine"),
    ],
)
def test_agents_of_two_machines_do_not_share_a_file(
    redis_server: RedisServer, redis: Redis, hosts: list[str], database: str | None, state: str
) -> None:
    for host in hosts:
        works("agents", redis, host)
    found = looked_at(redis_server, database_url=database)["work agents"]
    assert found.state == state
    assert found.is_setting == (state == "wrong")


def test_who_only_writes_does_not_know_what_agents_share(redis_server: RedisServer, redis: Redis) -> None:
    works("agents", redis, "one")
    works("agents", redis, "two")
    alone = {"url": "https://gitlab.example.com", "token": TOKEN}
    assert looked_at(redis_server, gitlab=alone)["work agents"].state == "fine"


def test_jobs_that_wait_long_are_told_with_their_age(
    redis_server: RedisServer, redis: Redis, store: Store
) -> None:
    store.runs.start(push_request(HEAD), "test")
    assert looked_at(redis_server)["queue agents"].state == "fine"
    [job] = redis.lrange(queue_key(AGENTS), 0, -1)
    early = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - 900))
    redis.hset(Job.key_for(text(job)), "enqueued_at", early)
    found = looked_at(redis_server)["queue agents"]
    assert found.state == "note"
    assert "1 waiting" in found.said
    assert "15 min" in found.said


def test_jobs_that_broke_are_counted(redis_server: RedisServer, redis: Redis) -> None:
    redis.zadd("rq:failed:effects", {"apply-1": time.time(), "apply-2": time.time()})
    found = looked_at(redis_server)["queue effects"]
    assert found.state == "note"
    assert "2 jobs broke" in found.said


def test_a_run_that_nobody_is_at_is_wrong_and_one_that_waits_is_not(
    redis_server: RedisServer, redis: Redis, store: Store
) -> None:
    name = store.runs.start(push_request(HEAD), "test")
    assert looked_at(redis_server)["runs"].state == "fine"
    redis.hset(keys.run(name), "created", time.time() - 7_200)
    redis.zadd(keys.UNFINISHED, {name: time.time() - 7_200})
    redis.hset(keys.run(name), "message", "GitLab does not answer")
    waits = looked_at(redis_server)["runs"]
    assert waits.state == "note"
    assert "GitLab does not answer" in waits.said
    redis.delete(queue_key(AGENTS))
    lost = looked_at(redis_server)["runs"]
    assert lost.state == "wrong"
    assert "2 h" in lost.said


def test_without_schedule_nothing_that_was_put_back_goes_on(redis_server: RedisServer, redis: Redis) -> None:
    assert looked_at(redis_server)["schedule"].state == "wrong"
    Retries(redis).step()
    assert looked_at(redis_server)["schedule"].state == "fine"


@pytest.mark.parametrize(("ago", "state"), [(None, "note"), (60.0, "fine"), (5_000.0, "note")])
def test_how_long_ago_the_last_sweep_was(
    redis_server: RedisServer, redis: Redis, ago: float | None, state: str
) -> None:
    if ago is not None:
        redis.hset(keys.HEARD, keys.SWEEP, time.time() - ago)
    assert looked_at(redis_server)["sweep"].state == state


def test_a_platform_that_nothing_came_from_is_told(redis_server: RedisServer) -> None:
    found = looked_at(redis_server, jira={"url": "https://jira.example.com"})
    assert (found["from GitLab"].state, found["from Jira"].state) == ("note", "note")
    assert "trivet connect jira" in found["from Jira"].cure
    assert "from Confluence" not in found


@pytest.mark.parametrize(("spent", "state"), [(10, "fine"), (950, "note")])
def test_what_models_may_still_take_today(
    redis_server: RedisServer, redis: Redis, spent: int, state: str
) -> None:
    redis.set(keys.spent(f"day:{today(time.time())}"), spent)
    assert looked_at(redis_server, budget={"day_tokens": 1000})["budget"].state == state


def test_an_address_of_redis_that_is_none_is_told_elsewhere() -> None:
    assert list(process_checks(Settings(redis_url="redis://host:port/0", **SETTINGS))) == []


def test_without_a_redis_there_is_nothing_to_see() -> None:
    settings = Settings(redis_url=f"redis://127.0.0.1:{free_port()}", **SETTINGS)
    [found] = process_checks(settings)
    assert found.state == "note"


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The address of a server that answers every GET so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("status", "state"), [(405, "fine"), (404, "note"), (502, "note"), (302, "note")])
def test_whether_the_receiver_answers_at_our_address(
    redis_server: RedisServer, status: int, state: str
) -> None:
    with answering(status) as url:
        assert looked_at(redis_server, public_url=url)["serve"].state == state


def test_an_address_of_ours_that_nothing_answers_at_is_told(redis_server: RedisServer) -> None:
    found = looked_at(redis_server, public_url=f"http://127.0.0.1:{free_port()}")["serve"]
    assert found.state == "note"
    assert "cannot be reached" in found.said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (42, "42 s"), (150, "2 min"), (7_300, "2 h"), (200_000, "2 days"), (864_000, "10 days")],
)
def test_durations_in_their_largest_unit(seconds: float, said: str) -> None:
    assert duration(seconds) == said
