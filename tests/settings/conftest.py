"""Settings are tested from nothing: neither settings nor keys of who runs the tests."""

import os

import pytest

from bot.settings.names import PROVIDER_KEYS


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("TRIVET_") or name in PROVIDER_KEYS:
            monkeypatch.delenv(name)
