"""The receiver's way through to `web`: what is passed on, what is not, and what is said where nobody is behind."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from bot.entry.passage import MOST_BODY, Passage, closed


class Echo(BaseHTTPRequestHandler):
    """Answers with what came; a path that ends in `slow` waits until the caller is gone."""

    protocol_version = "HTTP/1.1"
    gone = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.endswith("slow"):
            self.connection.recv(1)
            Echo.gone.set()
            self.close_connection = True
            return
        said = f"{self.command} {self.path}\n{self.headers}".encode() + body
        self.send_response(202)
        self.send_header("ETag", '"queued:1"')
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def echo() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with echo() as number:
        yield number


def call(app: Any, method: str, path: str, **options: Any) -> httpx2.Response:
    async def use() -> httpx2.Response:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://receiver.test") as client:
            answer = await client.request(method, path, **options)
        if isinstance(app, Passage):
            await app.aclose()
        return answer

    return asyncio.run(use())


def test_path_query_headers_and_body_arrive_as_they_were_sent(port: int) -> None:
    headers = {"authorization": "Bearer abc", "if-none-match": '"queued:1"'}
    path = "/api/v1/runs/a%2Fb?wait=25&x=%20"
    answer = call(Passage(port), "POST", path, content=b"\x00body", headers=headers)
    said = answer.text
    assert said.startswith(f"POST {path}\n")
    assert "authorization: Bearer abc" in said
    assert 'if-none-match: "queued:1"' in said
    assert said.endswith("\x00body")


def test_the_answer_comes_with_its_status_and_headers(port: int) -> None:
    answer = call(Passage(port), "GET", "/api/v1/runs/x")
    assert (answer.status_code, answer.headers["etag"]) == (202, '"queued:1"')


def test_what_concerns_one_connection_only_is_not_passed_on(port: int) -> None:
    headers = {"connection": "upgrade", "upgrade": "websocket", "te": "trailers"}
    said = call(Passage(port), "GET", "/api/v1/runs/x", headers=headers).text.lower()
    assert "websocket" not in said
    assert "trailers" not in said


def test_a_body_beyond_the_limit_is_refused_here(port: int) -> None:
    answer = call(Passage(port), "POST", "/api/v1/runs", content=b"x" * (MOST_BODY + 1))
    assert (answer.status_code, set(answer.json())) == (413, {"error"})


@pytest.mark.parametrize(
    "path", [b"/api/v1/../../metrics", b"/api/v1/./../../healthz", b"/api/../readyz?x=1"]
)
def test_a_path_that_climbs_out_of_the_api_leads_nowhere(port: int, path: bytes) -> None:
    """Asked as it comes from the wire: a client would resolve it."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask() -> None:
        passage = Passage(port)
        await passage(
            {"type": "http", "method": "GET", "raw_path": path, "query_string": b"", "headers": []},
            receive,
            send,
        )
        await passage.aclose()

    asyncio.run(ask())
    assert said[0]["status"] == 404


def test_where_nobody_listens_the_caller_is_told_to_come_back() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        answer = call(Passage(nobody.getsockname()[1]), "GET", "/api/v1/runs/x")
    assert (answer.status_code, set(answer.json())) == (503, {"error"})
    assert int(answer.headers["retry-after"]) > 0


def test_without_a_web_the_sentence_names_the_setting() -> None:
    answer = call(closed, "POST", "/api/v1/runs")
    assert answer.status_code == 404
    assert "TRIVET_PUBLIC_URL" in answer.json()["error"]


def test_who_hangs_up_is_not_waited_for(port: int) -> None:
    Echo.gone.clear()
    asyncio.run(_hang_up(Passage(port)))
    assert Echo.gone.wait(10)


async def _hang_up(passage: Passage) -> None:
    messages = [{"type": "http.request", "body": b""}]
    sent: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": b"/api/slow",
        "query_string": b"",
        "headers": [],
    }
    await asyncio.wait_for(passage(scope, receive, send), 10)
    await passage.aclose()
    assert sent == []
