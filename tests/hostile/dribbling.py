"""Senders that hold connections open: nothing, a part of a request and no more, a byte a second."""

import errno
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Final, NamedTuple

EVERY_SECONDS: Final = 1.0
POST: Final = b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ncontent-type: application/json\r\n"
GET: Final = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
LENGTH: Final = b"content-length: 10000\r\n\r\n"
HELD: Final = {
    "nothing": b"",
    "half a head": POST + b"x-name: ",
    "half a body": POST + LENGTH + b"{",
    "a byte of a head each second": POST + b"x-name: ",
    "a byte of a body each second": POST + LENGTH + b"{",
    "a byte of a chunk each second": POST + b"transfer-encoding: chunked\r\n\r\n10000\r\n{",
    "a byte of a body each second though it is answered": GET + LENGTH + b"{",
}
GONE: Final = (errno.ECONNRESET, errno.EPIPE)


class Place(NamedTuple):
    """Where a server waits for bodies."""

    port: int
    path: str


class Slow:
    """One connection, held open in the way of `HELD` that `how` names."""

    def __init__(self, place: Place, how: str) -> None:
        self.how = how
        self._said = b""
        self.is_open = True
        self._client = socket.create_connection(("127.0.0.1", place.port), 5)
        self._send(HELD[how].replace(b"%b", place.path.encode()))
        self._client.setblocking(False)

    def go_on(self) -> None:
        """Look whether it was closed; send the next byte where there is one."""
        try:
            while piece := self._client.recv(65_536):
                self._said += piece
            self.is_open = False
        except BlockingIOError:
            if "each second" in self.how:
                self._send(b"1")
        except ConnectionResetError:
            self.is_open = False

    @property
    def end(self) -> str:
        """ "open", "closed", or the status that it was closed with."""
        if self.is_open:
            return "open"
        refused = self._said.startswith(b"HTTP/1.1 ") and b" 200 " not in self._said[:20]
        return self._said[9:12].decode() if refused else "closed"

    def close(self) -> None:
        self._client.close()

    def _send(self, data: bytes) -> None:
        """Whether it was closed is seen at the next look."""
        try:
            self._client.sendall(data)
        except OSError as error:
            if error.errno not in GONE:
                raise


class SlowSenders:
    """All of them, in a thread beside who opens them."""

    def __init__(self, all_: list[Slow]) -> None:
        self._all = all_
        self._enough = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def wait(self, until: float) -> None:
        """For all to be closed, at most until then by the monotonic clock."""
        self._done.wait(max(0, until - time.monotonic()))

    def ends(self) -> Counter[str]:
        return Counter(one.end for one in self._all)

    def stop(self) -> None:
        self._enough.set()
        self._thread.join()
        for one in self._all:
            one.close()

    def _go_on(self) -> None:
        while not self._enough.wait(EVERY_SECONDS):
            left = [one for one in self._all if one.is_open]
            for one in left:
                one.go_on()
            if not left:
                self._done.set()
                return


@contextmanager
def slow_senders(places: Sequence[Place], count: int) -> Iterator[SlowSenders]:
    """`count` of them, of all places and all ways in turn. Raises OSError where no connection can be made."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    turns = islice(zip(cycle(places), cycle(HELD)), count)
    senders = SlowSenders([Slow(place, how) for place, how in turns])
    try:
        yield senders
    finally:
        senders.stop()
