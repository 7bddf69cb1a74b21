"""The load: an asyncio client in a process of its own, so that it takes no time from what it measures.

`closed`: each connection sends its next delivery when the one before is answered. `open`: deliveries are sent at a
fixed rate whatever the answers do, and a latency counts from the moment a delivery was due, so that a stall is seen
in all the deliveries it delayed.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from tests.bench.deliveries import body, http_request, signed

HOST = "127.0.0.1"
PATIENCE_SECONDS = 30
MOST_CONNECTIONS = 200
MOST_PER_SECOND = 4000


@dataclass(frozen=True)
class Load:
    """What came of it: answers by status, and their latencies in milliseconds."""

    answers: dict[str, int]
    seconds: float
    p50: float
    p99: float
    longest: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.answers.values()) / self.seconds


def closed_load(port: int, *, connections: int, seconds: float) -> Load:
    return _run("closed", port, "--connections", connections, "--seconds", seconds)


def open_load(port: int, *, rate: int, seconds: float) -> Load:
    return _run("open", port, "--rate", rate, "--seconds", seconds)


def _run(*words: object) -> Load:
    """Raises AssertionError when an answer was not 202: figures of refusals say nothing."""
    command = [sys.executable, "-m", "tests.bench.load", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    load = Load(**json.loads(done.stdout))
    assert set(load.answers) == {"202"}, f"the receiver answered {load.answers}"
    return load


class Connection(asyncio.Protocol):
    """One connection that is kept, with one request under way at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None
        self._seen = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, end, rest = self._seen.partition(b"\r\n\r\n")
        if not end or len(rest) < _length(head):
            return
        self._seen = b""
        if self._answer and not self._answer.done():
            self._answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed without an answer"))

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    async def exchange(self, request: bytes) -> int:
        """Send; the answer's status."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._answer

    def close(self) -> None:
        self._transport.close()


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


class Client:
    """Deliveries one after the other, each with a name nobody had before, and what became of them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._first = time.time_ns() // 1_000_000 % 1_000_000_000 * 10_000
        self._sent = 0
        self.answers: Counter[str] = Counter()
        self.latencies: list[float] = []

    async def connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, HOST, self._port)
        return connection

    def delivery(self) -> bytes:
        self._sent += 1
        content = body(self._sent)
        return http_request(content, signed(content, f"load-{os.getpid()}-{self._first + self._sent}"))

    async def send(self, connection: Connection, request: bytes, due: float) -> None:
        status = await connection.exchange(request)
        self.latencies.append((time.perf_counter() - due) * 1000)
        self.answers[str(status)] += 1

    def summary(self, seconds: float) -> Load:
        ordered = sorted(self.latencies)
        at: Callable[[float], float] = lambda share: round(ordered[int(share * (len(ordered) - 1))], 2)  # noqa: E731
        return Load(dict(self.answers), seconds, at(0.5), at(0.99), at(1))


async def run_closed(port: int, connections: int, seconds: float) -> Load:
    """Deliveries are made beforehand: making one takes time in which its connection would stand idle."""
    client = Client(port)
    made = deque(client.delivery() for _ in range(int(seconds * MOST_PER_SECOND)))
    started = time.perf_counter()

    async def keep_sending() -> None:
        connection = await client.connect()
        while time.perf_counter() < started + seconds:
            request = made.popleft() if made else client.delivery()
            await client.send(connection, request, time.perf_counter())
        connection.close()

    await asyncio.gather(*(keep_sending() for _ in range(connections)))
    return client.summary(time.perf_counter() - started)


def _open_one(free: list[Connection]) -> Connection | None:
    """One that the server has not closed for being idle."""
    while free:
        connection = free.pop()
        if connection.is_open:
            return connection
    return None


async def run_open(port: int, rate: int, seconds: float) -> Load:
    client = Client(port)
    free: list[Connection] = []
    room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def deliver(due: float) -> None:
        async with room:
            request = client.delivery()
            connection = _open_one(free) or await client.connect()
            await client.send(connection, request, due)
            free.append(connection)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as under_way:
        for number in range(int(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            under_way.create_task(deliver(due))
    for connection in free:
        connection.close()
    return client.summary(time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["closed", "open"])
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1)
    told = parser.parse_args()
    work = (
        run_closed(told.port, told.connections, told.seconds)
        if told.kind == "closed"
        else run_open(told.port, told.rate, told.seconds)
    )
    print(json.dumps(asdict(uvloop.run(work))))


if __name__ == "__main__":
    main()
