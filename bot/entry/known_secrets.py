"""The secrets that lines and reports must not hold: those this process has now, and those it had since it began."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from bot.domain.secrets import Redactor
from bot.entry.credentials import secret_values
from bot.errors import UsageError
from bot.settings import Settings
from bot.settings.files import secrets_stamp

LOOK_SECONDS: Final = 1.0

RedactorOf = Callable[[Iterable[str]], Redactor]


class KnownSecrets:
    """`redactor_of` makes the redactor of a few secrets. What is rotated in by a file is known a second later.

    It logs nothing: it is what every line goes through.
    """

    def __init__(self, settings: Settings, redactor_of: RedactorOf = Redactor) -> None:
        self._redactor_of = redactor_of
        self._secrets = set(settings.own_secrets())
        self._redactor = redactor_of(sorted(self._secrets))
        self._stamp = secrets_stamp(os.environ)
        self._look_at = time.monotonic() + LOOK_SECONDS

    def redact(self, text: str) -> str:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._look_again()
        return self._redactor.redact(text)

    def _look_again(self) -> None:
        """By name, not by the settings: those may be wrong for a while, and a provider's key be used all the same."""
        stamp = secrets_stamp(os.environ)
        if stamp == self._stamp:
            return
        with suppress(UsageError, OSError):
            self._secrets |= {secret for secret in secret_values(os.environ) if secret}
            self._redactor = self._redactor_of(sorted(self._secrets))
            self._stamp = stamp
