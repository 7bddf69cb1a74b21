"""The receiver's throughput at four connections, against a bare endpoint under the same server settings."""

import tempfile
from pathlib import Path
from statistics import median

from tests.bench import serving
from tests.bench.load import closed_load
from tests.bench.table import Row, row, spread

CONNECTIONS = 4
LEAST_SHARE = 0.75
RATE = "{:.0f}/s"


def rows(pairs: int = 11, seconds: float = 1.5, warm_up: float = 1.5) -> list[Row]:
    """Windows of both in turn, so that a neighbour's load falls on both."""
    ours: list[float] = []
    bare: list[float] = []
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
                    load = closed_load(server.port, connections=CONNECTIONS, seconds=seconds)
                    seen.append(load.rate)
    return [_share(ours, bare), row("the receiver itself", ours, RATE), row("the bare endpoint", bare, RATE)]


def _share(ours: list[float], bare: list[float]) -> Row:
    share = median(ours) / median(bare)
    return Row(
        "receiver throughput at 4 connections, share of a bare FastAPI endpoint's (ratio of medians; "
        "signed 20 KB, each delivery a new run)",
        f"{share:.0%}",
        spread([own / other for own, other in zip(ours, bare, strict=True)], "{:.0%}"),
        len(ours),
        "at least 75 %",
        share >= LEAST_SHARE,
    )


if __name__ == "__main__":
    print(*rows(), sep="\n")
