"""Bodies that do not come to their end."""

import asyncio

import pytest
from starlette.types import Message

from bot.entry import body
from bot.errors import BadDelivery

PIECE: Message = {"type": "http.request", "body": b"x", "more_body": True}
LAST: Message = {"type": "http.request", "body": b"x", "more_body": False}


async def read(*messages: Message, between: float = 0.0) -> bytes:
    """The body these messages are, `between` seconds apart; after the last of them nothing comes any more."""
    left = iter(messages)

    async def receive() -> Message:
        await asyncio.sleep(between)
        for message in left:
            return message
        await asyncio.Event().wait()
        raise AssertionError("nothing wakes it")

    return await body.read_body({}, receive, 100)


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
