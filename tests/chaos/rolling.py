"""S20: a new version is rolled out: workers are told to stop in turn, in the middle of jobs, or killed."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.field import Field, field
from tests.chaos.gates import Gate, shown
from tests.chaos.kills import killed
from tests.chaos.scripted import review
from tests.model_server import Body, Reply

BETWEEN = 0.5
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Rolling:
    """`thinks`: the longest a model takes; `grace`: about what a worker has to stop in; seconds."""

    requests: int = 16
    rate: float = 2
    rolls: int = 3
    thinks: float = 2
    grace: float = 4
    drain_seconds: float = 150


SHORT = Rolling()
LONG = Rolling(30, 0.5, 20, 60, 15, 2400)


@dataclass
class Rolled:
    """What became of the workers that were told to stop."""

    stopped: int = 0
    killed: int = 0


def rolling(dice: Random, folder: Path, size: Rolling = SHORT) -> list[Gate]:
    models_dice = Random(dice.random())

    def reply(body: Body) -> Reply:
        time.sleep(models_dice.uniform(0, size.thinks))
        return review(body)

    with field(folder, pairs=1, reply=reply) as (here, _):
        requests = here.untold(size.requests, "rolling")
        enough = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            rolled = pool.submit(_roll, here, Random(dice.random()), size, enough)
            here.tell(requests, size.rate)
            is_settled = here.settled(size.drain_seconds)
            enough.set()
            became = rolled.result()
        seen = here.tally(one.iid for one in requests)
        return [
            Gate(
                "S20 workers are stopped in turn",
                f"{size.requests} merge requests at {size.rate:g}/s, SIGTERM to every worker {size.rolls} times, "
                f"about {size.grace:g} s of grace: {became.stopped} stopped, {became.killed} killed",
                f"lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}",
                "0 lost, 0 doubled",
                is_settled and not (seen.lost or seen.doubled),
            )
        ]


def _roll(here: Field, dice: Random, size: Rolling, enough: threading.Event) -> Rolled:
    became = Rolled()
    for _ in range(size.rolls):
        workers = list(here.workers())
        dice.shuffle(workers)
        for worker in workers:
            if enough.wait(dice.uniform(0, 2 * BETWEEN)):
                return became
            _stop(here, worker, dice.uniform(0, 2 * size.grace), became)
    return became


def _stop(here: Field, worker: int, grace: float, became: Rolled) -> None:
    """SIGTERM, and `kill -9` to it and its job once the grace is over."""
    try:
        os.kill(worker, signal.SIGTERM)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + grace
    while worker in here.workers():
        if time.monotonic() > deadline:
            became.killed += sum(map(killed, [worker, *here.workers().get(worker, ())])) > 0
            return
        time.sleep(LOOK_SECONDS)
    became.stopped += 1
