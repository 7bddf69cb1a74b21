"""The common metrics over HTTP, for a process that has no server of its own. A thread beside its work, GET only."""

import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import structlog
from redis.exceptions import RedisError

from bot.entry import listen
from bot.entry.error_tracking import report_error
from bot.entry.exposition import CONTENT_TYPE

ALIVE: Final = (200, b'{"status":"alive"}')
HANGS: Final = (503, b'{"status":"hangs"}')
SECONDS: Final = 10.0  # a client that sends nothing holds a thread no longer

log = structlog.get_logger("trivet.metrics")


class MetricsServer(ThreadingHTTPServer):
    """Takes what comes in by a socket that listens already."""

    daemon_threads = True

    def __init__(self, door: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(door.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = door

    def handle_error(self, request: object, client_address: object) -> None:
        """One request that broke, in a line: a client that went away, most likely."""
        error = sys.exception()
        log.warning("a request for metrics broke", exc_info=not isinstance(error, OSError))
        if error is not None and not isinstance(error, OSError):
            report_error(error)


def serve_metrics(
    door: socket.socket, page: Callable[[], bytes], is_alive: Callable[[], bool]
) -> MetricsServer:
    """Answers `/metrics` with `page()` and `/healthz` by `is_alive()`, until it is shut down."""
    server = MetricsServer(door, _handler(page, is_alive))
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    log.info("metrics", address=f"{listen.address(door)}/metrics")
    return server


def _handler(page: Callable[[], bytes], is_alive: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/healthz":
                self._answer(*(ALIVE if is_alive() else HANGS), "application/json")
            elif path == "/metrics":
                self._metrics()
            else:
                self._answer(404, b"", "text/plain")

        def _metrics(self) -> None:
            try:
                self._answer(200, page(), CONTENT_TYPE)
            except RedisError as error:
                self._answer(503, f"Redis does not answer ({type(error).__name__})\n".encode(), "text/plain")

        def _answer(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Prometheus comes twice a minute: nothing to tell."""

    return Handler
