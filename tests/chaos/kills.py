"""`kill -9` of workers that are at work, at random: the whole tree, the worker alone, its job alone."""

import os
import signal
import threading
from collections import Counter
from random import Random

from tests.chaos.field import Field

TREE, PARENT, CHILD = "tree", "parent", "child"
MANNERS = (TREE, PARENT, CHILD)
INTO_A_JOB_SECONDS = 0.3
PATIENCE = 200  # looks for a worker that is at work, which take a few hundredths of a second each
BETWEEN_LOOKS = 0.03


class Reaper:
    """Kills so many times, about every so many seconds, and only who has a job at hand; ends early once `enough`."""

    def __init__(self, field: Field, dice: Random, kills: int, every: float) -> None:
        self._field = field
        self._dice = dice
        self._kills = kills
        self._every = every
        self.enough = threading.Event()
        self.killed = Counter[str]()

    def run(self) -> None:
        for _ in range(self._kills):
            if self.enough.wait(self._dice.uniform(0, 2 * self._every)):
                return
            self._strike(self._dice.choice(MANNERS))

    def _strike(self, manner: str) -> None:
        for _ in range(PATIENCE):
            if self.enough.wait(self._dice.uniform(0, INTO_A_JOB_SECONDS) + BETWEEN_LOOKS):
                return
            busy = [(worker, jobs) for worker, jobs in self._field.workers().items() if jobs]
            if busy:
                self._kill(manner, *self._dice.choice(busy))
                return

    def _kill(self, manner: str, worker: int, jobs: list[int]) -> None:
        victims = {TREE: [*jobs, worker], PARENT: [worker], CHILD: jobs[:1]}[manner]
        self._dice.shuffle(victims)
        self.killed[manner] += sum(map(killed, victims)) > 0

    def __str__(self) -> str:
        return ", ".join(f"{self.killed[manner]} {manner}" for manner in MANNERS)


def killed(pid: int) -> bool:
    """Whether it was still there to be killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
