"""S3: Redis and the receiver are killed while deliveries come in. What was acknowledged is reviewed with no sweep.

What was answered with anything but 2xx, or not at all, may be missing until the sweep looks.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import sleep

from tests.chaos.field import Field, Untold, field
from tests.chaos.gates import Gate, shown
from tests.chaos.kills import killed

VICTIMS = ("redis", "serve")
KILL_EVERY = 4.0  # seconds, about
MOST_TRIES = 5  # for each kill: what died may not be there again yet


@dataclass(frozen=True)
class Losses:
    requests: int = 40
    rate: float = 2
    kills: int = 5
    drain_seconds: float = 150


SHORT = Losses()
LONG = Losses(400, 2, 50, 900)


def losses(dice: Random, folder: Path, size: Losses = SHORT) -> list[Gate]:
    with field(folder) as (here, _):
        requests = here.untold(size.requests, "losses")
        with ThreadPoolExecutor(1) as pool:
            killing = pool.submit(_kill, here, Random(dice.random()), size.kills)
            here.tell(requests, size.rate)
            kills = killing.result()
        return [_judged(here, requests, kills, size)]


def _kill(here: Field, dice: Random, times: int) -> Counter[str]:
    """Redis or the receiver, whenever there is one again."""
    kills = Counter[str]()
    for _ in range(MOST_TRIES * times):
        if kills.total() == times:
            break
        sleep(dice.uniform(0, 2 * KILL_EVERY))
        victim = dice.choice(VICTIMS)
        kills[victim] += sum(map(killed, here.parts(victim)))
    return kills


def _judged(here: Field, requests: list[Untold], kills: Counter[str], size: Losses) -> Gate:
    """Before a sweep, of those acknowledged; after it, of all."""
    is_settled = here.settled(size.drain_seconds)
    acknowledged = here.acknowledged(requests)
    answers = ", ".join(f"{count} x {answer}" for answer, count in here.answers(requests).most_common())
    before = here.tally(one.iid for one in acknowledged)
    here.sweep()
    is_settled &= here.settled(size.drain_seconds)
    after = here.tally(one.iid for one in requests)
    return Gate(
        "S3 kill -9 of Redis (AOF everysec) and receiver",
        f"{size.requests} merge requests at {size.rate:g}/s; kill -9: "
        + ", ".join(f"{kills[victim]} {victim}" for victim in VICTIMS),
        f"answers: {answers}; acknowledged ones lost: {shown(before.lost)}; after a sweep lost: "
        f"{shown(after.lost)}; doubled: {shown(after.doubled)}",
        "0 lost, 0 doubled",
        is_settled and kills.total() == size.kills and not (before.lost or after.lost or after.doubled),
    )
