"""S9: what no honest sender sends, at the three hooks of the real receiver: it is answered, at once."""

import json
import os
import socket
import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.bench.hostile import HEADERS
from tests.bench.memory import resident
from tests.chaos.gates import Gate
from tests.hostile.material import beside, json_texts, naughty, said_everywhere, spoilt, torn
from tests.hostile.senders import SENDERS, Sender, receiver, sent, wired
from tests.redis_server import RedisServer

MOST_SECONDS = 0.05
MOST_MEGABYTES = 20.0
WARM_UP = 300  # honest deliveries, after which memory is what it is
HALF = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{"


@dataclass(frozen=True)
class Nonsense:
    """For each of the three: payloads with odd values, torn bodies, and honest deliveries beside slow senders.

    `public`: whether the public sets are sent, too, where they are there.
    """

    spoilt: int = 350
    torn: int = 200
    slow: int = 200
    honest: int = 500
    public: bool = True


SHORT = Nonsense()
LONG = Nonsense(20_000, 14_000, 800, 2_000)


@dataclass
class Answers:
    """What was answered, and in how many seconds what was answered at all."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, status: str, seconds: float) -> None:
        self.statuses[status] += 1
        if status.isdigit():
            self.seconds.append(seconds)

    @property
    def broken(self) -> int:
        return sum(count for status, count in self.statuses.items() if status.startswith("5"))

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98]

    def __str__(self) -> str:
        return ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))


def nonsense(dice: Random, folder: Path, size: Nonsense = SHORT) -> list[Gate]:
    with RedisServer(folder / "redis") as redis, receiver(folder, redis.url) as there:
        for number in range(WARM_UP):
            _honest(there.port, f"warm-{number}")
        before = resident(there.pid)
        answers = Answers()
        for request in requests(dice, size):
            answers.add(*sent(there.port, request)[:2])
        grown = resident(there.pid) - before
        beside_slow = _slow(there.port, size)
        assert sent(there.port, wired("GET", "/readyz"))[0] == "200", "the receiver does not answer any more"
    return [*_judged(answers, grown), _slow_judged(beside_slow, size)]


def requests(dice: Random, size: Nonsense) -> Iterator[bytes]:
    """As bytes on the wire, for each of the three hooks."""
    for sender in SENDERS:
        for number, body in enumerate(_bodies(sender, dice, size)):
            yield wired("POST", sender.path, body, sender.prove(body, f"{sender.name}-{number}"))
        for body in json_texts(size.public):
            yield wired("POST", sender.path, body)
        yield from _odd_headers(sender)


def _bodies(sender: Sender, dice: Random, size: Nonsense) -> Iterator[bytes]:
    """All of them authentic: without that, no parser sees them."""
    yield from json_texts(size.public)
    for text in naughty(size.public):
        yield json.dumps(
            said_everywhere(dice.choice(sender.events if size.public else sender.own), text)
        ).encode()
    for _ in range(size.spoilt):
        yield json.dumps(
            spoilt(dice.choice(sender.events if size.public else sender.own), dice, dice.randint(1, 3))
        ).encode()
    for _ in range(size.torn):
        yield torn(json.dumps(dice.choice(sender.events if size.public else sender.own)).encode(), dice)


def _odd_headers(sender: Sender) -> Iterator[bytes]:
    for header in HEADERS:
        told = header.startswith((b"content-length", b"transfer-encoding"))
        length = b"" if told else b"content-length: 2\r\n"
        start = b"POST %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" % sender.path.encode()
        yield start + length + header + b"\r\n\r\n{}"


def _slow(port: int, size: Nonsense) -> Answers:
    """Honest deliveries while others have sent half a request, and never send the rest."""
    answers = Answers()
    with ExitStack() as stack:
        for number in range(size.slow):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            client.sendall(HALF % SENDERS[number % len(SENDERS)].path.encode())
        for number in range(size.honest):
            answers.add(*_honest(port, f"beside-{number}"))
    return answers


def _honest(port: int, name: str) -> tuple[str, float]:
    sender = SENDERS[0]
    body = json.dumps(sender.own[0]).encode()
    return sent(port, wired("POST", sender.path, body, sender.prove(body, name)))[:2]


def _judged(answers: Answers, grown: float) -> list[Gate]:
    total, load = sum(answers.statuses.values()), os.getloadavg()[0]
    done = f"{total} requests at three hooks, {beside()}"
    p50, p99 = statistics.median(answers.seconds) * 1000, answers.p99 * 1000
    times = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {max(answers.seconds) * 1000:.0f} ms; load average {load:.1f}"
    return [
        Gate(
            "S9 hostile requests", done, f"5xx: {answers.broken} ({answers})", "0 x 5xx", not answers.broken
        ),
        Gate("S9 time of an answer", "the same", times, "p99 under 50 ms", answers.p99 < MOST_SECONDS),
        Gate(
            "S9 memory of the receiver",
            "the same",
            f"grown by {grown:.1f} MB",
            "under 20 MB",
            grown < MOST_MEGABYTES,
        ),
    ]


def _slow_judged(answers: Answers, size: Nonsense) -> Gate:
    return Gate(
        "S9 slow senders",
        f"{size.slow} connections with half a request, {size.honest} honest deliveries meanwhile",
        f"{answers}; p99 {answers.p99 * 1000:.1f} ms",
        "all 202, p99 under 50 ms",
        answers.statuses.keys() == {"202"} and answers.p99 < MOST_SECONDS,
    )
