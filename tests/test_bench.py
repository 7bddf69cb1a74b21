"""The benchmark's scripts run and make their rows; what they find is printed by `make bench`, not asserted here."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.bench import deliveries, load, review_time, serving, table
from tests.bench.machine import machine

TINY: dict[str, dict[str, Any]] = {
    "help_start": {"runs": 1},
    "memory": {"runs": 1, "seconds": 0.3},
    "installed": {"full": False},
    "throughput": {"pairs": 1, "seconds": 0.3, "warm_up": 0.1},
}


def measurement(name: str) -> ModuleType:
    return importlib.import_module(f"tests.bench.{name}")


@pytest.mark.parametrize("name", TINY)
def test_a_small_run_makes_rows_of_the_table(name: str) -> None:
    for row in measurement(name).rows(**TINY[name]):
        assert str(row).count(" | ") == table.HEADER.splitlines()[0].count(" | ")
        assert any(digit.isdigit() for digit in row.measured)


def test_every_file_of_a_merge_request_is_the_one_that_is_pushed() -> None:
    made = measurement("model_use").after_a_push(3)
    assert made.runs == 3
    assert 0 < float(made.measured.rstrip("%")) < 100


def test_no_hostile_request_is_answered_with_5xx() -> None:
    (row,) = measurement("hostile").rows(mutations=60)
    assert (row.measured, row.met) == ("0", True), row.spread


def test_every_measurement_has_rows_to_make() -> None:
    from tests.bench.__main__ import MEASUREMENTS

    assert all(callable(measurement(name).rows) for name in MEASUREMENTS)


def test_a_row_is_met_up_to_its_limit_and_judged_by_its_median() -> None:
    values = [1.0, 2.0, 50.0]
    assert table.row("x", values, "{:.1f} s", "at most 2 s", 2).met is True
    assert table.row("x", values, "{:.1f} s", "under 1 s", 1).met is False
    assert str(table.row("x", values, "{:.1f} s")) == "| x | 2.0 s | 1.0 s to 50.0 s | 3 | - | - |"


def test_the_machine_is_named_with_its_cores_and_versions() -> None:
    said = machine()
    assert f"Python {sys.version.split()[0]}" in said
    assert "cores" in said
    assert "fastapi" in said


def test_time_that_two_requests_cover_counts_once() -> None:
    assert review_time._covered([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0), (5.2, 5.4)]) == pytest.approx(4.0)


def test_every_delivery_of_the_load_has_its_size_and_a_number_of_its_own() -> None:
    bodies = [deliveries.body(number) for number in (1, 2, 999_999)]
    assert {len(body) for body in bodies} == {deliveries.SIZE}
    assert len(set(bodies)) == 3


def test_a_load_that_is_refused_is_no_measurement(tmp_path: Path) -> None:
    with (
        serving.redis(tmp_path / "redis") as redis,
        serving.receiver(tmp_path, redis.url, secret="another-" + "s" * 20) as receiver,
        pytest.raises(AssertionError, match="401"),
    ):
        load.closed_load(receiver.port, connections=1, seconds=0.2)
