"""A stand-in for Sentry on 127.0.0.1: takes envelopes as Sentry does, and keeps what it was told.

The format: develop.sentry.dev/sdk/data-model/envelopes. What Sentry would not take is refused, so that a test finds no
event: another path, no key, a body that is no envelope, an event without its id.
"""

import gzip
import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "9b4e" + "c1d07a52f8364be1a90c" + "77d2e4f6"
PATH = "/api/42/envelope/"
EVENT_ID = re.compile(r"[0-9a-f]{32}")


class SentrySink:
    """`hangs`: takes requests and does not answer them until it is closed."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.items: list[tuple[str, Any]] = []
        self.raw: list[str] = []
        self.refused: list[str] = []
        self.begun = threading.Event()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._hangs = hangs
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def dsn(self) -> str:
        return f"http://{KEY}@127.0.0.1:{self._server.server_port}/42"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [payload for kind, payload in self.items if kind == "event"]

    def wait(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The events, once there are so many. Raises AssertionError."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.events) >= count, seconds)
        assert found, f"{len(self.events)} events after {seconds} s; refused: {self.refused}"
        return self.events

    def heard(self, text: str) -> bool:
        """Whether a text stood anywhere in what came."""
        return any(text in one for one in self.raw)

    def take(self, path: str, key: str, body: bytes) -> str | None:
        """Keep an envelope; why not, where it is none."""
        self.begun.set()
        if self._hangs:
            self._closing.wait()
        with self._changed:
            self.raw.append(body.decode("utf-8", "replace"))
            problem = self._problem(path, key, body)
            if problem:
                self.refused.append(problem)
            self._changed.notify_all()
        return problem

    def _problem(self, path: str, key: str, body: bytes) -> str | None:
        if path != PATH or f"sentry_key={KEY}" not in key:
            return f"no such project, or another key: {path}"
        try:
            items = _items(body)
        except (ValueError, KeyError) as error:
            return f"no envelope: {error!r}"
        for kind, payload in items:
            if kind == "event" and not EVENT_ID.fullmatch(str(payload.get("event_id"))):
                return "an event without its id"
        self.items += items
        return None


def _items(body: bytes) -> list[tuple[str, Any]]:
    """The kind and the JSON payload of each item; an item's header may say how many bytes it has."""
    header, _, rest = body.partition(b"\n")
    json.loads(header)
    items = []
    while rest.strip():
        head, _, rest = rest.partition(b"\n")
        told = json.loads(head)
        length = told.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
        items.append((told["type"], json.loads(rest[:length])))
        rest = rest[length:].removeprefix(b"\n")
    return items


def _handler(sink: SentrySink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            problem = sink.take(self.path, self.headers.get("x-sentry-auth", ""), body)
            with suppress(ConnectionError):  # who had to end did not wait for it
                self._answer(400 if problem else 200, {"detail": problem} if problem else {})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        log_message: Callable[..., None] = lambda *_: None

    return Handler
