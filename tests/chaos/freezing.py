"""A worker stands still in the middle of its job, as in a machine that is suspended, until another has taken it over;
then it wakes, and goes on where it was."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bot.entry.lease import LEASE_SECONDS
from tests.chaos.field import Field, field
from tests.chaos.gates import Gate, shown

LONGER = 6.0  # seconds beyond a lease: in which another takes the job over, and does it
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Freezing:
    """`freezes`: each of a worker at work, all its processes with it."""

    requests: int = 12
    rate: float = 1
    freezes: int = 2
    drain_seconds: float = 120


SHORT = Freezing()
LONG = Freezing(120, 0.5, 20, 600)


def freezing(dice: Random, folder: Path, size: Freezing = SHORT) -> list[Gate]:
    with field(folder, pairs=2) as (here, _):
        requests = here.untold(size.requests, "freezing")
        with ThreadPoolExecutor(1) as pool:
            frozen = pool.submit(_freeze, here, Random(dice.random()), size)
            here.tell(requests, size.rate)
            woken = frozen.result()
        is_settled = here.settled(size.drain_seconds)
        seen = here.tally(one.iid for one in requests)
        return [
            Gate(
                "S1, S2 workers stand still and wake",
                f"{size.requests} merge requests at {size.rate:g}/s; SIGSTOP of {woken} workers with their jobs, "
                f"SIGCONT {LEASE_SECONDS + LONGER:g} s later",
                f"lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}",
                "0 lost, 0 doubled",
                is_settled and woken == size.freezes and not (seen.lost or seen.doubled),
            )
        ]


def _freeze(here: Field, dice: Random, size: Freezing) -> int:
    """How many were caught at work."""
    return sum(_frozen(here, dice) for _ in range(size.freezes))


def _frozen(here: Field, dice: Random) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(dice.uniform(0, 0.1) + LOOK_SECONDS)
        busy = [[worker, *jobs] for worker, jobs in here.workers().items() if jobs]
        if busy:
            _still(dice.choice(busy))
            return True
    return False


def _still(pids: list[int]) -> None:
    """Whoever took the job over may have ended some of them."""
    for number, pause in ((signal.SIGSTOP, LEASE_SECONDS + LONGER), (signal.SIGCONT, 0.0)):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(pause)
