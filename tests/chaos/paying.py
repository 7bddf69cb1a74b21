"""S6: a worker's tree dies between two steps of a review, while models are asked: no answer is paid twice.

Four files are read side by side in three turns each, then one look at the claims. At each death so many turns of a
round are answered and kept, and the others are under way; or all is answered, and the rest of the review is. It is the
tree that dies, the worker alone, or its job alone. What happens in between, at each write of a step, is tried with
processes and the real file in `tests/entry/test_review_killed.py`.
"""

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.field import Field, field
from tests.chaos.gates import Gate
from tests.chaos.kills import CHILD, MANNERS, PARENT, TREE, killed
from tests.model_replies import about, confirmed, reported, turn, verifies
from tests.model_server import Body, ModelServer, Reply, answered, called, nothing_found, schema_of

FRUITS = ("apple", "fig", "pear", "plum")
LINE = "value = len('abcd')"
TURNS = 3
PARALLEL = 4
SECOND_LOOK = ("claims", 1)
POSITIONS = [(round, kept) for round in range(TURNS) for kept in range(PARALLEL)] + [(TURNS, 0)]
ANSWERED = (TURNS + 1, 0)
AFTER_SECONDS = 0.3  # from the last answer to a death, at most
DEATHS = list(itertools.product([*POSITIONS, ANSWERED], MANNERS))
Turn = tuple[str, int]


@dataclass(frozen=True)
class Paying:
    """`deaths`: so many of them, drawn at random."""

    deaths: int = 3


SHORT = Paying()
LONG = Paying(len(DEATHS))


class Reviewer:
    """Reads for two turns, then answers; turns in `held` are taken, and not answered before they are let go."""

    def __init__(self, files: list[str], held: set[Turn]) -> None:
        self.files = files
        self.asked = Counter[Turn]()
        self._held = held
        self._changed = threading.Condition()

    def __call__(self, body: Body) -> Reply:
        properties = (schema_of(body) or {}).get("properties", {})
        if not {"findings", "verdicts"} & properties.keys():
            return nothing_found(body)
        own = SECOND_LOOK if verifies(body) else (about(body, self.files), turn(body))
        with self._changed:
            self.asked[own] += 1
            self._changed.wait_for(lambda: own not in self._held)
        return confirmed(body) if own == SECOND_LOOK else self._read(*own)

    def _read(self, path: str, number: int) -> Reply:
        if number < TURNS:
            return called(("read_lines", {"path": path, "first": 1, "last": 9}))
        return answered({"findings": [reported(path, 3, LINE)] if path == self.files[0] else []})

    def let_go(self) -> None:
        with self._changed:
            self._held = set()
            self._changed.notify_all()


@dataclass(frozen=True)
class Paid:
    """`again`: turns asked for twice though they were answered and kept; `in_flight`: those that were under way."""

    again: int
    in_flight: int
    is_whole: bool


def paying(dice: Random, folder: Path, size: Paying = SHORT) -> list[Gate]:
    deaths = dice.sample(DEATHS, size.deaths)
    after = [dice.uniform(0, AFTER_SECONDS) for _ in deaths]
    with field(folder) as (here, model):
        seen = [
            _one_death(here, model, f"paying-{number:04}", *position, manner, after[number])
            for number, (position, manner) in enumerate(deaths)
        ]
    again, in_flight = sum(one.again for one in seen), max(one.in_flight for one in seen)
    partial = sum(not one.is_whole for one in seen)
    return [
        Gate(
            "S6 model calls after a death between two steps",
            f"{size.deaths} deaths in the middle of {PARALLEL * TURNS + 1} calls",
            f"finished ones paid again: {again}; in flight, asked again: {in_flight} at most; reviews not "
            f"as they should be: {partial}",
            f"0 finished; in flight at most {PARALLEL}",
            not again and in_flight <= PARALLEL and not partial,
        )
    ]


def _one_death(
    here: Field, model: ModelServer, branch: str, round: int, kept: int, manner: str, after: float
) -> Paid:
    files = {f"{branch}/{fruit}.py": f"{LINE}\n" * 700 for fruit in FRUITS}
    turns = [[(path, number) for path in files] for number in range(1, TURNS + 1)] + [[SECOND_LOOK]]
    is_answered = (round, kept) == ANSWERED
    under_way = {SECOND_LOOK} if is_answered else set(turns[round][kept:])
    model.reply = reviewer = Reviewer(list(files), set() if is_answered else under_way)
    iid = here.sandbox.merge_request(files=files, source=branch)
    if not is_answered:
        finished = PARALLEL * round + kept
        here.wait(lambda: here.kept_turns() == finished, what=f"{finished} turns to be kept")
    here.wait(lambda: reviewer.asked.keys() >= under_way, what="the next turns to be asked for")
    time.sleep(after if is_answered else 0)
    worker, jobs = here.process("agents"), here.children("agents")
    for victim in {TREE: [*jobs, worker], PARENT: [worker], CHILD: jobs}[manner]:
        killed(victim)
    reviewer.let_go()
    here.reviewed(iid)
    here.idle()
    twice = {own: times - 1 for own, times in reviewer.asked.items() if times > 1}
    return Paid(
        again=sum(times for own, times in twice.items() if own not in under_way),
        in_flight=sum(times for own, times in twice.items() if own in under_way),
        is_whole=len(here.findings(iid)) == 1 and here.notifications(iid) == ["review"],
    )
