"""The body of a request, of a bounded size, within a bounded time: of a larger one nothing is kept."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from starlette.types import Receive

from bot.errors import BadDelivery

SECONDS: Final = 10.0  # GitLab itself does not wait longer for an answer
UNREAD: Final = (408, 413, 415, 503)  # the answers to a body that was not read to its end
LET_GO_BY: Final = (413, 415)  # the answers that wait for the rest of a body
MOST_LET_BY: Final = 32 * 2**20  # bytes of one body
LET_BY_SECONDS: Final = 2.0
TOO_LARGE = "the body is larger than {limit} bytes (TRIVET_MAX_BODY)"
TOO_SLOW = "the body did not end within {seconds:g} seconds: send it again, whole"
COMPRESSED = "compressed bodies are not read: send them with content-encoding identity"
MOST_UNDER_WAY: Final = 64 * 2**20  # bytes of all bodies that are not whole yet
CROWDED = "too many large bodies are being sent at once: send this one again in a moment"
LONGEST_NUMBER: Final = 18  # digits
HUNG_UP = "the sender hung up before the body ended"

Headers = Mapping[str, str]


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """At most `limit` bytes: a larger body is refused by what its head says, else while it is read.

    Raises BadDelivery (400, 408, 413, 415, 503).
    """
    until = asyncio.get_running_loop().time() + SECONDS
    body = Incoming(receive)
    try:
        return await _read(headers, body, limit, until)
    except BadDelivery as refusal:
        if refusal.status in LET_GO_BY:
            await _let_go_by(headers, body, until)
        raise


async def let_go_by(headers: Headers, receive: Receive) -> None:
    """What comes of a body that is refused by its head goes by, for a while, before the answer ends the connection.

    Who sends it all before reading an answer would find the connection reset, and the answer lost (RFC 9112, 9.6). It
    takes no room: nothing of it is kept. Who waits to be told to go on (RFC 9110, 10.1.1) is answered at once, and so
    is who announces more than may go by.
    """
    await _let_go_by(headers, Incoming(receive), asyncio.get_running_loop().time() + SECONDS)


class Incoming:
    """The pieces of one body. `ended`: there are no more."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def piece(self) -> bytes:
        """A part of it, most often all. Raises BadDelivery (400) where the sender hung up."""
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise BadDelivery(400, HUNG_UP)
        return bytes(message.get("body", b""))


class Room:
    """What bodies that come in pieces take together: strangers could fill the memory with what they never end."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def shared(self) -> Iterator[Callable[[int], None]]:
        """Takes so many bytes when it is called, until the end of the block. Raises BadDelivery (503)."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise BadDelivery(503, CROWDED)
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken


ROOM: Final = Room(MOST_UNDER_WAY)


async def _read(headers: Headers, body: Incoming, limit: int, until: float) -> bytes:
    if _announced(headers) > limit:
        raise BadDelivery(413, TOO_LARGE.format(limit=limit))
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise BadDelivery(415, COMPRESSED)
    try:
        async with asyncio.timeout_at(until):
            return await _whole(body, limit)
    except TimeoutError:
        raise BadDelivery(408, TOO_SLOW.format(seconds=SECONDS)) from None


def _announced(headers: Headers) -> float:
    """How many bytes are to come, 0 where the head does not say; no number that is too long to be read fits."""
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return 0
    return int(length) if len(length) <= LONGEST_NUMBER else float("inf")


async def _whole(body: Incoming, limit: int) -> bytes:
    first = await body.piece()
    if body.ended:
        return _limited(first, limit)
    with ROOM.shared() as take:
        return await _gathered(first, body, limit, take)


async def _gathered(first: bytes, body: Incoming, limit: int, take: Callable[[int], None]) -> bytes:
    whole, piece = bytearray(), first
    while True:
        take(len(piece))
        whole += piece
        if body.ended or len(whole) > limit:
            return _limited(bytes(whole), limit)
        piece = await body.piece()


def _limited(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise BadDelivery(413, TOO_LARGE.format(limit=limit))
    return body


async def _let_go_by(headers: Headers, body: Incoming, until: float) -> None:
    """At most until then, by the clock of the event loop."""
    waits = headers.get("expect", "").lower() == "100-continue"
    if waits or _announced(headers) > MOST_LET_BY:
        return
    soon = asyncio.get_running_loop().time() + LET_BY_SECONDS
    left = MOST_LET_BY
    with suppress(TimeoutError, BadDelivery):
        async with asyncio.timeout_at(min(soon, until)):
            while left > 0 and not body.ended:
                left -= len(await body.piece())
