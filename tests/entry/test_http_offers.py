"""A sender that offers HTTP/2 in plain http, as Java's client does, is answered as if it had not."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.entry.http_offers import without_offer
from bot.entry.http_server import UVICORN
from bot.entry.patience import patient
from tests.entry.test_receiver import make_app, payload, signed
from tests.receiving import DictInbox, served

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
BODIES = {"a delivery": payload(), "a body that looks like an offer": b"\r\nUpgrade: h2c\r\n\r\n"}


def request(content: bytes, name: str) -> tuple[bytes, bytes]:
    """Head and body."""
    lines = [f"{key}: {value}\r\n" for key, value in signed(content, name).items()]
    length = f"content-length: {len(content)}\r\n\r\n".encode()
    return (
        b"POST /hooks/gitlab HTTP/1.1\r\nHost: receiver\r\n" + OFFER + "".join(lines).encode() + length,
        content,
    )


@pytest.mark.parametrize("in_pieces", [False, True], ids=["in one piece", "head and body apart"])
def test_an_offer_of_another_protocol_costs_no_delivery(in_pieces: bool) -> None:
    inbox = DictInbox()
    with (
        served(make_app(inbox), **UVICORN, **patient()) as port,
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        for name in ("first", "second"):
            for piece in request(payload(), name) if in_pieces else [b"".join(request(payload(), name))]:
                client.sendall(piece)
            assert client.recv(65_536).startswith(b"HTTP/1.1 202 ")
    assert len(inbox.deliveries) == 2


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES)
def test_a_body_stays_as_it_was_signed(content: bytes) -> None:
    head, _ = request(content, "one")
    assert without_offer(head + content).endswith(b"\r\n\r\n" + content)
    assert b"\r\nUpgrade:" not in without_offer(head)


@given(
    head=st.binary(max_size=40), name=st.sampled_from([b"\r\nUpgrade:", b"\r\nUPGRADE:", b"\r\nX-Upgrade:"])
)
def test_the_length_never_changes(head: bytes, name: bytes) -> None:
    assert len(without_offer(head + name + head)) == len(head + name + head)
