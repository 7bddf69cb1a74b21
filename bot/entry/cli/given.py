"""The settings that a command is given."""

import os
from typing import Any

from bot.entry.cli.told import tell


def given_settings(**overrides: Any) -> Any:
    """The settings of this process; what looks like one and is none is named on standard error."""
    from bot.settings import load_settings

    name_unknown_settings()
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def name_unknown_settings() -> None:
    from bot.entry.cienv import OF_A_JOB
    from bot.settings.spelling import unknown_settings

    for sentence in unknown_settings({name: os.environ[name] for name in os.environ.keys() - OF_A_JOB}):
        tell(sentence, "warning")
