"""What doctor says of the machine: versions, git, and the folder for data."""

import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from bot import __version__
from bot.entry.doctor.check import Check
from bot.entry.doctor.machine import machine_checks, size
from bot.settings import Settings


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    """Of two with one name the last, which is the worse."""
    return {check.name: check for check in checks}


def folder(path: Path) -> Check:
    return by_name(machine_checks(Settings(data_dir=path)))["data folder"]


def git_that_says(place: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "git").write_text(f"#!/bin/sh\necho '{said}'\n")
    (place / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(place))


def test_a_machine_as_it_should_be_is_fine(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    found = by_name(machine_checks(Settings(data_dir=tmp_path)))
    assert {name for name, one in found.items() if one.state == "wrong"} == set()
    assert __version__ in found["Trivet"].said


def test_without_settings_the_machine_is_looked_at_all_the_same() -> None:
    assert by_name(machine_checks(None)).keys() == {"Trivet", "libraries", "git"}


def test_a_library_of_another_version_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    true_version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "2.6.1" if name == "rq" else true_version(name))
    found = by_name(machine_checks(None))["libraries"]
    assert found.state == "wrong"
    assert "rq 2.6.1 (<4,>=3.0)" in found.said


def test_a_library_that_is_missing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        metadata, "requires", lambda _: ["no-such-library>=1", 'psycopg>=3; extra == "postgres"']
    )
    found = by_name(machine_checks(None))["libraries"]
    assert found.state == "wrong"
    assert "no-such-library is missing" in found.said
    assert "psycopg" not in found.said


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("git version 2.30.9", "wrong"),
        ("git version 2.31.0", "fine"),
        ("git version 2.39.5 (Apple Git-154)", "fine"),
        ("git version 3.0.0", "fine"),
        ("what?", "wrong"),
    ],
)
def test_git_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, state: str) -> None:
    git_that_says(tmp_path, said, monkeypatch)
    assert by_name(machine_checks(None))["git"].state == state


def test_without_git_agents_cannot_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = by_name(machine_checks(None))["git"]
    assert found.state == "wrong"
    assert "install git 2.31" in found.cure


def test_a_data_folder_is_not_made_by_looking(tmp_path: Path) -> None:
    found = folder(tmp_path / "new" / "data")
    assert found.state == "fine"
    assert "will be made" in found.said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("inside", ["file", "file/data", "file/new/data"])
def test_a_data_folder_that_cannot_be_is_wrong(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    found = folder(tmp_path / inside)
    assert (found.state, found.is_setting) == ("wrong", True)
    assert "TRIVET_DATA_DIR" in found.cure


def test_a_data_folder_that_others_can_read_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = folder(tmp_path)
    assert found.state == "note"
    assert "chmod 700" in found.cure


@pytest.mark.parametrize(
    ("free", "state"), [(50_000_000_000, "fine"), (1_000_000_000, "note"), (10_000_000, "wrong")]
)
def test_room_that_runs_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100_000_000_000, 0, free))
    assert folder(tmp_path).state == state


def test_room_is_looked_at_where_repositories_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the others may be as small as the 64 MB that a container of theirs has."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(64_000_000, 0, 64_000_000))
    shared = Settings(data_dir=tmp_path, redis_url="redis://redis:6379/0")
    assert by_name(machine_checks(shared))["data folder"].state == "fine"
    (tmp_path / "repositories").mkdir()
    assert by_name(machine_checks(shared))["data folder"].state == "wrong"


def test_the_copies_that_are_there_count_as_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume of 8 GB holds all the copies there may be, and so much is left then."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(8_000_000_000, 0, 3_000_000_000))
    assert folder(tmp_path).state == "note"
    (tmp_path / "repositories" / "one").mkdir(parents=True)
    with (tmp_path / "repositories" / "one" / "pack").open("wb") as pack:
        pack.truncate(5_000_000_000)
    assert folder(tmp_path).state == "fine"


def test_a_small_volume_is_not_asked_for_more_than_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2_000_000_000, 0, 1_900_000_000))
    assert folder(tmp_path).state == "fine"


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (45_000, "45 kB"), (1_200_000, "1 MB"), (76_540_000_000, "76.5 GB")],
)
def test_sizes_in_words(count: int, said: str) -> None:
    assert size(count) == said
