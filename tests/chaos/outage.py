"""An outage of GitLab longer than RQ's retries, in reviews that had begun: all of it, or of writing alone.

The pauses between the tries are skipped, so that an hour passes in seconds.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bot.entry.queue import RETRY_SECONDS
from tests.chaos.field import Field, field
from tests.chaos.gates import Gate, shown

FOR_EVER = 10**9
EVERYTHING = {"path": "/api/v4/|[.]git/", "status": 503}
WRITES = {"method": "POST", "path": "/draft_notes|/notes|/discussions|/award_emoji", "status": 503}
UNANSWERED = {"method": "POST", "path": "/draft_notes|/notes|/discussions", "drop_answer": True}
RETRIES_MINUTES = sum(RETRY_SECONDS) / 60


@dataclass(frozen=True)
class Outage:
    """`minutes`: how long it lasts for each run, at least."""

    requests: int = 4
    minutes: float = 20
    drain_seconds: float = 120


SHORT = Outage()
LONG = Outage(6, 6 * 60, 600)


def outage(dice: Random, folder: Path, size: Outage = SHORT) -> list[Gate]:
    kinds = {
        "everything answers 503": [EVERYTHING],
        "writes are refused with 503": [WRITES],
        "one write is done and never answered, then all are refused": [UNANSWERED, WRITES],
    }
    with field(folder) as (here, _):
        return [_one(here, dice, name, faults, size) for name, faults in kinds.items()]


def _one(here: Field, dice: Random, name: str, faults: list[dict[str, Any]], size: Outage) -> Gate:
    """It begins at a random request of the reviews."""
    requests = here.untold(size.requests, "".join(letter if letter.isalpha() else "-" for letter in name))
    for number, fault in enumerate(faults, 1):
        times = FOR_EVER if number == len(faults) else 1
        here.sandbox.fault(user="trivet", after=dice.randrange(6), times=times, **fault)
    here.tell(requests, 50)
    minutes = _endured(here, size)
    here.sandbox.clear_faults()
    here.skip_pauses()
    is_settled = here.settled(size.drain_seconds)
    seen = here.tally(one.iid for one in requests)
    return Gate(
        "an outage longer than RQ's retries",
        f"{len(requests)} merge requests; {name} for {minutes:.0f} min of time "
        f"skipped over (RQ's retries end after {RETRIES_MINUTES:.0f})",
        f"lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}",
        "0 lost, 0 doubled",
        is_settled and minutes >= size.minutes and not (seen.lost or seen.doubled),
    )


def _endured(here: Field, size: Outage) -> float:
    """Minutes that every run which GitLab keeps from its end has waited by now."""
    here.wait(here.all_wait, what="the outage to be felt")
    while (waited := min(here.outages().values()) / 60) < size.minutes:
        here.skip_pauses()
        here.wait(here.all_wait, what="the runs to be tried, and put back again")
    return waited
