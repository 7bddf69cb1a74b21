"""The operator's rules file, read anew when it changes: a rule needs no restart."""

from pathlib import Path

import structlog

from bot.domain.rules import Rules, load
from bot.domain.yaml_file import Wrong
from bot.errors import UsageError

UNREADABLE = "TRIVET_RULES: {file} cannot be read: {reason}"
WRONG = "TRIVET_RULES: {file} is not used: {what}"
KEPT_OLD = "the changed rules are wrong, the ones before stay in force"

log = structlog.get_logger("trivet.rules")


def read_rules(file: Path | None) -> Rules:
    """The rules; none where no file is named. Raises UsageError."""
    if file is None:
        return Rules()
    try:
        return load(file.read_bytes())
    except OSError as error:
        raise UsageError(UNREADABLE.format(file=file, reason=error.strerror)) from None
    except Wrong as wrong:
        raise UsageError(WRONG.format(file=file, what=wrong)) from None


class RulesFile:
    """The current rules of a process that runs on. Raises UsageError when they are wrong at its start."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._stamp = self._stamped()
        self._rules = read_rules(file)

    def __call__(self) -> Rules:
        stamp = self._stamped()
        if stamp != self._stamp:
            self._stamp = stamp
            self._read_again()
        return self._rules

    def _read_again(self) -> None:
        try:
            self._rules = read_rules(self._file)
        except UsageError as error:
            log.error(KEPT_OLD, reason=str(error))

    def _stamped(self) -> tuple[int, int] | None:
        try:
            stat = self._file.stat() if self._file else None
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_ino) if stat else None
