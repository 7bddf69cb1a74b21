"""S7: a newer push while the review of the one before is under way: nothing is said of a head that was left.

GitLab publishes whatever the head is by then: a push between the last look at the head and the publish cannot be seen.
Such a note is "in the air", if the look was right before it.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.counting import Seen, notes
from tests.chaos.field import CODE, Field, field
from tests.chaos.gates import Gate, shown
from tests.chaos.scripted import review
from tests.model_server import Body, Reply

AT_ONCE = 5
RIGHT_BEFORE = 1.0  # seconds from the look at the head to the publish


@dataclass(frozen=True)
class Pushes:
    """`latest`: seconds after which a push comes at the latest; `thinks`: seconds a model takes."""

    pushes: int = 10
    latest: float = 5
    thinks: float = 0.4
    drain_seconds: float = 120


SHORT = Pushes()
LONG = Pushes(200)


@dataclass(frozen=True)
class Pushed:
    """`old`: the head that was left, `before` and `after`: Unix times between which the newer one came."""

    iid: int
    old: str
    before: float
    after: float


def pushes(dice: Random, folder: Path, size: Pushes = SHORT) -> list[Gate]:
    def reply(body: Body) -> Reply:
        time.sleep(size.thinks)
        return review(body)

    with field(folder, reply=reply) as (here, _), ThreadPoolExecutor(AT_ONCE) as pool:
        pushed: list[Pushed] = []
        is_settled = True
        for first in range(0, size.pushes, AT_ONCE):
            names = [f"pushes-{number:04}" for number in range(first, min(first + AT_ONCE, size.pushes))]
            waits = [dice.uniform(0, size.latest) for _ in names]
            pushed += pool.map(lambda name, wait: _pushed(here, name, wait), names, waits)
            is_settled &= here.settled(size.drain_seconds)
        return [_judged(here, pushed, is_settled)]


def _pushed(here: Field, branch: str, wait: float) -> Pushed:
    """A merge request, and a newer head after so many seconds."""
    iid = here.open(branch)
    old = here.review(iid)["head"]
    time.sleep(wait)
    before = time.time()
    here.sandbox.push(branch, {f"{branch}/later/code.py": CODE})
    return Pushed(iid, old, before, time.time())


def _judged(here: Field, pushed: list[Pushed], is_settled: bool) -> Gate:
    state, asked = here.sandbox.state(), here.sandbox.requests("GET")
    requests = {one["iid"]: one for one in state["merge_requests"]}
    late = [(one, note) for one in pushed for note in _late(requests[one.iid], one)]
    stale = [f"!{one.iid} note {note.id}" for one, note in late if not _was_in_the_air(asked, one, note)]
    seen = here.tally((one.iid for one in pushed), most_notifications=2)
    return Gate(
        "S7 a newer push during the review",
        f"{len(pushed)} pushes at random moments, {AT_ONCE} merge requests at a time",
        f"notes on the old head after the push: {shown(stale)} (in the air at that moment: {len(late) - len(stale)}); "
        f"new heads lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}",
        "0 notes, 0 lost, 0 doubled",
        is_settled and not (stale or seen.lost or seen.doubled),
    )


def _late(request: dict[str, Any], pushed: Pushed) -> Iterator[Seen]:
    """Notes about the old head that were written once the new one was there."""
    for note in notes(request):
        if note.head == pushed.old and _time(note.at) > pushed.after:
            yield note


def _was_in_the_air(asked: list[dict[str, Any]], pushed: Pushed, note: Seen) -> bool:
    """Whether the last look at the head before the note was right before it, and could not show the push yet."""
    written = _time(note.at)
    looks = [_time(one["at"]) for one in asked if one["path"].endswith(f"/merge_requests/{pushed.iid}")]
    last = max((at for at in looks if at < written), default=0.0)
    return last < pushed.after and written - last < RIGHT_BEFORE


def _time(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()
