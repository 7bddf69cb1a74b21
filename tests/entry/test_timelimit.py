"""A job's time is up when it is up, whatever the job is doing."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import pytest
from rq.timeouts import HorseMonitorTimeoutException, JobTimeoutException

from bot.entry import timelimit
from bot.entry.timelimit import OVER_TIME, HardTimeLimit, JobTimeLimit


async def waits_for_an_answer() -> None:
    await asyncio.sleep(60)


async def swallows_errors() -> None:
    while True:
        with suppress(Exception):
            await asyncio.sleep(0.01)


async def is_busy() -> None:
    while True:
        await asyncio.gather(*(asyncio.sleep(random.random() / 1000) for _ in range(20)))


async def computes() -> None:
    while True:
        sum(range(1000))


async def refuses_to_stop() -> None:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


@pytest.mark.parametrize("work", [waits_for_an_answer, swallows_errors, is_busy])
def test_a_graph_over_its_time_is_stopped_and_cleans_up(work: Callable[[], Awaitable[None]]) -> None:
    ended: list[str] = []

    async def graph() -> None:
        try:
            await asyncio.gather(*(work() for _ in range(4)))
        finally:
            ended.append("cleaned up")

    with pytest.raises(OVER_TIME), HardTimeLimit(1, JobTimeoutException):
        asyncio.run(graph())
    assert ended == ["cleaned up"]


@pytest.mark.parametrize("work", [computes, refuses_to_stop])
def test_a_graph_that_does_not_heed_it_is_stopped_all_the_same(
    work: Callable[[], Coroutine[None, None, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelimit, "STOP_SECONDS", 1)
    with pytest.raises(OVER_TIME), HardTimeLimit(1, JobTimeoutException):
        asyncio.run(work())


def test_work_without_a_loop_is_stopped_at_once_also_where_errors_are_swallowed() -> None:
    def swallows() -> None:
        while True:
            with suppress(Exception):
                time.sleep(60)

    with pytest.raises(JobTimeLimit), HardTimeLimit(1, JobTimeoutException):
        swallows()


def test_what_else_rq_times_keeps_its_own_exception() -> None:
    with pytest.raises(HorseMonitorTimeoutException):
        with HardTimeLimit(1, HorseMonitorTimeoutException):
            time.sleep(60)


def test_work_that_ends_in_time_hears_nothing() -> None:
    with HardTimeLimit(1, JobTimeoutException):
        asyncio.run(asyncio.sleep(0.1))
    time.sleep(1.2)
