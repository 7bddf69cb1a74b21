"""The body of a request, of a bounded size, within a bounded time: a larger one is refused before it is read."""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive

from bot.errors import BadDelivery

SECONDS: Final = 10.0  # GitLab itself does not wait longer for an answer
UNREAD: Final = (408, 413, 415)  # the answers to a body that was not read to its end
TOO_LARGE = "the body is larger than {limit} bytes (TRIVET_MAX_BODY)"
TOO_SLOW = "the body did not end within {seconds:g} seconds: send it again, whole"
COMPRESSED = "compressed bodies are not read: send them with content-encoding identity"
HUNG_UP = "the sender hung up before the body ended"

Headers = Mapping[str, str]


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """At most `limit` bytes: a larger body is refused before it is read if it says so, else while it is.

    Raises BadDelivery (400, 408, 413, 415).
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


async def _whole(receive: Receive, limit: int) -> bytes:
    first, more = await _piece(receive)
    body = bytearray(first) if more else first
    while more and len(body) <= limit:
        piece, more = await _piece(receive)
        body += piece
    if len(body) > limit:
        raise BadDelivery(413, TOO_LARGE.format(limit=limit))
    return bytes(body)


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    """A part of the body, most often all of it, and whether more follows."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BadDelivery(400, HUNG_UP)
    return message.get("body", b""), message.get("more_body", False)
