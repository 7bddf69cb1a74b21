"""Resident memory of `trivet serve`: idle, and after load."""

import tempfile
from pathlib import Path

from tests.bench import serving
from tests.bench.load import closed_load
from tests.bench.table import Row, row

MOST_MEGABYTES = 80
MEGABYTES = "{:.0f} MB"
CONNECTIONS = 32


def rows(runs: int = 3, seconds: float = 2.5) -> list[Row]:
    """A fresh process for each run."""
    idle, loaded = zip(*(_one_run(seconds) for _ in range(runs)), strict=True)
    after = f"after {seconds:g} s of 20 KB deliveries at {CONNECTIONS} connections"
    return [
        row("receiver resident memory, idle", idle, MEGABYTES, "under 80 MB", MOST_MEGABYTES),
        row(f"receiver resident memory, {after}", loaded, MEGABYTES, "under 80 MB", MOST_MEGABYTES),
    ]


def _one_run(seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as name, serving.redis(Path(name) / "redis") as redis:
        with serving.receiver(Path(name), redis.url) as receiver:
            idle = resident(receiver.pid)
            closed_load(receiver.port, connections=CONNECTIONS, seconds=seconds)
            return idle, resident(receiver.pid)


def resident(pid: int) -> float:
    """Megabytes (10^6 bytes) of a process's memory that are in RAM."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    return kibibytes * 1024 / 1e6


if __name__ == "__main__":
    print(*rows(), sep="\n")
