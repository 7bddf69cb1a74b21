"""S5: a worker's whole process tree dies in the middle of a review: how long until the review goes on."""

import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.field import Field, field
from tests.chaos.gates import Gate

MOST_SECONDS = 15
HANG_SECONDS = 8.0


@dataclass(frozen=True)
class Dying:
    deaths: int = 2


SHORT = Dying()
LONG = Dying(20)


def dying(dice: Random, folder: Path, size: Dying = SHORT) -> list[Gate]:
    with field(folder) as (here, _):
        seen = [_one_death(here, f"dying-{number:04}", dice) for number in range(size.deaths)]
    return [
        Gate(
            "S5 a worker's tree dies in the middle of a review",
            f"{size.deaths} deaths, no sweep",
            f"it goes on after {sorted(seen)[len(seen) // 2]:.1f} s (median), {max(seen):.1f} s at most",
            f"under {MOST_SECONDS} s",
            max(seen) < MOST_SECONDS,
        )
    ]


def _one_death(here: Field, branch: str, dice: Random) -> float:
    """Seconds from the kill to the first request of the job's next execution."""
    here.sandbox.clear_requests()
    here.sandbox.fault(path="/discussions", method="GET", user="trivet", hang=HANG_SECONDS)
    iid = here.open(branch)
    here.wait(lambda: here.sandbox.requests(path="/diffs"), what="the review to be on its way")
    time.sleep(dice.uniform(0, 1))
    before = _reads(here, iid)
    here.kill("agents", tree=True)
    killed = time.monotonic()
    here.wait(lambda: _reads(here, iid) > before, what="the review to go on")
    seconds = time.monotonic() - killed
    here.reviewed(iid)
    here.idle()
    return seconds


def _reads(here: Field, iid: int) -> int:
    """How often the head of the merge request was asked for."""
    asked = here.sandbox.requests("GET", f"/merge_requests/{iid}")
    return sum(one["path"].endswith(f"/merge_requests/{iid}") for one in asked)
