"""The body of a request, of a bounded size, within a bounded time: a larger one is refused before it is read."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from starlette.types import Receive

from bot.errors import BadDelivery

SECONDS: Final = 10.0  # GitLab itself does not wait longer for an answer
UNREAD: Final = (408, 413, 415, 503)  # the answers to a body that was not read to its end
TOO_LARGE = "the body is larger than {limit} bytes (TRIVET_MAX_BODY)"
TOO_SLOW = "the body did not end within {seconds:g} seconds: send it again, whole"
COMPRESSED = "compressed bodies are not read: send them with content-encoding identity"
MOST_UNDER_WAY: Final = 64 * 2**20  # bytes of all bodies that are not whole yet
CROWDED = "too many large bodies are being sent at once: send this one again in a moment"
HUNG_UP = "the sender hung up before the body ended"

Headers = Mapping[str, str]


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """At most `limit` bytes: a larger body is refused before it is read if it says so, else while it is.

    Raises BadDelivery (400, 408, 413, 415, 503).
    """
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > limit):
        raise BadDelivery(413, TOO_LARGE.format(limit=limit))
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise BadDelivery(415, COMPRESSED)
    try:
        async with asyncio.timeout(SECONDS):
            return await _whole(receive, limit)
    except TimeoutError:
        raise BadDelivery(408, TOO_SLOW.format(seconds=SECONDS)) from None


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


async def _whole(receive: Receive, limit: int) -> bytes:
    first, more = await _piece(receive)
    if not more:
        return _limited(first, limit)
    with ROOM.shared() as take:
        return await _gathered(first, receive, limit, take)


async def _gathered(first: bytes, receive: Receive, limit: int, take: Callable[[int], None]) -> bytes:
    body, piece, more = bytearray(), first, True
    while True:
        take(len(piece))
        body += piece
        if not more or len(body) > limit:
            return _limited(bytes(body), limit)
        piece, more = await _piece(receive)


def _limited(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise BadDelivery(413, TOO_LARGE.format(limit=limit))
    return body


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    """A part of the body, most often all of it, and whether more follows."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BadDelivery(400, HUNG_UP)
    return message.get("body", b""), message.get("more_body", False)
