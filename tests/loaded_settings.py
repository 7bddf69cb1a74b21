"""Settings as a process with these variables has them, or what it says of them."""

import pytest

from bot.errors import UsageError
from bot.settings import Settings, load_settings


def loaded(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def complaint(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    with pytest.raises(UsageError) as caught:
        loaded(monkeypatch, **values)
    return str(caught.value)
