"""What the receiver's process knows of its settings, and how old that may be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.entry.serve import LOOK_SECONDS, Fresh
from bot.settings.rotation import SettingsFile


def test_it_is_worked_out_once_a_second_however_often_it_is_asked_for() -> None:
    now = 100.0
    values: Iterator[int] = iter(range(10))
    fresh = Fresh(lambda: next(values), clock=lambda: now)
    assert [fresh() for _ in range(50)] == [0] * 50
    now += LOOK_SECONDS
    assert [fresh() for _ in range(50)] == [1] * 50


def test_a_secret_that_was_exchanged_holds_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "TRIVET_GITLAB__WEBHOOK_SECRETS"
    secret.write_text("the-first-" + "secret")
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    now = 100.0
    settings = SettingsFile()
    fresh = Fresh(lambda: settings().gitlab.webhook_secrets[0].get_secret_value(), clock=lambda: now)
    assert fresh() == "the-first-" + "secret"
    secret.write_text("the-second-" + "secret")
    now += LOOK_SECONDS
    assert fresh() == "the-second-" + "secret"
