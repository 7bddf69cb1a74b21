"""S21: a long ordinary day with its faults: the queue drains, and neither memory nor Redis grows with what was done.

New merge requests, comments that concern nobody and deliveries sent again come at one rate; GitLab and the model
stumble, and workers beside those of `trivet up` are killed. What `trivet up` runs is left alive, and its memory is
compared between a first part of the time, once everything has been used, and the last.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from tests.bench.memory import resident
from tests.chaos.field import EVERY_THIRD, Field
from tests.chaos.field import field as at_work
from tests.chaos.gates import Gate, shown
from tests.chaos.kills import CHILD, MANNERS, PARENT, TREE, killed
from tests.chaos.scripted import Fickle
from tests.chaos.storm import MODEL_FAULTS
from tests.chaos.weather import Weather
from tests.rig import processes

PARTS = ("serve", "agents", "effects", "schedule")
MOST_GROWTH = 5.0
"""Megabytes. Repeated runs of a minute differ by one or two, as allocators do. In the long run, of 9,000 deliveries of
some 5 KB, a process that kept an eighth of each would grow by more."""
KEYS_A_RUN = 9
"""The delivery, its event, the run, its report, its target, what was read and at which head; the day's tokens of the
merge request and of the run."""
KEYS_IN_ALL = 40  # queues, workers, counters, circuits
LASTING_KEYS = 20  # without an expiry
LOOK_SECONDS = 1.0
WARM = 0.3  # of the time, in which everything is used for the first time
OPENS, COMMENTS, AGAIN = "opens", "comments", "again"
DAY = (OPENS, COMMENTS, COMMENTS, AGAIN, AGAIN)


@dataclass(frozen=True)
class Soak:
    """`rate`: deliveries a second; `kills` and `faults`: one about every so many seconds."""

    seconds: float = 60
    rate: float = 5
    kills: float = 6
    faults: float = 3
    drain_seconds: float = 240


SHORT = Soak()
LONG = Soak(1800, kills=30, faults=10, drain_seconds=900)


@dataclass
class Watched:
    """Megabytes of each part of `trivet up`, a row a look."""

    here: Field
    enough: threading.Event = field(default_factory=threading.Event)
    megabytes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def run(self) -> None:
        pids = {part: self.here.process(part) for part in PARTS}
        while not self.enough.wait(LOOK_SECONDS):
            for part, pid in pids.items():
                self.megabytes[part].append(resident(pid))


def soak(dice: Random, folder: Path, size: Soak = SHORT) -> list[Gate]:
    model = Fickle(Random(dice.random()), MODEL_FAULTS)
    with at_work(folder, pairs=1, reply=model, sweep=60) as (here, _):
        watched, enough = Watched(here), threading.Event()
        weather = Weather(here.sandbox, Random(dice.random()), int(size.seconds / size.faults), size.faults)
        with ThreadPoolExecutor(3) as pool:
            looks, faults = pool.submit(watched.run), pool.submit(weather.run)
            dead = pool.submit(_kill, here, Random(dice.random()), size.kills, enough)
            try:
                iids = _day(here, dice, size)
                is_settled = here.settled(size.drain_seconds)
            finally:
                for one in (enough, weather.enough, watched.enough):
                    one.set()
            looks.result()
            faults.result()
        done = (
            f"{size.seconds / 60:g} min at {size.rate:g} deliveries/s, {len(iids)} merge requests; "
            f"{dead.result()} kills; GitLab's faults: {weather.ordered.total()}; the model's: {model.broke.total()}"
        )
        return [_drained(here, iids, is_settled, done), grown(watched.megabytes), _kept(here)]


# --- the day


def _day(here: Field, dice: Random, size: Soak) -> list[int]:
    """What comes in, in time; the merge requests that were opened."""
    iids = [here.open("soak-0000")]
    began = time.monotonic()
    for number in range(1, int(size.seconds * size.rate)):
        time.sleep(max(began + number / size.rate - time.monotonic(), 0))
        deed = dice.choice(DAY)
        if deed == OPENS:
            iids.append(here.open(f"soak-{number:04}", EVERY_THIRD))
        elif deed == COMMENTS:
            here.sandbox.comment(dice.choice(iids), f"Looks fine to me ({number}).")
        else:
            here.sandbox.resend(dice.choice(here.sandbox.state()["deliveries"])["id"])
    return iids


def _kill(here: Field, dice: Random, every: float, enough: threading.Event) -> int:
    """Kills those of our own workers that are at work, now and then; how many died."""
    dead = 0
    while not enough.wait(dice.uniform(0, 2 * every)):
        ours = {pid for pid, parent, _ in processes() if parent == os.getpid()}
        busy = [(worker, jobs) for worker, jobs in here.workers().items() if worker in ours and jobs]
        if busy:
            worker, jobs = dice.choice(busy)
            victims = {TREE: [*jobs, worker], PARENT: [worker], CHILD: jobs[:1]}[dice.choice(MANNERS)]
            dead += sum(map(killed, victims)) > 0
    return dead


# --- what is judged


def _drained(here: Field, iids: list[int], is_settled: bool, done: str) -> Gate:
    seen = here.tally(iids)
    numbers = f"{here.unfinished()} runs under way at the end; lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}"
    met = is_settled and not (seen.lost or seen.doubled)
    return Gate("S21 soak: the queue", done, numbers, "it drains; 0 lost, 0 doubled", met)


def grown(megabytes: Mapping[str, Sequence[float]]) -> Gate:
    """No figure is no proof: each part has to have been seen."""
    growth = {part: _growth(seen) for part, seen in megabytes.items()}
    numbers = "; ".join(
        f"{part} {more:+.1f} to {megabytes[part][-1]:.0f} MB" for part, more in growth.items()
    )
    met = growth.keys() == {*PARTS} and max(growth.values()) <= MOST_GROWTH
    return Gate(
        "S21 soak: memory", "resident, first part to last", numbers, f"at most {MOST_GROWTH:g} MB more", met
    )


def _kept(here: Field) -> Gate:
    """What is kept of a run goes by itself; a delivery that starts none leaves nothing; what stays is of no run."""
    client = here.redis()
    keys = [key.decode() for key in client.scan_iter(count=1000)]
    lasting = [key for key in keys if client.ttl(key) == -1]
    deliveries, runs = len(here.sandbox.state()["deliveries"]), len(here.runs())
    most = KEYS_IN_ALL + KEYS_A_RUN * runs
    return Gate(
        "S21 soak: Redis",
        f"{deliveries:,} deliveries, {runs:,} runs",
        f"{len(keys):,} keys; without an expiry: {len(lasting)}",
        f"at most {most:,}: {KEYS_A_RUN} a run and {KEYS_IN_ALL}; {LASTING_KEYS} without an expiry",
        len(keys) <= most and len(lasting) <= LASTING_KEYS,
    )


def _growth(seen: Sequence[float]) -> float:
    """Megabytes, from the time after the warm-up to the last, each as long as the warm-up; medians."""
    span = max(int(len(seen) * WARM), 1)
    return median(seen[-span:]) - median(seen[span : 2 * span] or seen)
