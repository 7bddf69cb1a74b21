"""Group commit: calls of a Redis script that come while Redis is at work on others go there together.

A round trip is the dearest part of a delivery: a write that wakes another process, a read, and the client's own
accounting. With four deliveries at a time two of three round trips are saved. All go over one connection of their own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as TookTooLong

Value = str | bytes | float | int

LARGEST_GROUP: Final = 64
SILENCE: Final = (OSError, Disconnected, TookTooLong)


@dataclass(frozen=True, slots=True)
class Call:
    """One call under way; `answer` becomes Redis's answer, or the error."""

    names: Sequence[str]
    values: Sequence[Value]
    answer: asyncio.Future[Any]


class GroupCommit:
    """Calls one script. `seconds`: how long Redis may take for a group. When it is silent, all who wait are told at
    once: group after group they would wait as long again, and longer the more of them there are.
    """

    def __init__(self, client: Redis, script: str, seconds: float) -> None:
        self._client = client
        self._script = client.register_script(script)
        self._connection = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        self._seconds = seconds
        self._waiting: list[Call] = []
        self._trip: asyncio.Task[None] | None = None

    async def __call__(self, names: Sequence[str], values: Sequence[Value]) -> Any:
        """The script's answer. Raises RedisError, OSError, TimeoutError."""
        call = Call(names, values, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._trip is None:
            self._trip = asyncio.create_task(self._send_waiting())
        return await call.answer

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                group = self._taken(LARGEST_GROUP)
                try:
                    answers = await self._answers(group)
                except SILENCE as error:
                    group += self._taken()
                    answers = [error] * len(group)
                _hand_out(group, answers)
        finally:
            self._trip = None

    def _taken(self, most: int | None = None) -> list[Call]:
        """Those who wait, oldest first; they are on their way then."""
        group = self._waiting[:most]
        del self._waiting[:most]
        return group

    async def _answers(self, group: Sequence[Call]) -> Sequence[Any]:
        """An answer or an error for each call. Raises an error of `SILENCE`, which would meet whoever waits, too."""
        try:
            async with asyncio.timeout(self._seconds):
                answers = await self._ask(group)
                if any(isinstance(answer, NoScriptError) for answer in answers):
                    await self._client.script_load(self._script.script)
                    answers = await self._ask(group)
        except SILENCE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            return [error] * len(group)
        return answers

    async def _ask(self, group: Sequence[Call]) -> Sequence[Any]:
        """Once more where the connection broke: Redis may have been started anew since the last group."""
        request = b"".join(self._packed(call) for call in group)
        try:
            return await self._exchange(request, len(group))
        except Disconnected:
            await self._connection.disconnect()
            return await self._exchange(request, len(group))

    def _packed(self, call: Call) -> bytes:
        words: tuple[Any, ...] = ("EVALSHA", self._script.sha, len(call.names), *call.names, *call.values)
        packed: bytes = pack_command(words)
        return packed

    async def _exchange(self, request: bytes, count: int) -> Sequence[Any]:
        if not self._connection.is_connected:
            await self._connection.connect()
        await self._connection.send_packed_command(request, check_health=False)
        return [await self._reply() for _ in range(count)]

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as refusal:
            return refusal

    async def close(self) -> None:
        await self._connection.disconnect()


def _hand_out(group: Sequence[Call], answers: Sequence[Any]) -> None:
    for call, answer in zip(group, answers, strict=True):
        if call.answer.done():
            continue
        if isinstance(answer, Exception):
            call.answer.set_exception(answer)
        else:
            call.answer.set_result(answer)
