"""What a process takes out of its lines: the secrets it holds now, and those it held before a rotation."""

from pathlib import Path

import pytest

from bot.entry import known_secrets
from bot.entry.known_secrets import KnownSecrets
from bot.settings import load_settings

OLD = "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
NEW = "Hb3Yt6pQs1" + "Ud5Fv0Gj8A"
NAME = "TRIVET_GITLAB__WEBHOOK_SECRETS"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    (tmp_path / NAME).write_text(OLD)
    return tmp_path


@pytest.fixture
def known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> KnownSecrets:
    monkeypatch.setattr(known_secrets, "LOOK_SECONDS", 0.0)
    return KnownSecrets(load_settings())


def test_a_secret_that_is_rotated_in_is_known_and_the_old_one_stays_known(
    folder: Path, known: KnownSecrets
) -> None:
    assert NEW in known.redact(f"{OLD} {NEW}")
    (folder / NAME).write_text(f"{NEW},{OLD}x")
    assert not {OLD, NEW} & set(known.redact(f"{OLD} {NEW}").split())


def test_a_secret_is_known_also_while_another_setting_is_wrong(folder: Path, known: KnownSecrets) -> None:
    (folder / "TRIVET_PORT").write_text("many")
    (folder / "OPENAI_API_KEY").write_text(NEW)
    assert not {OLD, NEW} & set(known.redact(f"{OLD} {NEW}").split())


def test_a_folder_that_is_gone_leaves_what_was_known(folder: Path, known: KnownSecrets) -> None:
    (folder / NAME).unlink()
    folder.rmdir()
    assert OLD not in known.redact(OLD)
