"""Patience with senders: each has some seconds for its next step, and only so many connections are open at once.

By itself uvicorn waits for ever: for the first byte of a request, for the rest of its head or body, and until its
answer is read (seen with 0.54 and httptools: its keep-alive timeout ends with the first byte that comes, even of a body
nobody asked for). Its own limit of connections counts those that say nothing, and refuses everyone once it is reached.
Nor does it bound a head: one of 90 MB took as much memory, and 8 s in which nobody else was answered.
"""

import asyncio
import resource
from asyncio import BaseTransport
from collections import OrderedDict
from functools import partial
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.entry.http_offers import without_offer

SECONDS: Final = 11.0  # longer than a body may take: who sends one too slowly is told so first
LOOK_SECONDS: Final = 0.1  # often: who came one after the other is not cut off all at once
TELL_SECONDS: Final = 60.0
MOST_OPEN: Final = 1000  # more than may wait for a run to change, and about 10 MB
MOST_HEAD: Final = 65_536  # bytes of a request that are not its body: its head, chunk sizes, trailers
FILES: Final = 4096  # descriptors: the connections, as many again that are just ending, and those we open
LARGE_HEAD = f"The head of the request is larger than {MOST_HEAD} bytes."
CROWDED = (
    "more than {most} connections were open at once: {cut} that let us wait for longest were cut off; "
    "a reverse proxy that reads requests whole keeps such senders away"
)

log = structlog.get_logger("trivet.patience")


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which tells `patience` when the next step is its sender's."""

    def __init__(self, patience: "Patience", **made: Any) -> None:
        super().__init__(**made)
        self._patience = patience
        self._head = 0
        self._reads_head = True

    @property
    def lets_us_wait(self) -> bool:
        """For a request, for the rest of one, or for an answer to be read; not while we work on what was asked."""
        cycle = self.cycle
        if cycle is None or self.flow.write_paused:
            return True
        return not self.pipeline and (cycle.response_complete or cycle.more_body)

    def cut(self) -> None:
        """At once: who does not read would keep open what is closed with care."""
        self.transport.abort()

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as asyncio.Protocol has it
        self._patience.opened(self)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(without_offer(data) if self._reads_head else data)
        if self._head > MOST_HEAD and not self.transport.is_closing():
            self.send_400_response(LARGE_HEAD)

    def on_headers_complete(self) -> None:
        self._reads_head = False
        super().on_headers_complete()
        self._patience.wait_for(self)

    def on_body(self, body: bytes) -> None:
        self._head -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        self._reads_head = True
        super().on_message_complete()
        self._go_on()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.lets_us_wait:
            self._patience.wait_for(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience.wait_for(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._patience.closed(self)

    def _go_on(self) -> None:
        if not self.lets_us_wait:
            self._patience.go_on(self)


class Patience:
    """The open connections of a server, and since when some let us wait. Who does for too long is cut off.

    Where more than `most` are open, who lets us wait for longest makes room for each that comes: an honest request is
    there in a few milliseconds, and is younger than all who hold their connections.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._open = 0
        self._cut_for_room = 0
        self._since: OrderedDict[Connection, float] = OrderedDict()  # the longest first
        self._looks = False
        self._tell_at = 0.0

    def opened(self, connection: Connection) -> None:
        self._open += 1
        self.wait_for(connection)
        if self._open > self._most:
            self._cut_for_room += 1
            self._cut_first()

    def closed(self, connection: Connection) -> None:
        self._open -= 1
        self.go_on(connection)

    def wait_for(self, connection: Connection) -> None:
        """From now on, whatever it had to do before. One that is gone keeps nobody waiting."""
        if connection.transport.is_closing():
            return
        self._since[connection] = asyncio.get_running_loop().time()
        self._since.move_to_end(connection)
        if not self._looks:
            self._look_later()

    def go_on(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def _look_later(self) -> None:
        self._looks = True
        asyncio.get_running_loop().call_later(min(LOOK_SECONDS, self._seconds), self._look)

    def _look(self) -> None:
        self._looks = False
        now = asyncio.get_running_loop().time()
        while self._since and next(iter(self._since.values())) <= now - self._seconds:
            self._cut_first()
        if self._cut_for_room and now >= self._tell_at:
            self._tell(now)
        if self._since:
            self._look_later()

    def _tell(self, now: float) -> None:
        log.warning(CROWDED.format(most=self._most, cut=self._cut_for_room))
        self._cut_for_room = 0
        self._tell_at = now + TELL_SECONDS

    def _cut_first(self) -> None:
        connection, _ = self._since.popitem(last=False)
        connection.cut()


def patient(seconds: float = SECONDS, most: int | None = None) -> dict[str, Any]:
    """uvicorn's options for a server of its own. `most` None: what this process may open allows."""
    return {"http": partial(Connection, Patience(seconds, most or min(MOST_OPEN, _files() // 2)))}


def _files() -> int:
    """How many descriptors this process may have, after asking for as many as we need.

    Often 1,024 at first: for programs that use select(2), which this one does not.
    """
    allowed, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if limit == resource.RLIM_INFINITY else min(FILES, limit)
    if allowed != resource.RLIM_INFINITY and allowed < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, limit))
    return most
