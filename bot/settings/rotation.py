"""Settings that follow their files: a secret is rotated without a restart."""

import os

import structlog

from bot.errors import UsageError
from bot.settings import Settings, load_settings
from bot.settings.files import secrets_stamp

KEPT_OLD = "the changed settings are wrong, the ones before stay in force"

log = structlog.get_logger("trivet.settings")


class SettingsFile:
    """The current settings, read anew when a file in `TRIVET_SECRETS_DIR` changes: rotation needs no restart.

    A change that makes them wrong, or that is only half made, is logged; what was right before stays in force.
    """

    def __init__(self) -> None:
        self._stamp = secrets_stamp(os.environ)
        self._settings = load_settings()

    def __call__(self) -> Settings:
        stamp = secrets_stamp(os.environ)
        if stamp != self._stamp:
            self._stamp = stamp
            self._read_again()
        return self._settings

    def _read_again(self) -> None:
        try:
            self._settings = load_settings()
        except UsageError as error:
            log.error(KEPT_OLD, reason=str(error))
