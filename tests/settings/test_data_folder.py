"""The data folder and the secrets that are made and kept there."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.errors import UsageError
from bot.settings.data_folder import kept_secret, own_folder


def test_a_kept_secret_stays_the_same_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "data", "mark-secret")
    assert kept_secret(tmp_path / "data", "mark-secret") == first
    assert len(first) == 64
    assert (tmp_path / "data" / "mark-secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_who_begin_at_once_keep_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: kept_secret(tmp_path, "mark-secret"), range(40)))
    assert len(found) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["mark-secret"]


def test_a_secret_file_that_was_emptied_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    (tmp_path / "mark-secret").write_text("")
    with pytest.raises(UsageError, match="delete it"):
        kept_secret(tmp_path, "mark-secret")


def test_a_data_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another with TRIVET_DATA_DIR"):
        own_folder(tmp_path / "file" / "data")
