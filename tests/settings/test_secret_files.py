"""Settings that are files: they win, they are read anew when they change, and a wrong one is a sentence."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.settings.rotation import SettingsFile
from tests.loaded_settings import complaint, loaded

TOKEN = "glpat-" + "x" * 20


def test_a_file_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_text(TOKEN + "\n")
    (tmp_path / "unrelated").write_text("x")
    settings = loaded(monkeypatch, TRIVET_SECRETS_DIR=str(tmp_path), TRIVET_GITLAB__TOKEN="other")
    assert settings.gitlab.token is not None
    assert settings.gitlab.token.get_secret_value() == TOKEN


def test_a_secrets_folder_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = complaint(monkeypatch, TRIVET_SECRETS_DIR=str(tmp_path / "gone"))
    assert "is not a folder" in said


def test_a_file_that_is_no_text_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_bytes(b"\xff\xfe")
    said = complaint(monkeypatch, TRIVET_SECRETS_DIR=str(tmp_path))
    assert said == "TRIVET_GITLAB__TOKEN in TRIVET_SECRETS_DIR cannot be read: it is not text"


def test_a_changed_file_is_seen_without_a_restart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "TRIVET_GITLAB__WEBHOOK_SECRETS"
    file.write_text("first")
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    current = SettingsFile()
    assert [one.get_secret_value() for one in current().gitlab.webhook_secrets] == ["first"]
    changed = tmp_path / "new"
    changed.write_text("first,second")
    changed.replace(file)
    assert [one.get_secret_value() for one in current().gitlab.webhook_secrets] == ["first", "second"]


def test_a_swap_by_a_link_above_is_seen_as_kubernetes_does_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version, secret in (("v1", "one"), ("v2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "TRIVET_GITLAB__WEBHOOK_SECRETS").write_text(secret)
    data, folder = tmp_path / "..data", tmp_path / "mounted"
    data.symlink_to(tmp_path / "v1")
    folder.mkdir()
    (folder / "TRIVET_GITLAB__WEBHOOK_SECRETS").symlink_to(data / "TRIVET_GITLAB__WEBHOOK_SECRETS")
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(folder))
    current = SettingsFile()
    (tmp_path / "next").symlink_to(tmp_path / "v2")
    (tmp_path / "next").replace(data)
    assert [one.get_secret_value() for one in current().gitlab.webhook_secrets] == ["two"]


def test_a_change_that_makes_settings_wrong_leaves_the_ones_before_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "TRIVET_GITLAB__TOKEN"
    file.write_text(TOKEN)
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    current = SettingsFile()
    file.write_text("half a\ntoken")
    assert current().gitlab.token == SecretStr(TOKEN)
    file.write_text(TOKEN + "y")
    assert current().gitlab.token == SecretStr(TOKEN + "y")
