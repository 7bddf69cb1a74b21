"""What is lost, done twice or paid again when processes are killed, as `make chaos` plays and counts it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.bench.table import Row
from tests.chaos.gates import Gate
from tests.chaos.paying import paying
from tests.chaos.storm import storm

SEED = 8
TARGETS = {"S1": "acknowledged jobs lost", "S2": "effects doubled", "S6": "finished model calls paid again"}


def rows() -> list[Row]:
    return [_row(gate) for play in (storm, paying) for gate in _played(play)]


def _played(play: Callable[[Random, Path], list[Gate]]) -> list[Gate]:
    with tempfile.TemporaryDirectory() as folder:
        return play(Random(SEED), Path(folder))


def _row(gate: Gate) -> Row:
    what = f"{TARGETS[gate.scenario.partition(' ')[0]]} under `kill -9` ({gate.done})"
    return Row(what, gate.numbers, "-", 1, gate.gate, gate.met)


if __name__ == "__main__":
    print(*rows(), sep="\n")
