"""A receiver as small as can be: it answers as ours does, and notes in Redis what proved itself, as ours does."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from redis import Redis

from bot.entry import keys
from bot.errors import BadDelivery

Verify = Callable[..., None]


class AuthenticReceiver:
    """`statuses`: what each request was answered with. `redis` None: nobody is told of what proved itself."""

    def __init__(self, source: str, verify: Verify, secret: str, redis: Redis | None = None) -> None:
        self.statuses: list[int] = []
        self.source, self.verify, self.secret, self.redis = source, verify, secret, redis
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "AuthenticReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def received(self, path: str, headers: dict[str, str], body: bytes) -> int:
        try:
            self.verify(headers, path.partition("?")[2], body, [self.secret], time.time())
        except BadDelivery as refusal:
            return refusal.status
        if self.redis:
            self.redis.hset(keys.HEARD, self.source, time.time())
        return 202

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.received(self.path, told, body)
                receiver.statuses.append(status)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Handler
