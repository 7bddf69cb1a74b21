"""S9: what no honest sender sends, at the three hooks of the real receiver: it is answered, at once."""

import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.bench.hostile import HEADERS
from tests.bench.memory import resident
from tests.bench.serving import Server
from tests.chaos.gates import Gate
from tests.hostile.dribbling import HELD, Place, slow_senders
from tests.hostile.material import beside, json_texts, naughty, said_everywhere, spoilt, torn
from tests.hostile.senders import SENDERS, Sender, receiver, sent, started, wired
from tests.redis_server import RedisServer

MOST_SECONDS = 0.05
MOST_MEGABYTES = 20.0
MOST_PATIENCE = 15.0  # seconds: 11 of patience, and what a machine under load makes of them
NOBODY = "http://127.0.0.1:9"
WARM_UP = 300  # honest deliveries, after which memory is what it is


@dataclass(frozen=True)
class Nonsense:
    """For each of the three: payloads with odd values and torn bodies.

    `slow`: connections that never send a whole request; `honest`: deliveries beside them. `public`: whether the public
    sets are sent, too, where they are there.
    """

    spoilt: int = 350
    torn: int = 200
    slow: int = 400
    honest: int = 500
    public: bool = True


SHORT = Nonsense()
LONG = Nonsense(20_000, 14_000, 2_400, 2_000)


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
    with (
        RedisServer(folder / "redis") as redis,
        receiver(folder, redis.url) as there,
        _api(folder, redis.url) as api,
    ):
        for number in range(WARM_UP):
            _honest(there.port, f"warm-{number}")
        before = resident(there.pid)
        answers = Answers()
        for request in requests(dice, size):
            answers.add(*sent(there.port, request)[:2])
        grown = resident(there.pid) - before
        slow = beside_the_slow(there, api, size)
        for server in (there, api):
            assert sent(server.port, wired("GET", "/readyz"))[0] == "200", "it does not answer any more"
    return [*_judged(answers, grown), *slow]


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


def _api(folder: Path, redis_url: str) -> AbstractContextManager[Server]:
    """`trivet web`, with a GitLab that it never needs to ask."""
    settings = {
        "TRIVET_REDIS_URL": redis_url,
        "TRIVET_DATA_DIR": str(folder / "data"),
        "TRIVET_PUBLIC_URL": NOBODY,
        "TRIVET_GITLAB__URL": NOBODY,
        "TRIVET_GITLAB__READ_TOKEN": "t" * 20,
    }
    return started("web", folder, settings)


def beside_the_slow(there: Server, api: Server, size: Nonsense) -> list[Gate]:
    """Honest deliveries all the while that others hold connections open, and while those are cut off."""
    places = [*(Place(there.port, sender.path) for sender in SENDERS), Place(api.port, "/api/v1/runs")]
    answers = Answers()
    with slow_senders(places, size.slow) as slow:
        began = time.monotonic()
        for number in range(size.honest):
            time.sleep(max(0, began + number * MOST_PATIENCE / size.honest - time.monotonic()))
            answers.add(*_honest(there.port, f"beside-{number}"))
        slow.wait(began + MOST_PATIENCE)
    return _slow_judged(
        answers,
        slow.ends(),
        f"{size.slow} connections to the receiver and the runs API that send {', '.join(HELD)}",
    )


def _slow_judged(answers: Answers, ends: Counter[str], slow: str) -> list[Gate]:
    """`ends`: how the slow connections ended."""
    told = ", ".join(f"{count} x {end}" for end, count in sorted(ends.items()))
    return [
        Gate(
            "S9 slow senders",
            f"{slow}; {answers.statuses.total()} honest deliveries meanwhile",
            f"{answers}; p99 {answers.p99 * 1000:.1f} ms",
            "all 202, p99 under 50 ms",
            answers.statuses.keys() == {"202"} and answers.p99 < MOST_SECONDS,
        ),
        Gate(
            "S9 connections held open",
            slow,
            told,
            f"all closed within {MOST_PATIENCE:g} s, nothing but 408 answered",
            ends.keys() <= {"closed", "408"},
        ),
    ]
