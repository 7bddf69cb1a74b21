"""Calls that come together go to Redis together, and each gets its own answer."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import RedisError

from bot.entry.group_commit import GroupCommit
from tests.redis_server import RedisServer

ECHO = "if ARGV[1] == 'bad' then return redis.error_reply('no such thing') end return {KEYS[1], ARGV[1]}"
SECONDS = 0.5


def with_commit(server: RedisServer, work: Callable[[GroupCommit], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        client = redis.asyncio.Redis.from_url(server.url, socket_timeout=None)
        commit = GroupCommit(client, ECHO, SECONDS)
        try:
            return await work(commit)
        finally:
            await commit.close()
            await client.aclose()

    return asyncio.run(opened())


async def echo(commit: GroupCommit, word: str) -> Any:
    return await commit([f"key-{word}"], [word])


def test_a_hundred_calls_at_once_get_their_own_answers_in_few_round_trips(redis_server: RedisServer) -> None:
    async def storm(commit: GroupCommit) -> list[Any]:
        await echo(commit, "first")
        return await asyncio.gather(*(echo(commit, str(number)) for number in range(100)))

    before = redis_server.client().info("stats")["total_reads_processed"]
    answers = with_commit(redis_server, storm)
    reads = redis_server.client().info("stats")["total_reads_processed"] - before
    assert answers == [[f"key-{number}".encode(), str(number).encode()] for number in range(100)]
    assert reads < 50


def test_an_error_is_only_its_own_calls(redis_server: RedisServer) -> None:
    async def mixed(commit: GroupCommit) -> list[Any]:
        calls = (echo(commit, word) for word in ("good", "bad", "fine"))
        return await asyncio.gather(*calls, return_exceptions=True)

    good, bad, fine = with_commit(redis_server, mixed)
    assert (good[1], fine[1]) == (b"good", b"fine")
    assert isinstance(bad, RedisError)
    assert "no such thing" in str(bad)


def test_a_redis_that_was_started_anew_is_reached_again(redis_server: RedisServer) -> None:
    async def across_a_restart(commit: GroupCommit) -> Any:
        await echo(commit, "before")
        redis_server.kill()
        redis_server.start()
        return await echo(commit, "after")

    assert with_commit(redis_server, across_a_restart)[1] == b"after"


def test_a_silent_redis_is_a_time_out_for_all_who_wait_and_works_once_it_speaks(
    redis_server: RedisServer,
) -> None:
    assert redis_server.process is not None
    process = redis_server.process

    async def through_silence(commit: GroupCommit) -> tuple[list[Any], Any]:
        await echo(commit, "before")
        process.send_signal(signal.SIGSTOP)
        calls = (echo(commit, str(number)) for number in range(5))
        lost = await asyncio.gather(*calls, return_exceptions=True)
        process.send_signal(signal.SIGCONT)
        return lost, await echo(commit, "after")

    lost, after = with_commit(redis_server, through_silence)
    assert [type(one) for one in lost] == [TimeoutError] * 5
    assert after[1] == b"after", "an answer that came too late is nobody else's"


def test_who_comes_while_redis_is_silent_is_told_with_the_others(redis_server: RedisServer) -> None:
    assert redis_server.process is not None
    process = redis_server.process

    async def in_silence(commit: GroupCommit) -> list[Any]:
        await echo(commit, "before")
        process.send_signal(signal.SIGSTOP)
        first = asyncio.create_task(echo(commit, "first"))
        await asyncio.sleep(0.1)
        later = (echo(commit, str(number)) for number in range(100))
        lost = await asyncio.gather(first, *later, return_exceptions=True)
        process.send_signal(signal.SIGCONT)
        return [*lost, await echo(commit, "after")]

    *lost, after = with_commit(redis_server, in_silence)
    assert isinstance(lost[0], TimeoutError)
    assert all(error is lost[0] for error in lost), "one time-out for all, not one after the other"
    assert after[1] == b"after"


def test_who_gives_up_waiting_takes_nobody_along(redis_server: RedisServer) -> None:
    async def one_gives_up(commit: GroupCommit) -> Any:
        impatient = asyncio.create_task(echo(commit, "impatient"))
        patient = asyncio.create_task(echo(commit, "patient"))
        await asyncio.sleep(0)
        impatient.cancel()
        answer = await patient
        with pytest.raises(asyncio.CancelledError):
            await impatient
        return answer

    assert with_commit(redis_server, one_gives_up)[1] == b"patient"
