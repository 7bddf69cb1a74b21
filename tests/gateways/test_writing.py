"""Who may not write any more sends nothing that changes something."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.writing import writing_while


class Lost(Exception):
    pass


def lost() -> None:
    raise Lost


@contextmanager
def answering() -> Iterator[tuple[GitLabApi, list[str]]]:
    """A GitLab that says {} to everything, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.command)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield GitLabApi(f"http://127.0.0.1:{server.server_address[1]}", "x" * 20, "TOKEN"), asked
        finally:
            server.shutdown()


def test_reads_go_on_and_no_write_is_sent() -> None:
    with answering() as (api, asked):
        with writing_while(lost):
            assert api.get("/version", "the version") == {}
            for write in (
                lambda: api.post("/x", "x"),
                lambda: api.put("/x", "x", {}),
                lambda: api.delete("/x", "x"),
            ):
                with pytest.raises(Lost):
                    write()
        assert asked == ["GET"]
        api.post("/x", "x")
        assert asked == ["GET", "POST"]
