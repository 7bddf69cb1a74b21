"""What doctor says of Redis: a real server, with each fault in turn."""

import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bot.entry.doctor import redis as redis_look
from bot.entry.doctor.check import Check
from bot.entry.doctor.redis import redis_checks
from bot.settings import Settings
from tests.redis_server import RedisServer
from tests.rig import free_port


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def looked_at(server: RedisServer, **more: Any) -> dict[str, Check]:
    return by_name(redis_checks(Settings(redis_url=server.url, **more)))


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_redis_that_keeps_what_it_acknowledged_is_fine(redis_server: RedisServer) -> None:
    found = looked_at(redis_server)
    assert {check.state for check in found.values()} == {"fine"}
    assert "AOF on, noeviction" in found["durability"].said
    assert "Valkey" in found["answers"].said


@pytest.mark.parametrize(
    ("setting", "value", "cure"),
    [
        ("appendonly", "no", "set `appendonly yes`"),
        ("maxmemory-policy", "allkeys-lru", "set `maxmemory-policy noeviction`"),
        ("replicaof", "127.0.0.1 1", "set TRIVET_REDIS_URL to the primary"),
    ],
)
def test_a_redis_that_may_lose_work_is_wrong_unless_that_is_accepted(
    redis_server: RedisServer, setting: str, value: str, cure: str
) -> None:
    if setting == "replicaof":
        redis_server.client().replicaof(*value.split())
    else:
        redis_server.client().config_set(setting, value)
    found = looked_at(redis_server)["durability"]
    assert (found.state, found.cure, found.is_setting) == ("wrong", cure, True)
    assert looked_at(redis_server, redis_volatile_ok=True)["durability"].state == "note"


def test_every_reason_why_it_may_lose_work_is_told(redis_server: RedisServer) -> None:
    redis_server.client().config_set("appendonly", "no")
    redis_server.client().config_set("maxmemory-policy", "volatile-ttl")
    told = [one for one in redis_checks(Settings(redis_url=redis_server.url)) if one.name == "durability"]
    assert len(told) == 2


def test_a_wrong_password_is_told_without_it(redis_server: RedisServer) -> None:
    redis_server.client().config_set("requirepass", "the-right-" + "password")
    password = "Xc7Wn1" + "Kd9PzQ"
    url = redis_server.url.replace("unix://", f"unix://:{password}@")
    [found] = redis_checks(Settings(redis_url=url))
    assert (found.name, found.state, found.is_setting) == ("answers", "wrong", True)
    assert "refuses us" in found.said
    assert password not in found.said + found.cure


def test_a_user_who_may_not_look_is_told(redis_server: RedisServer) -> None:
    redis_server.client().acl_setuser("default", commands=["-info"])
    found = looked_at(redis_server)["answers"]
    assert (found.state, found.is_setting) == ("wrong", True)


def test_a_redis_that_accepts_and_says_nothing_is_given_up_soon(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_look, "ANSWER_SECONDS", 0.2)
    began = time.monotonic()
    [found] = redis_checks(Settings(redis_url=f"redis://127.0.0.1:{silent}"))
    assert (found.name, found.state) == ("answers", "wrong")
    assert time.monotonic() - began < 5


def test_a_redis_that_is_not_started_is_told() -> None:
    [found] = redis_checks(Settings(redis_url=f"redis://127.0.0.1:{free_port()}"))
    assert (found.name, found.state) == ("answers", "wrong")
    assert "start it" in found.cure


@pytest.mark.parametrize("place", ["host:port", "host:6379/0?no_such_option=1", "host?socket_timeout=soon"])
def test_an_address_that_is_none_is_a_wrong_setting(place: str) -> None:
    [found] = redis_checks(Settings(redis_url=f"redis://{place}"))
    assert (found.name, found.state, found.is_setting) == ("address", "wrong", True)
    assert found.cure


def test_a_password_that_spoils_the_address_is_not_told() -> None:
    """What stands before a slash is a port to who reads the address, and an error would name it."""
    [found] = redis_checks(Settings(redis_url="redis://trivet:Xc7Wn1/" + "Kd9PzQ@host:6379/0"))
    assert found.is_setting
    assert "Xc7Wn1" not in found.said + found.cure


def test_where_none_is_named_that_of_a_running_up_is_looked_at(tmp_path: Path) -> None:
    [found] = redis_checks(Settings(data_dir=tmp_path))
    assert found.state == "note"
    assert "trivet up" in found.cure
    with RedisServer(tmp_path):
        assert by_name(redis_checks(Settings(data_dir=tmp_path)))["durability"].state == "fine"


@pytest.mark.parametrize(("limit", "state"), [(2.0, "fine"), (1.15, "note"), (1.01, "wrong")])
def test_memory_that_runs_out_is_told(redis_server: RedisServer, limit: float, state: str) -> None:
    client = redis_server.client()
    client.setrange("much", 20_000_000, "x")  # no buffer of a large request, which goes some time later
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] * limit))
    assert looked_at(redis_server)["memory"].state == state


@pytest.mark.parametrize(("apart", "state"), [(0.5, "fine"), (-10.0, "note"), (100.0, "wrong")])
def test_clocks_that_differ_are_told(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, apart: float, state: str
) -> None:
    monkeypatch.setattr(Redis, "time", lambda _: (int(time.time() + apart), 500_000))
    found = looked_at(redis_server)["clock"]
    assert found.state == state


@pytest.mark.parametrize(
    ("answers", "name", "state"),
    [
        ({"redis_version": "6.0.16"}, "answers", "wrong"),
        ({"redis_version": "6.2.0"}, "answers", "fine"),
        ({"redis_version": "10.0.1"}, "answers", "fine"),
        ({"aof_last_write_status": "err"}, "append-only file", "wrong"),
        ({"aof_last_bgrewrite_status": "err"}, "append-only file", "note"),
    ],
)
def test_what_it_says_of_itself_is_judged(
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, str],
    name: str,
    state: str,
) -> None:
    true_info = redis_server.client().info()
    monkeypatch.setattr(Redis, "info", lambda _: {**true_info, **answers})
    assert looked_at(redis_server)[name].state == state


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://redis.example.com:6379", True),
        ("redis://:secret@redis.example.com:6379", False),
        ("redis://localhost:6379", False),
        ("unix:///run/redis.sock", False),
    ],
)
def test_a_redis_elsewhere_wants_a_password(url: str, told: bool) -> None:
    assert bool(list(redis_look._door(url))) == told
