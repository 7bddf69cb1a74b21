"""The receiver's way through to `web` beside it: `up` serves both on one port.

`web` listens on a loopback socket that `up` holds, so that nobody else can take its place. A request is read whole,
within `web`'s own limit, its answer passed on as it comes; deliveries do not come this way.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import httpx2
import orjson
import structlog
from starlette.types import Receive, Scope, Send

from bot.entry.body import UNREAD, read_body
from bot.errors import BadDelivery

MOST_BODY: Final = 65_536  # bytes
MOST_AT_ONCE: Final = 600
CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 120.0  # longer than a pipeline may wait for a change
AGAIN_SECONDS: Final = b"5"
HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
DATED: Final = frozenset({"date"})  # the server here says when, too
OURS: Final = HOP_BY_HOP | {"content-length", "host"}

CLOSED = "the runs API is not served here: `trivet up` serves it where TRIVET_PUBLIC_URL is set, else `trivet web` does"
DOWN = "the part that answers this does not run at the moment: ask again later"
NO_SUCH_PATH = "there is no such path"
TOO_LARGE = f"the body is larger than {MOST_BODY} bytes"

Headers = Iterable[tuple[bytes, bytes]]

log = structlog.get_logger("trivet.receiver")


async def closed(scope: Scope, receive: Receive, send: Send) -> None:
    """In the place of a passage, where there is no `web` behind."""
    await _answer(send, 404, CLOSED)


@dataclass(frozen=True)
class Passage:
    """An ASGI application that hands requests to a server on the loopback interface. `port`: where it listens."""

    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if _climbs(scope["raw_path"]):
            await _answer(send, 404, NO_SUCH_PATH)
            return
        try:
            body = await read_body(headers, receive, MOST_BODY)
        except BadDelivery as refusal:
            await _answer(send, refusal.status, TOO_LARGE if refusal.status == 413 else str(refusal))
            return
        await _while_connected(self._pass(scope, body, send), receive)

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        """Opened with the first request, in the loop that serves it."""
        return httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(
                verify=False,  # plain HTTP on the loopback interface: a TLS context would only take memory
                trust_env=False,
                limits=httpx2.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=0),
            ),
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _pass(self, scope: Scope, body: bytes, send: Send) -> None:
        try:
            answer = await self._client.send(self._request(scope, body), stream=True)
        except httpx2.HTTPError as error:
            log.error("not passed on", reason=type(error).__name__)
            await _answer(send, 503, DOWN)
            return
        try:
            await _start(send, answer.status_code, _end_to_end(answer.headers.raw, HOP_BY_HOP | DATED))
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    def _request(self, scope: Scope, body: bytes) -> httpx2.Request:
        """The path as it was sent, still encoded."""
        path, query = scope["raw_path"].partition(b"?")[0], scope["query_string"]
        raw_path = b"%b?%b" % (path, query) if query else path
        return httpx2.Request(
            scope["method"],
            httpx2.URL(scheme="http", host="127.0.0.1", port=self.port, raw_path=raw_path),
            headers=_end_to_end(scope["headers"], OURS),
            content=body or None,
        )


def _climbs(raw_path: bytes) -> bool:
    """Whether the path leads elsewhere than it says: what passes it on would resolve it, past what may be asked."""
    return any(part in (b".", b"..") for part in raw_path.partition(b"?")[0].split(b"/"))


async def _while_connected(passing: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Who hung up waits for nothing."""
    work, gone = asyncio.create_task(passing), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        work.cancel()
        gone.cancel()


def _end_to_end(headers: Headers, gone: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """Without what concerns one connection only (RFC 9110, 7.6.1)."""
    return [(name, value) for name, value in headers if name.decode("latin-1").lower() not in gone]


async def _answer(send: Send, code: int, sentence: str) -> None:
    body = orjson.dumps({"error": sentence})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += [(b"connection", b"close")] if code in UNREAD else []
    headers += [(b"retry-after", AGAIN_SECONDS)] if code == 503 else []
    await _start(send, code, headers)
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, code: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": code, "headers": headers})
