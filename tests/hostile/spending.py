"""S12: fifty workers reserve tokens at once on a real server, and some die before they settle: no cap is passed."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from redis import Redis

from bot.errors import OverBudget
from tests.chaos.gates import Gate, shown
from tests.entry.test_allowance import budget, in_use, refused
from tests.redis_server import RedisServer

WORKERS = 50
MERGE_REQUESTS = 5
HOLD = 3.0
DIES = 0.2  # of the calls


@dataclass(frozen=True)
class Spending:
    """`calls`: of all workers together; `day`, `mr`: the caps."""

    calls: int = 1_000
    day: int = 60_000
    mr: int = 15_000


SHORT = Spending()
LONG = Spending(50_000, 3_000_000, 700_000)


@dataclass(frozen=True)
class Spent:
    """What one worker paid, by merge request, and what it saw above a cap."""

    merge_request: str
    paid: int
    through: int
    over: tuple[str, ...]


def spending(dice: Random, folder: Path, size: Spending = SHORT) -> list[Gate]:
    seeds = [dice.random() for _ in range(WORKERS)]
    start = threading.Barrier(WORKERS, timeout=60)
    with RedisServer(folder) as server, server.client() as client:
        with ThreadPoolExecutor(WORKERS) as pool:
            done = list(
                pool.map(
                    lambda number: _work(server, number, Random(seeds[number]), start, size), range(WORKERS)
                )
            )
        paid = sum(one.paid for one in done)
        over = [words for one in done for words in one.over]
        over += [f"{paid} tokens paid of {size.day}"] if paid > size.day else []
        over += _over_by_merge_request(done, size)
        held = _held(client, size, paid)
    through = sum(one.through for one in done)
    what = f"{size.calls} calls of {WORKERS} workers, one in five of which dies with its reservation"
    numbers = f"over a cap: {shown(over)}; {through} let through, {paid:,} of {size.day:,} tokens paid"
    return [
        Gate("S12 budget: overspent", what, numbers, "0 over a cap", not over),
        Gate("S12 budget: held by the dead", f"{HOLD:g} s later", f"{held:,} tokens", "0 tokens", held == 0),
    ]


def _work(server: RedisServer, number: int, dice: Random, start: threading.Barrier, size: Spending) -> Spent:
    merge_request = f"7:{number % MERGE_REQUESTS}"
    paid, through, over = 0, 0, list[str]()
    with server.client() as own:
        one = budget(own, f"r{number}", merge_request, day_tokens=size.day, mr_tokens=size.mr, hold=HOLD)
        start.wait()
        for _ in range(size.calls // WORKERS):
            tokens = dice.randint(10, 400)
            try:
                reservation = one.reserve(tokens)
            except OverBudget:
                continue
            through += 1
            if (used := in_use(own)) > size.day:
                over.append(f"{used:,} tokens in use")
            if dice.random() >= DIES:
                reservation.settle(actual := dice.randint(0, tokens))
                paid += actual
    return Spent(merge_request, paid, through, tuple(over))


def _over_by_merge_request(done: list[Spent], size: Spending) -> list[str]:
    paid = {
        name: sum(one.paid for one in done if one.merge_request == name)
        for name in {one.merge_request for one in done}
    }
    return [f"{tokens:,} tokens paid for {name}" for name, tokens in paid.items() if tokens > size.mr]


def _held(client: Redis, size: Spending, paid: int) -> int:
    """How many of the tokens that nobody paid cannot be reserved, once every hold has run out."""
    free = size.day - paid
    last = budget(client, "last", "8:1", day_tokens=size.day)
    deadline = time.monotonic() + HOLD + 5
    while refused(last, free):
        if time.monotonic() > deadline:
            return in_use(client) - paid
        time.sleep(0.05)
    return 0
