"""What doctor says of the database that keeps the steps of runs."""

import importlib.util
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.entry.doctor import database
from bot.entry.doctor.check import Check
from bot.entry.doctor.database import database_checks
from bot.settings import Settings
from tests.rig import free_port

POSTGRES = os.environ.get("TEST_DATABASE_URL")  # of a server where our tables may be made
HAS_DRIVER = importlib.util.find_spec("psycopg") is not None
PASSWORD = "Xc7Wn1" + "Kd9PzQ"


def looked_at(settings: Settings) -> Check:
    [found] = database_checks(settings)
    return found


def test_a_file_that_can_be_written_is_fine_and_is_not_made_by_looking(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert looked_at(settings).state == "fine"
    assert not (tmp_path / "checkpoints.sqlite").exists()
    with closing(sqlite3.connect(tmp_path / "checkpoints.sqlite")) as connection:
        connection.execute("CREATE TABLE checkpoints (thread_id)")
    found = looked_at(settings)
    assert found.state == "fine"
    assert "bytes" in found.said or "kB" in found.said


def test_a_folder_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = looked_at(Settings(database_url=f"sqlite://{tmp_path}/file/steps.sqlite"))
    assert (found.state, found.is_setting) == ("wrong", True)
    assert "TRIVET_DATABASE_URL" in found.cure


def test_a_file_that_is_no_database_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "checkpoints.sqlite").write_bytes(b"no database at all" * 100)
    found = looked_at(Settings(data_dir=tmp_path))
    assert found.state == "wrong"
    assert "delete it" in found.cure


def test_a_file_that_a_run_writes_to_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "checkpoints.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        found = looked_at(Settings(data_dir=tmp_path))
    assert found.state == "note"


def test_an_address_of_no_database_we_know_is_wrong() -> None:
    found = looked_at(Settings(database_url="mysql://host/db"))
    assert (found.state, found.is_setting) == ("wrong", True)
    assert "postgresql://" in found.said + found.cure


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bot.entry.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    found = looked_at(Settings(database_url=f"postgresql://bot:{PASSWORD}@db/trivet"))
    assert (found.state, found.is_setting) == ("wrong", True)
    assert "trivet[postgres]" in found.cure
    assert PASSWORD not in found.said + found.cure


if HAS_DRIVER:

    def test_a_postgresql_that_does_not_run_is_told() -> None:
        port = free_port()
        found = looked_at(Settings(database_url=f"postgresql://bot:{PASSWORD}@127.0.0.1:{port}/trivet"))
        assert (found.state, found.is_setting) == ("wrong", False)
        assert "refused" in found.said
        assert PASSWORD not in found.said

    if POSTGRES:

        def test_a_postgresql_that_answers_tells_its_version() -> None:
            found = looked_at(Settings(database_url=POSTGRES))
            assert found.state == "fine"
            assert "PostgreSQL" in found.said
