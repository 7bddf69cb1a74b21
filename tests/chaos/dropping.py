"""S4: deliveries that GitLab drops, some at first, then all of them: the sweep finds each merge request in time."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.counting import notes
from tests.chaos.field import Field, field
from tests.chaos.gates import Gate, shown

DROPPED = 0.3
PERIODS = 2


@dataclass(frozen=True)
class Dropping:
    """`requests`: half of them while some deliveries are dropped, half with the hook off, so many a second."""

    requests: int = 20
    rate: float = 1
    period: float = 6
    drain_seconds: float = 60


SHORT = Dropping()
LONG = Dropping(240, 1, 6, 300)


def dropping(dice: Random, folder: Path, size: Dropping = SHORT) -> list[Gate]:
    with field(folder, sweep=size.period) as (here, _):
        some = _opened(here, size.requests // 2, size.rate, "some", dice, DROPPED)
        none = _opened(here, size.requests - len(some), size.rate, "none", dice, 1)
        here.reviewed_all([*some, *none], size.drain_seconds)
        is_settled = here.settled(size.drain_seconds)
        return [
            _judged(here, some, f"{DROPPED:.0%} of the deliveries dropped", size, is_settled),
            _judged(here, none, "hook switched off", size, is_settled),
        ]


def _opened(here: Field, count: int, rate: float, name: str, dice: Random, dropped: float) -> list[int]:
    """Merge requests, so many a second; a share of their deliveries is dropped."""
    iids = []
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(began + number / rate - time.monotonic(), 0))
        here.sandbox.drop_hooks(dice.random() < dropped)
        iids.append(here.open(f"{name}-{number:04}"))
    return iids


def _judged(here: Field, iids: list[int], done: str, size: Dropping, is_settled: bool) -> Gate:
    state = here.sandbox.state()
    seen = here.tally(iids)
    delays = sorted(_delay(one) for one in state["merge_requests"] if one["iid"] in iids)
    most = PERIODS * size.period
    return Gate(
        "S4 dropped deliveries, the sweep alone",
        f"{len(iids)} merge requests at {size.rate:g}/s, {done}; a sweep every {size.period:g} s",
        f"lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}; reviewed after {delays[len(delays) // 2]:.1f} s "
        f"(median), {delays[-1]:.1f} s at the latest",
        f"0 lost, 0 doubled, all within {PERIODS} periods ({most:g} s)",
        is_settled and not (seen.lost or seen.doubled) and delays[-1] <= most,
    )


def _delay(request: dict[str, Any]) -> float:
    """Seconds from opening it to its summary; endless where there is none."""
    at = [_time(one.at) for one in notes(request) if one.told[0] == "summary"]
    return min(at, default=float("inf")) - _time(request["created_at"])


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
