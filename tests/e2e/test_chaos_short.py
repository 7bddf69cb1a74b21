"""The smallest storms of `make chaos`, always the same; and that its gates can fail, as must the command with them.

Slow (a minute): what is bought is that real workers die under real deliveries each time the tests run, and that
whoever counts lost and doubled reviews would see one.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from tests.chaos import __main__ as chaos
from tests.chaos import pushes, soak
from tests.chaos.counting import tally
from tests.chaos.field import CODE
from tests.chaos.gates import Gate
from tests.chaos.playing import Tool
from tests.chaos.storm import Storm, judged, storm
from tests.chaos.ties import Ties, ties
from tests.model_server import nothing_found
from tests.sandbox_server import SandboxServer

SMALLEST = Storm(requests=6, rate=6, kills=2, every=0.6, faults=4, thinks=0.4, pairs=0, drain_seconds=90)
SMALLEST_TIES = Ties(2, 1, 1, 1, kills=2, every=0.6, faults=3, pairs=0, patience=60, drain_seconds=60)
BRANCH = "planted-0"
PATH = f"{BRANCH}/code.py"
KEY = "5f" * 16


def test_workers_are_killed_and_each_merge_request_has_one_review(tmp_path: Path) -> None:
    reviews, effects = storm(Random(9), tmp_path, SMALLEST)
    assert reviews.met, reviews
    assert effects.met, effects
    told = json.loads((tmp_path / "state.json").read_text())["notifications"]
    assert sorted(one["merge_request"] for one in told) == list(range(1, SMALLEST.requests + 1))


def test_workers_are_killed_and_each_issue_and_page_is_told_once(tmp_path: Path) -> None:
    told, effects = ties(Random(9), tmp_path, SMALLEST_TIES)
    assert told.met, told
    assert effects.met, effects


# --- the gates


class Planted:
    """One merge request with a review that the bot's account has written by hand."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self.iid = sandbox.merge_request(files={PATH: CODE}, source=BRANCH)
        self.head = sandbox.merge_request_state(self.iid)["head"]

    def say(self, words: str, kind: str, key: str, on: str = "") -> None:
        """Draft notes that are published as one review: one notification."""
        place = f"/projects/1/merge_requests/{self.iid}/draft_notes"
        mark = f"<!-- trivet:v1 agent=review kind={kind} key={key} head={self.head} mac=none -->"
        body = {"note": f"{words}\n\n{mark}"} | ({"position": self._position(on)} if on else {})
        assert self.sandbox.api("POST", place, body).status == 201
        assert self.sandbox.api("POST", f"{place}/bulk_publish", {}).status == 204

    def _position(self, path: str) -> dict[str, object]:
        refs: dict[str, str] = self.sandbox.api("GET", f"/projects/1/merge_requests/{self.iid}").body[
            "diff_refs"
        ]
        return {"position_type": "text", "new_path": path, "old_path": path, "new_line": 1} | refs

    def gates(self) -> tuple[bool, bool]:
        """Whether those of S1 and S2 are met."""
        seen = tally(self.sandbox.state(), {self.iid}, most_notifications=2)
        reviews, effects = judged(seen, "planted", 1)
        return reviews.met, effects.met


@pytest.fixture
def planted() -> Iterator[Planted]:
    """With a finding, and no summary yet."""
    with SandboxServer() as sandbox:
        made = Planted(sandbox)
        made.say("The name is undefined.", "finding", KEY, on=PATH)
        yield made


def test_a_review_that_is_there_once_meets_both_gates(planted: Planted) -> None:
    planted.say("One finding.", "summary", "summary")
    assert planted.gates() == (True, True)


def test_a_lost_summary_fails_the_gate_of_reviews(planted: Planted) -> None:
    assert planted.gates() == (False, True)


def test_a_review_of_an_older_head_is_a_lost_one(planted: Planted) -> None:
    planted.say("One finding.", "summary", "summary")
    planted.sandbox.push(BRANCH, {"later.txt": "later\n"})
    assert planted.gates() == (False, True)


def test_a_lost_finding_fails_the_gate_of_reviews(planted: Planted) -> None:
    planted.say("One finding.", "summary", "summary")
    planted.sandbox.push(BRANCH, {f"{BRANCH}/other/code.py": CODE})
    planted.head = planted.sandbox.merge_request_state(planted.iid)["head"]
    planted.say("Two findings.", "summary", "another")
    assert planted.gates()[0] is False


@pytest.mark.parametrize(
    ("words", "key"),
    [("The name is undefined.", KEY), ("In other words.", KEY), ("The name is undefined.", "e0" * 16)],
)
def test_a_doubled_finding_fails_the_gate_of_effects(planted: Planted, words: str, key: str) -> None:
    """With its mark, or with another one: then it is the same to a person's eyes."""
    planted.say(words, "finding", key, on=PATH)
    assert planted.gates()[1] is False


def test_a_second_summary_fails_the_gate_of_effects(planted: Planted) -> None:
    planted.say("One finding.", "summary", "summary")
    planted.say("Still one finding.", "summary", "summary")
    assert planted.gates() == (True, False)


def test_one_notification_too_many_fails_the_gate_of_effects(planted: Planted) -> None:
    planted.say("One finding.", "summary", "summary")
    seen = tally(planted.sandbox.state(), {planted.iid}, most_notifications=1)
    assert seen.doubled == (f"!{planted.iid} told people 2 times",)


def test_a_request_about_a_head_that_was_left_is_counted() -> None:
    asked = pushes.Asked(nothing_found)
    left = pushes.Pushed("pushes-0001", 7, "a" * 40, before=1, after=2, delivered=3)
    for path in (
        "pushes-0001/code.py",
        "pushes-0001/code.py pushes-0001/later/code.py",
        "pushes-0002/code.py",
    ):
        asked({"messages": [{"role": "user", "content": path}]})
    assert asked.about_old_heads([left]) == {7: 1}
    assert asked.about_old_heads([replace(left, delivered=time.time() + 60)]) == {}


@pytest.mark.parametrize(("last", "is_met"), [(80.0, True), (80.0 + soak.MOST_GROWTH, True), (90.0, False)])
def test_memory_that_grows_fails_the_gate_of_the_soak(last: float, is_met: bool) -> None:
    growing = [70.0] * 3 + [80.0] * 3 + [80.0] + [last] * 3
    assert soak.grown(dict.fromkeys(soak.PARTS, growing)).met is is_met


def test_a_part_that_was_not_watched_fails_the_gate_of_the_soak() -> None:
    assert soak.grown({"serve": [80.0] * 10}).met is False


# --- the command

MET = Gate("calm", "nothing", "0", "0", True)
NOT_MET = Gate("calm", "nothing", "1", "0", False)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[], list[Gate]]], int]:
    """Runs the command with one scenario, which leaves a file behind."""

    def played(scenario: Callable[[], list[Gate]]) -> int:
        def calm(_dice: Random, folder: Path, _size: None) -> list[Gate]:
            (folder / "log").write_text("what was said")
            return scenario()

        module = ModuleType("tests.chaos.calm")
        module.__dict__.update(calm=calm, SHORT=None, LONG=None)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(chaos, "SCENARIOS", ("calm",))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        return chaos.main(["--seed", "7"])

    return played


@pytest.mark.parametrize(
    ("words", "played"),
    [
        ([], chaos.SCENARIOS),
        (["--full"], (*chaos.SCENARIOS, "soak")),
        (["soak"], ("soak",)),
        (["--seed", "7"], chaos.SCENARIOS),
    ],
)
def test_the_soak_is_played_where_it_is_asked_for(
    words: list[str], played: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(Tool, "_played", lambda _self, name, _asked: names.append(name) or [MET])
    assert chaos.main(words) == 0
    assert names == list(played)


def broken() -> list[Gate]:
    raise AssertionError("waited 60 s for the review\nand so on")


def test_the_command_ends_with_0_and_leaves_nothing_where_all_gates_are_met(
    play: Callable[[Callable[[], list[Gate]]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(lambda: [MET]) == 0
    assert list(tmp_path.iterdir()) == []
    assert str(MET) in capsys.readouterr().out


@pytest.mark.parametrize("scenario", [lambda: [MET, NOT_MET], broken])
def test_the_command_ends_with_1_and_keeps_the_logs_where_a_gate_is_not_met(
    play: Callable[[Callable[[], list[Gate]]], int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scenario: Callable[[], list[Gate]],
) -> None:
    assert play(scenario) == 1
    said = capsys.readouterr()
    assert "| **no** |" in said.out
    assert said.out.startswith("seed 7")
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said.err
