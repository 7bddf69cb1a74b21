"""Who lets a server wait is cut off; who sends at a usual pace, and who waits for us, is not.

Slow (about fifteen seconds): what is bought is that real connections are held open in every way there is.
"""

import asyncio
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from bot.entry import body
from bot.entry.http_server import UVICORN
from bot.entry.patience import FILES, LARGE_HEAD, MOST_HEAD, patient
from bot.entry.receiver import Receiver
from tests.bench.memory import resident
from tests.bench.serving import Server
from tests.entry.test_receiver import make_app, payload, signed
from tests.hostile import nonsense
from tests.receiving import DictInbox, served

SECONDS = 0.4
UNTIL = 10.0
HEAD = b"POST /hooks/gitlab HTTP/1.1\r\nhost: receiver\r\n"
HELD = {
    "nothing": b"",
    "half a head": HEAD + b"x-name: ",
    "half a body": HEAD + b"content-length: 900\r\n\r\n{",
    "no byte of a body": HEAD + b"content-length: 900\r\n\r\n",
    "half a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n9000\r\n{",
    "half a trailer": HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\nx-name: ",
    "a body after its answer": b"GET /healthz HTTP/1.1\r\nhost: receiver\r\ncontent-length: 900\r\n\r\n{",
    "a body nobody reads": b"POST /elsewhere HTTP/1.1\r\nhost: receiver\r\ncontent-length: 900\r\n\r\n{",
    "a second head": b"GET /healthz HTTP/1.1\r\nhost: receiver\r\n\r\nGET /heal",
    "an idle connection": b"GET /healthz HTTP/1.1\r\nhost: receiver\r\n\r\n",
}


@pytest.fixture
def inbox() -> DictInbox:
    return DictInbox()


def answered(app: ASGIApp, seconds: float) -> AbstractContextManager[int]:
    """An application of the test's own, on a socket."""
    return served(cast(Receiver, app), **UVICORN, **patient(seconds))


@contextmanager
def receiver(inbox: DictInbox, seconds: float = SECONDS, most: int | None = None) -> Iterator[int]:
    with served(make_app(inbox), **UVICORN, **patient(seconds, most)) as port:
        yield port


def connected(port: int, first: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), UNTIL)
    client.sendall(first)
    return client


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(65_536) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def rest(client: socket.socket) -> bytes:
    """What comes until the server closes. Raises TimeoutError where it does not."""
    client.settimeout(UNTIL)
    said = b""
    try:
        while piece := client.recv(65_536):
            said += piece
    except ConnectionResetError:
        pass
    return said


def dribbled(client: socket.socket, byte: bytes) -> float:
    """For how many seconds a byte was taken each twentieth of a second. Raises AssertionError: for too long."""
    began = time.monotonic()
    while is_open(client):
        assert time.monotonic() < began + UNTIL, "it is still open"
        with suppress(BrokenPipeError, ConnectionResetError):
            client.send(byte)
        time.sleep(0.05)
    return time.monotonic() - began


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + UNTIL
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def delivered(port: int, name: str) -> str:
    """The status of an honest delivery."""
    content = payload()
    lines = [f"{key}: {value}" for key, value in signed(content, name).items()]
    lines += [f"content-length: {len(content)}", "connection: close"]
    with connected(port, HEAD + "\r\n".join([*lines, "", ""]).encode() + content) as client:
        return rest(client).split(b" ")[1].decode()


# --- in time


def test_whoever_sends_no_more_is_cut_off(inbox: DictInbox) -> None:
    with receiver(inbox) as port, ExitStack() as stack:
        clients = {how: stack.enter_context(connected(port, first)) for how, first in HELD.items()}
        began = time.monotonic()
        for client in clients.values():
            rest(client)
        assert SECONDS / 2 < time.monotonic() - began < UNTIL
        assert delivered(port, "honest") == "202"
    assert len(inbox.deliveries) == 1


@pytest.mark.parametrize(
    "how", ["half a head", "half a body", "half a trailer", "a body nobody reads", "an idle connection"]
)
def test_a_byte_now_and_then_buys_no_time(inbox: DictInbox, how: str) -> None:
    with receiver(inbox) as port, connected(port, HELD[how]) as client:
        byte = b"\n" if how == "an idle connection" else b"1"
        assert dribbled(client, byte) > SECONDS / 2
    assert not inbox.deliveries


def test_who_is_late_with_a_body_is_told_so(inbox: DictInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.3)
    with receiver(inbox, 5) as port, connected(port, HELD["half a body"]) as client:
        head, _, said = rest(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head
    reason = "the body did not end within 0.3 seconds: send it again, whole"
    assert json.loads(said) == {"status": "refused", "reason": reason, "delivery": ""}
    assert not inbox.deliveries


def test_a_connection_lives_on_while_each_of_its_requests_is_in_time(inbox: DictInbox) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nhost: receiver\r\n\r\n"
    with receiver(inbox, 1.5) as port, connected(port) as client:
        for _ in range(7):
            client.sendall(ask[:20])
            time.sleep(0.3)
            client.sendall(ask[20:])
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_whom_we_let_wait_is_not_cut_off() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(2)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})

    with answered(slow, 1) as port, connected(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n")
        assert rest(client).endswith(b"done")


def test_who_does_not_read_its_answers_is_cut_off() -> None:
    pieces, size = 400, 1_000_000
    sent: list[int] = []

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(pieces):
            await send({"type": "http.response.body", "body": b"x" * size, "more_body": True})
            sent.append(number)

    with answered(large, SECONDS) as port, connected(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: web\r\n\r\n")
        until(lambda: len(sent) == pieces)
        assert len(rest(client)) < pieces * size / 2


def test_connections_that_stay_open_fail_their_gate(
    inbox: DictInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonsense, "MOST_PATIENCE", 1.5)
    with served(make_app(inbox), **UVICORN) as port:
        waits = Server(os.getpid(), port)
        _, held = nonsense.beside_the_slow(waits, waits, nonsense.Nonsense(slow=7, honest=2))
    assert "7 x open" in held.numbers
    assert not held.met


# --- in number


def test_who_waits_for_longest_makes_room_and_honest_deliveries_get_through(inbox: DictInbox) -> None:
    with receiver(inbox, UNTIL, 8) as port, ExitStack() as stack, capture_logs() as lines:
        first = [stack.enter_context(connected(port, HELD[how])) for how in ("half a body", "half a head")]
        others = [stack.enter_context(connected(port)) for _ in range(5)]
        assert [delivered(port, f"beside-{number}") for number in range(5)] == ["202"] * 5
        assert all(is_open(client) for client in first + others)
        others.append(stack.enter_context(connected(port)))
        assert [delivered(port, "one"), delivered(port, "two")] == ["202"] * 2
        assert [is_open(client) for client in first + others] == [False] + [True] * 7
        for client in [stack.enter_context(connected(port)) for _ in range(40)][:32]:
            assert rest(client) == b""
        assert delivered(port, "three") == "202"
        until(lambda: "more than 8 connections were open at once: " in str(lines))


def test_a_server_may_open_what_it_promises_to_keep_open() -> None:
    allowed, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(allowed, 512), limit))
    try:
        patient()
        most = FILES if limit == resource.RLIM_INFINITY else min(FILES, limit)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, limit))


# --- in size


@pytest.mark.parametrize("how", ["half a head", "half a trailer", "a second head"])
def test_a_head_without_end_is_refused_and_takes_no_memory(inbox: DictInbox, how: str) -> None:
    before = resident(os.getpid())
    with receiver(inbox, UNTIL) as port, connected(port, HELD[how]) as client:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(b"a" * 1000 * MOST_HEAD)
    assert resident(os.getpid()) - before < 20
    assert not inbox.deliveries


def test_who_sends_too_large_a_head_is_told_so(inbox: DictInbox) -> None:
    with receiver(inbox, UNTIL) as port:
        with connected(port, HELD["half a head"] + b"a" * MOST_HEAD) as client:
            said = rest(client)
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.endswith(LARGE_HEAD.encode())
        assert delivered(port, "honest") == "202"


def test_a_large_body_is_no_large_head() -> None:
    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        content = await body.read_body({}, receive, 10 * MOST_HEAD)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"%06d" % len(content)})

    size = 9 * MOST_HEAD
    with answered(count, UNTIL) as port, connected(port) as client:
        for _ in range(3):
            client.sendall(HEAD + f"content-length: {size}\r\n\r\n".encode() + b"x" * size)
            assert client.recv(1000).endswith(str(size).encode())
        chunk = b"%x\r\n%b\r\n" % (MOST_HEAD, b"x" * MOST_HEAD)
        client.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk * 9 + b"0\r\n\r\n")
        assert client.recv(1000).endswith(str(size).encode())
