"""The receiver in a test: an inbox in memory, requests to the application, the application on a socket."""

import asyncio
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from bot.domain.events import Event
from bot.entry.receiver import Receiver
from bot.entry.recording import Receipt, StoreDown
from bot.routing import JobRequest


class DictInbox:
    """An inbox in memory. `down` makes every record fail, `broken` raises what nobody expects."""

    def __init__(self) -> None:
        self.deliveries: dict[str, tuple[str, ...]] = {}
        self.requests: list[JobRequest] = []
        self.lifetimes: list[int | None] = []
        self.stopped: list[str] = []
        self.down = False
        self.broken: Exception | None = None

    def _check(self) -> None:
        if self.broken:
            raise self.broken
        if self.down:
            raise StoreDown

    async def accept(
        self, key: str, event: Event, requests: Sequence[JobRequest], ttl: int | None = None
    ) -> Receipt:
        self._check()
        if key in self.deliveries:
            return Receipt("duplicate", self.deliveries[key])
        self.requests += requests
        self.lifetimes.append(ttl)
        self.deliveries[key] = tuple(f"run-{request.key}" for request in requests)
        return Receipt("accepted", self.deliveries[key])

    async def ended(self, target_key: str) -> None:
        self._check()
        self.stopped.append(target_key)

    async def ready(self) -> str | None:
        self._check()
        return None

    async def common(self) -> Iterable[Family]:
        self._check()
        depth = GaugeMetricFamily("trivet_queue_depth", "Waiting jobs by queue.", labels=["queue"])
        depth.add_metric(["agents"], len(self.requests))
        return [depth]


def call(app: Receiver, method: str, path: str, **options: Any) -> httpx2.Response:
    return asyncio.run(called(app, method, path, **options))


async def called(app: Receiver, method: str, path: str, **options: Any) -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
        return await client.request(method, path, **options)


@contextmanager
def served(app: Receiver, **options: Any) -> Iterator[int]:
    """The application in a real server on a free loopback port. `options`: uvicorn's."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", **({"log_config": None} | options))
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)
