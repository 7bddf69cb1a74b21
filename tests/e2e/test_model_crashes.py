"""The agents worker dies while models are asked: what they had answered is not paid for again, and one review appears.

Four units of three turns run side by side, two of the turns reading; then one second look. TEST_EVERY_POSITION=1 tries
every number of answers in every round.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.model_replies import about, confirmed, reported, turn, verifies
from tests.model_server import Body, ModelServer, Reply, answered, called
from tests.rig import Rig

PARALLEL = 4
TURNS = 3
CALLS = PARALLEL * TURNS + 1
VERIFY = ("claims", 1)
FEW = [(1, 0), (2, 2), (3, 4), (4, 0)]
ALL = [(round, answers) for round in (1, 2, 3) for answers in range(PARALLEL + 1)] + [(4, 0)]
POSITIONS = ALL if os.environ.get("TEST_EVERY_POSITION") else FEW

Turn = tuple[str, int]


class Reviewer:
    """Reads for two turns, then answers; the turns in `held` are taken and not answered before they are let go."""

    def __init__(self, files: list[str]) -> None:
        self.files = files
        self.asked: Counter[Turn] = Counter()
        self.held: set[Turn] = set()
        self._changed = threading.Condition()

    def __call__(self, body: Body) -> Reply:
        own = VERIFY if verifies(body) else (about(body, self.files), turn(body))
        with self._changed:
            self.asked[own] += 1
            self._changed.wait_for(lambda: own not in self.held)
        if own == VERIFY:
            return confirmed(body)
        path, number = own
        if number < TURNS:
            return called(("read_lines", {"path": path, "first": 1, "last": 9}))
        return answered(
            {"findings": [reported(path, 3, "value = len('abcd')")] if path == self.files[0] else []}
        )

    def let_go(self) -> None:
        with self._changed:
            self.held = set()
            self._changed.notify_all()


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def rig(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), **model.environ("openai")) as started:
        yield started


@pytest.mark.parametrize(("round", "answers"), POSITIONS)
def test_a_worker_killed_while_models_are_asked(
    rig: Rig, model: ModelServer, round: int, answers: int
) -> None:
    """It is killed when so many of the round's turns are answered and kept, and the others are under way."""
    branch = f"killed-{round}-{answers}"
    files = {
        f"{branch}/{name}.py": "value = len('abcd')\n" * 700 for name in ("apple", "fig", "pear", "plum")
    }
    rounds = [[(path, number) for path in files] for number in range(1, TURNS + 1)] + [[VERIFY]]
    under_way = {*rounds[round - 1][answers:]} or {*rounds[round]}
    kept = PARALLEL * (round - 1) + answers
    model.reply = reviewer = Reviewer(list(files))
    reviewer.held = under_way
    iid = rig.sandbox.merge_request(files=files, source=branch)
    rig.wait(lambda: rig.kept_turns() == kept, 30, f"{kept} turns to be kept")
    rig.wait(lambda: reviewer.asked.keys() >= under_way, 30, "the next turns to be asked")
    rig.kill("agents", tree=True)
    reviewer.let_go()

    rig.reviewed(iid, seconds=60)
    rig.idle(60)
    assert len(reviewer.asked) == CALLS
    assert {own for own, times in reviewer.asked.items() if times > 1} == under_way
    assert max(reviewer.asked.values()) == 2
    assert (len(rig.findings(iid)), len(rig.summaries(iid))) == (1, 1)
    assert rig.notifications(iid) == ["review"]
    assert rig.kept_runs() == 0
