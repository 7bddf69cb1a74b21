"""S7: a newer push while the review of the one before is under way: nothing is said of a head that was left.

GitLab publishes whatever the head is by then: a push between the last look at the head and the publish cannot be seen.
Such a note is "in the air", if the look was right before it. Nor is a model paid for a head that was left: once the
newer one's delivery is answered, at most one more request about the older is begun, whatever has to be asked again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.counting import Seen, notes
from tests.chaos.field import CODE, Field, field
from tests.chaos.gates import Gate, shown
from tests.chaos.scripted import ORDERS, Fickle
from tests.model_server import Body, Reply, text_of

AT_ONCE = 5
RIGHT_BEFORE = 1.0  # seconds from the look at the head to the publish
LOOK_SECONDS = 0.01
MOST_CALLS = 1  # about the old head, begun after the newer one was delivered
LONG_FILES = 6  # beside the two with defects: each is read by a request of its own, four of them at once
LONG_FILE = "value = len('abcd')\n" * 700
LATER = "{branch}/later/code.py"
STUMBLES = 0.2  # of the model's requests, which are asked again then


@dataclass(frozen=True)
class Pushes:
    """`latest`: seconds after which a push comes at the latest; `thinks`: seconds a model takes.

    Every second push comes while models are asked, `during` seconds after their first request at the latest.
    """

    pushes: int = 10
    latest: float = 5
    during: float = 2
    thinks: float = 0.4
    drain_seconds: float = 120


SHORT = Pushes()
LONG = Pushes(200)


@dataclass(frozen=True)
class Pushed:
    """`old`: the head that was left; Unix times: between `before` and `after` the newer one came, until `delivered`
    its delivery was answered."""

    branch: str
    iid: int
    old: str
    before: float
    after: float
    delivered: float


class Asked:
    """A model that is remembered with the time at which each request came: Unix time and text."""

    def __init__(self, answers: Callable[[Body], Reply]) -> None:
        self.requests: list[tuple[float, str]] = []
        self._answers = answers

    def __call__(self, body: Body) -> Reply:
        self.requests.append((time.time(), text_of(body)))
        return self._answers(body)

    def knows(self, branch: str) -> bool:
        """Whether it was asked about what is changed there."""
        return any(f"{branch}/" in text for _, text in list(self.requests))

    def about_old_heads(self, pushed: list[Pushed]) -> Counter[int]:
        """Requests about each merge request's old head that began when the newer one was delivered."""
        return Counter(
            one.iid
            for one in pushed
            for at, text in self.requests
            if at > one.delivered and _is_old(text, one)
        )


def pushes(dice: Random, folder: Path, size: Pushes = SHORT) -> list[Gate]:
    model = Asked(Fickle(Random(dice.random()), STUMBLES, size.thinks))
    with field(folder, pairs=1, reply=model) as (here, _), ThreadPoolExecutor(AT_ONCE) as pool:
        pushed: list[Pushed] = []
        is_settled = True
        for first in range(0, size.pushes, AT_ONCE):
            names = [f"pushes-{number:04}" for number in range(first, min(first + AT_ONCE, size.pushes))]
            waits = [_wait(dice, model, size, first + place) for place, _ in enumerate(names)]
            pushed += pool.map(lambda name, wait: _pushed(here, name, wait), names, waits)
            is_settled &= here.settled(size.drain_seconds)
        return [_judged(here, pushed, is_settled), _paid(model, pushed)]


def _wait(dice: Random, model: Asked, size: Pushes, number: int) -> Callable[[Field, str], None]:
    """What comes between a merge request, known by its branch, and the push."""
    seconds = dice.uniform(0, size.during if number % 2 else size.latest)

    def wait(here: Field, branch: str) -> None:
        if number % 2:
            here.wait(lambda: model.knows(branch), size.drain_seconds, f"{branch} to be asked about")
        time.sleep(seconds)

    return wait


def _pushed(here: Field, branch: str, wait: Callable[[Field, str], None]) -> Pushed:
    """A merge request, and a newer head after the wait."""
    iid = _opened(here, branch)
    old = here.review(iid)["head"]
    wait(here, branch)
    before = time.time()
    here.sandbox.push(branch, {LATER.format(branch=branch): CODE})
    after = time.time()
    while not all(one["status"] for one in here.sandbox.state()["deliveries"]):
        time.sleep(LOOK_SECONDS)
    return Pushed(branch, iid, old, before, after, time.time())


def _opened(here: Field, branch: str) -> int:
    """One that takes a model several requests, some side by side; its number."""
    files = {f"{branch}/long{number}.py": LONG_FILE for number in range(LONG_FILES)}
    files |= {f"{branch}/code.py": CODE, f"{branch}/orders.py": ORDERS}
    here.sandbox.push(branch, files, start="main")
    return here.sandbox.merge_request(f"Add {branch}", source=branch)


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


def _paid(model: Asked, pushed: list[Pushed]) -> Gate:
    late = model.about_old_heads(pushed)
    under_way = sum(
        any(_is_old(text, one) and at < one.delivered for at, text in model.requests) for one in pushed
    )
    worst = [f"!{iid}: {calls}" for iid, calls in late.most_common() if calls]
    return Gate(
        "S7 model calls for a head that was left",
        f"the same; models were asked about {under_way} of the old heads; one request in five fails",
        f"begun after the newer head's delivery: {shown(worst)}, {max(late.values(), default=0)} at most for one",
        f"at most {MOST_CALLS} for each, and old heads asked about",
        under_way > 0 and max(late.values(), default=0) <= MOST_CALLS,
    )


def _is_old(text: str, pushed: Pushed) -> bool:
    """Whether a request is about the old head: every one lists the files it is about, the new head's the later one."""
    return f"{pushed.branch}/" in text and LATER.format(branch=pushed.branch) not in text


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
