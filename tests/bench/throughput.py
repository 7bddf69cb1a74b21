"""The receiver's throughput at four connections, against a bare endpoint under the same server settings."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import serving
from tests.bench.load import closed_load
from tests.bench.table import Row, row, spread

CONNECTIONS = 4
LEAST_SHARE = 0.75
RATE = "{:.0f}/s"
MICROSECONDS = "{:.0f} us"


@dataclass(frozen=True)
class Window:
    """Deliveries a second, and the server's processor time for one of them in microseconds.

    A neighbour's load halves the rate of both servers, and not always alike; the processor time it changes little.
    """

    rate: float
    cost: float


def rows(pairs: int = 11, seconds: float = 1.5, warm_up: float = 1.5) -> list[Row]:
    """Windows of both in turn, so that a neighbour's load falls on both."""
    ours: list[Window] = []
    bare: list[Window] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            serving.redis(folder / "redis") as redis,
            serving.receiver(folder, redis.url) as receiver,
            serving.bare(folder, redis.url) as plain,
        ):
            for server in (receiver, plain):
                closed_load(server.port, connections=CONNECTIONS, seconds=warm_up)
            for _ in range(pairs):
                for server, seen in ((receiver, ours), (plain, bare)):
                    redis.client().flushdb()
                    seen.append(_window(server, seconds))
    return [_share(ours, bare), *_figures("the receiver itself", ours), *_figures("the bare endpoint", bare)]


def _window(server: serving.Server, seconds: float) -> Window:
    before = _processor_seconds(server.pid)
    load = closed_load(server.port, connections=CONNECTIONS, seconds=seconds)
    spent = _processor_seconds(server.pid) - before
    return Window(load.rate, spent / sum(load.answers.values()) * 1e6)


def _processor_seconds(pid: int) -> float:
    """User and system time (proc(5): fields 14 and 15 of `stat`, in clock ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _share(ours: list[Window], bare: list[Window]) -> Row:
    share = median(one.rate for one in ours) / median(one.rate for one in bare)
    return Row(
        "receiver throughput at 4 connections, share of a bare FastAPI endpoint's (ratio of medians; "
        "signed 20 KB, each delivery a new run)",
        f"{share:.0%}",
        spread([own.rate / other.rate for own, other in zip(ours, bare, strict=True)], "{:.0%}"),
        len(ours),
        "at least 75 %",
        share >= LEAST_SHARE,
    )


def _figures(name: str, seen: list[Window]) -> list[Row]:
    return [
        row(name, [one.rate for one in seen], RATE),
        row(f"{name}: processor time of one delivery", [one.cost for one in seen], MICROSECONDS),
    ]


if __name__ == "__main__":
    print(*rows(), sep="\n")
