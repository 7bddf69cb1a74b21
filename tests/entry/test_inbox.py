"""Deliveries become durable: once, together with their run and job, or not at all."""

import asyncio
import json
import zlib

import pytest

from bot.domain.events import MergeRequestChanged, Person, Project
from bot.entry.connection import connect
from bot.entry.ending import Ending
from bot.entry.inbox import RedisInbox, forgetful
from bot.entry.queue import run_id
from bot.entry.recording import Receipt, StoreDown
from bot.entry.store import Store
from tests.job_requests import push_request
from tests.redis_server import RedisServer

SHOP = Project(id=1, path="acme/shop")


def pushed(head: str, at: str = "2026-11-22T10:00:00.000Z") -> MergeRequestChanged:
    return MergeRequestChanged(
        project=SHOP,
        iid=7,
        action="updated",
        head=head,
        actor=Person(id=5, username="ada"),
        pushed=True,
        at=at,
    )


def accept(server: RedisServer, *deliveries: tuple[str, str]) -> list[Receipt]:
    """Accept deliveries (key, head) one after the other."""

    async def each() -> list[Receipt]:
        inbox = RedisInbox(server.url)
        try:
            return [await inbox.accept(key, pushed(head), [push_request(head)]) for key, head in deliveries]
        finally:
            await inbox.close()

    return asyncio.run(each())


def queued(server: RedisServer) -> list[str]:
    """The runs in the agents queue, in order, as RQ's jobs name them."""
    client = server.client()
    jobs = [client.hget(f"rq:job:{job.decode()}", "data") for job in client.lrange("rq:queue:agents", 0, -1)]
    return [json.loads(zlib.decompress(data))[2][0] for data in jobs if data]


def test_fifty_equal_deliveries_at_once_are_one_run(redis_server: RedisServer) -> None:
    async def storm() -> list[Receipt]:
        inbox = RedisInbox(redis_server.url)
        try:
            return await asyncio.gather(
                *(inbox.accept("d", pushed("aa"), [push_request("aa")]) for _ in range(50))
            )
        finally:
            await inbox.close()

    receipts = asyncio.run(storm())
    assert sorted(receipt.status for receipt in receipts) == ["accepted"] + ["duplicate"] * 49
    assert {receipt.runs for receipt in receipts} == {(run_id("review:1:7:aa"),)}
    assert queued(redis_server) == [run_id("review:1:7:aa")]


def test_two_deliveries_of_one_push_share_a_run(redis_server: RedisServer) -> None:
    first, second = accept(redis_server, ("d1", "aa"), ("d2", "aa"))
    assert (first.status, second.status) == ("accepted", "accepted")
    assert first.runs == second.runs
    assert len(queued(redis_server)) == 1


def test_each_new_head_is_a_run_of_its_own(redis_server: RedisServer) -> None:
    accept(redis_server, ("d1", "aa"), ("d2", "bb"))
    assert queued(redis_server) == [run_id("review:1:7:aa"), run_id("review:1:7:bb")]


def test_a_force_push_back_to_a_reviewed_head_runs_again(redis_server: RedisServer) -> None:
    accept(redis_server, ("d1", "aa"))
    store = Store(connect(redis_server.url))
    run = store.runs.get(run_id("review:1:7:aa"))
    assert run is not None
    store.runs.finish(run, Ending("done", ""))
    accept(redis_server, ("d2", "aa"))
    assert len(queued(redis_server)) == 1, "the head is the same: what was done holds"
    accept(redis_server, ("d3", "bb"), ("d4", "aa"))
    assert queued(redis_server).count(run_id("review:1:7:aa")) == 2


def test_a_late_delivery_of_an_older_push_does_not_become_the_newest(redis_server: RedisServer) -> None:
    async def out_of_order() -> None:
        inbox = RedisInbox(redis_server.url)
        await inbox.accept("d2", pushed("bb", "2026-11-22T10:00:05.000Z"), [push_request("bb")])
        await inbox.accept("d1", pushed("aa", "2026-11-22T10:00:00.000Z"), [push_request("aa")])
        await inbox.close()

    asyncio.run(out_of_order())
    assert Store(connect(redis_server.url)).handled.newest("gitlab:1:7").head == "bb"


def test_what_was_accepted_survives_kill_9_of_redis(redis_server: RedisServer) -> None:
    accept(redis_server, ("d1", "aa"))
    redis_server.kill()
    redis_server.start()
    assert queued(redis_server) == [run_id("review:1:7:aa")]
    assert accept(redis_server, ("d1", "aa"))[0].status == "duplicate"


def test_nothing_is_accepted_while_redis_is_down(redis_server: RedisServer) -> None:
    redis_server.kill()
    with pytest.raises(StoreDown):
        accept(redis_server, ("d1", "aa"))


def test_a_delivery_is_remembered_for_seven_days_and_its_event_until_the_run_has_ended(
    redis_server: RedisServer,
) -> None:
    accept(redis_server, ("d1", "aa"))
    client = redis_server.client()
    assert 7 * 86_400 - 10 <= client.ttl("trivet:delivery:d1") <= 7 * 86_400
    assert client.ttl("trivet:event:d1") == -1
    store = Store(connect(redis_server.url))
    run = store.runs.get(run_id("review:1:7:aa"))
    assert run is not None
    store.runs.finish(run, Ending("done", ""))
    assert 86_400 - 10 <= client.ttl("trivet:event:d1") <= 86_400


@pytest.mark.parametrize(
    ("info", "word"),
    [
        ({"aof_enabled": 0, "maxmemory_policy": "noeviction", "role": "master"}, "appendonly"),
        ({"aof_enabled": 1, "maxmemory_policy": "allkeys-lru", "role": "master"}, "noeviction"),
        ({"aof_enabled": 1, "maxmemory_policy": "noeviction", "role": "slave"}, "primary"),
    ],
)
def test_a_forgetful_redis_is_told_what_to_set(info: dict[str, object], word: str) -> None:
    assert word in (forgetful(info) or "")


def test_a_redis_that_keeps_data_is_fine(redis_server: RedisServer) -> None:
    assert forgetful(redis_server.client().info()) is None
