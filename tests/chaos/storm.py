"""S1 and S2: workers are killed at random while merge requests come in, GitLab stumbles and the model breaks down."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.counting import Tally
from tests.chaos.field import field
from tests.chaos.gates import Gate, shown
from tests.chaos.kills import Reaper
from tests.chaos.scripted import Fickle
from tests.chaos.weather import Weather

MODEL_FAULTS = 0.1  # of its requests
UNDER_WAY = "; runs were still under way at the end"
TOO_FEW = "; only {made} of {wanted} kills were made: the reviews were over before"


@dataclass(frozen=True)
class Storm:
    """`rate`: deliveries a second; `pairs`: of workers beside those of `trivet up`; `time_outs`: of a minute each.

    `every`: seconds between two kills, about; `thinks`: seconds that a model takes.
    """

    requests: int = 100
    rate: float = 12
    kills: int = 10
    every: float = 1.2
    faults: int = 24
    time_outs: int = 0
    thinks: float = 0.1
    pairs: int = 1
    drain_seconds: float = 240


SHORT = Storm()
LONG = Storm(2000, 25, 200, faults=400, time_outs=4, pairs=2, drain_seconds=2700)


def storm(dice: Random, folder: Path, size: Storm = SHORT) -> list[Gate]:
    model = Fickle(Random(dice.random()), MODEL_FAULTS, size.thinks, hangs=min(size.time_outs, 2))
    with field(folder, pairs=size.pairs, reply=model) as (here, _):
        requests = here.untold(size.requests, "storm")
        reaper = Reaper(here, Random(dice.random()), size.kills, size.every)
        every = size.every * size.kills / max(size.faults, 1)
        weather = Weather(here.sandbox, Random(dice.random()), size.faults, every, size.time_outs)
        with ThreadPoolExecutor(2) as pool:
            under_way = [pool.submit(reaper.run), pool.submit(weather.run)]
            here.tell(requests, size.rate)
            is_settled = here.settled(size.drain_seconds)
            reaper.enough.set()
            weather.enough.set()
            for one in under_way:
                one.result()
        done = (
            f"{size.requests} merge requests at {size.rate:g}/s; kill -9: {reaper}; GitLab's faults: "
            f"{weather.ordered.total()}; the model's: {model.broke.total()}"
        )
        problem = "" if is_settled else UNDER_WAY
        if reaper.killed.total() < size.kills:
            problem += TOO_FEW.format(made=reaper.killed.total(), wanted=size.kills)
        return judged(here.tally(one.iid for one in requests), done, size.requests, problem)


def judged(seen: Tally, done: str, requests: int, problem: str = "") -> list[Gate]:
    """The rows of S1 and S2. `problem`: why the first says nothing, whatever was seen."""
    left = f"; left behind: {shown(seen.left)}" if seen.left else ""
    lost = f"lost: {shown(seen.lost)} of {requests}{problem}"
    doubled = f"doubled: {shown(seen.doubled)}{left}"
    return [
        Gate("S1 kill -9 of workers: reviews", done, lost, "0 lost", not (seen.lost or problem)),
        Gate("S2 kill -9 of workers: effects", "the same", doubled, "0 doubled", not seen.doubled),
    ]
