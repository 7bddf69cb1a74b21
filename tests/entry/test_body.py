"""Bodies that do not come to their end."""

import asyncio
import time

import pytest
from starlette.types import Message

from bot.entry import body
from bot.entry.body import Headers
from bot.errors import BadDelivery

PIECE: Message = {"type": "http.request", "body": b"x", "more_body": True}
LAST: Message = {"type": "http.request", "body": b"x", "more_body": False}
NONE: Headers = {}
LARGE: Headers = {"content-length": "101"}
GZIP: Headers = {"content-length": "50", "content-encoding": "gzip"}


async def read(*messages: Message, between: float = 0.0, headers: Headers = NONE) -> bytes:
    """The body these messages are, `between` seconds apart; after the last of them nothing comes any more."""
    left = iter(messages)

    async def receive() -> Message:
        await asyncio.sleep(between)
        for message in left:
            return message
        await asyncio.Event().wait()
        raise AssertionError("nothing wakes it")

    return await body.read_body(headers, receive, 100)


def test_a_body_in_pieces_is_put_together() -> None:
    assert asyncio.run(read(PIECE, PIECE, LAST)) == b"xxx"


@pytest.mark.parametrize("sent", [(), (PIECE,), (PIECE, PIECE)])
def test_a_body_that_does_not_end_is_refused_in_time(
    monkeypatch: pytest.MonkeyPatch, sent: tuple[Message, ...]
) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.05)
    with pytest.raises(BadDelivery, match="did not end within") as caught:
        asyncio.run(read(*sent))
    assert caught.value.status == 408
    assert caught.value.status in body.UNREAD


def test_the_time_is_that_of_the_whole_body_and_not_of_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.2)
    with pytest.raises(BadDelivery) as caught:
        asyncio.run(read(*[PIECE] * 50, LAST, between=0.02))
    assert caught.value.status == 408


def test_who_hangs_up_in_the_middle_is_not_waited_for() -> None:
    with pytest.raises(BadDelivery) as caught:
        asyncio.run(read(PIECE, {"type": "http.disconnect"}))
    assert caught.value.status == 400


def test_bodies_that_are_not_whole_take_only_so_much_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in a single piece needs no room: what it takes is there already."""
    monkeypatch.setattr(body, "SECONDS", 0.2)
    monkeypatch.setattr(body, "ROOM", body.Room(5))

    async def many() -> list[bytes | BaseException]:
        half = [read(PIECE, PIECE) for _ in range(3)]
        return await asyncio.gather(*half, read(LAST), return_exceptions=True)

    for _ in range(2):
        *refused, whole = asyncio.run(many())
        codes = sorted(one.status for one in refused if isinstance(one, BadDelivery))
        assert (codes, whole) == ([408, 408, 503], b"x"), "what was taken is given back"


# --- what is refused goes by


def refused(*messages: Message, between: float = 0.0, headers: Headers = NONE) -> tuple[int, float]:
    """The status, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(BadDelivery) as caught:
        asyncio.run(read(*messages, between=between, headers=headers))
    return caught.value.status, time.monotonic() - began


@pytest.mark.parametrize(
    ("headers", "status"),
    [(LARGE, 413), (GZIP, 415)],
)
def test_a_refusal_waits_for_the_rest_of_the_body_and_no_longer(headers: Headers, status: int) -> None:
    code, seconds = refused(*[PIECE] * 10, LAST, between=0.02, headers=headers)
    assert code == status
    assert 0.2 < seconds < body.LET_BY_SECONDS


def test_a_body_in_pieces_that_is_too_large_goes_by_to_its_end() -> None:
    code, seconds = refused(*[{**PIECE, "body": b"x" * 60}] * 10, LAST, between=0.02)
    assert code == 413
    assert 0.2 < seconds < body.LET_BY_SECONDS


def test_one_that_is_there_already_is_refused_at_once() -> None:
    assert refused({**LAST, "body": b"x" * 101})[1] < body.LET_BY_SECONDS / 2


@pytest.mark.parametrize(("name", "seconds"), [("LET_BY_SECONDS", 0.1), ("SECONDS", 0.1)])
def test_who_goes_on_and_on_is_refused_in_time(
    monkeypatch: pytest.MonkeyPatch, name: str, seconds: float
) -> None:
    monkeypatch.setattr(body, name, seconds)
    code, waited = refused(*[PIECE] * 100, between=0.02, headers=LARGE)
    assert code == 413
    assert seconds <= waited < 1


@pytest.mark.parametrize(
    "headers",
    [
        {**LARGE, "expect": "100-continue"},
        {**GZIP, "expect": "100-Continue"},
        {"content-length": str(body.MOST_LET_BY + 1)},
    ],
)
def test_nothing_goes_by_of_a_body_that_is_not_sent_or_too_large_for_that(headers: Headers) -> None:
    assert refused(headers=headers)[1] < body.LET_BY_SECONDS / 2


def test_what_goes_by_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "ROOM", body.Room(2))
    assert refused(*[PIECE] * 10, LAST, headers=LARGE)[0] == 413
    assert asyncio.run(read(PIECE, LAST)) == b"xx"
