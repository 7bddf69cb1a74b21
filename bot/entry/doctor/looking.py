"""Looks side by side under one time limit: what hangs costs its own line, and holds up nothing else."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import Final, Self

import structlog

from bot.entry.doctor.check import Check, wrong
from bot.settings.names import DEBUG

HANGS: Final = "no end within {seconds:.0f} seconds"
HANGS_CURE: Final = (
    "something that was asked neither answers nor refuses: look at the network, a proxy or a firewall"
)
BROKE: Final = "the look itself broke off: {name}: {error}"
BROKE_CURE: Final = "this is a fault of Trivet: {debug}=1 shows where, please report it"

log = structlog.get_logger("trivet.doctor")


@dataclass(frozen=True)
class Look:
    """`checks` says what it finds as it finds it: what was found before it hangs is told.

    They are called one after the other, so that what they import is not raced for, and gone through side by side.
    """

    topic: str
    checks: Callable[[], Iterable[Check]]


def looked(looks: Sequence[Look], seconds: float) -> list[Check]:
    """What all of them found, in their order; all together take at most so many seconds."""
    begun = [_UnderWay(look) for look in looks]
    deadline = time.monotonic() + seconds
    under_way = [one.started() for one in begun]
    return [check for one in under_way for check in one.found_by(deadline, seconds)]


@dataclass
class _UnderWay:
    """A look in a thread that nobody waits for when the process ends."""

    look: Look
    _found: list[Check] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._checks = self._begun()
        self._thread = Thread(target=self._run, daemon=True, name=f"look at {self.look.topic}")

    def started(self) -> Self:
        self._thread.start()
        return self

    def found_by(self, deadline: float, seconds: float) -> list[Check]:
        self._thread.join(max(deadline - time.monotonic(), 0))
        found = list(self._found)
        if self._thread.is_alive():
            found.append(wrong(self.look.topic, "time", HANGS.format(seconds=seconds), HANGS_CURE))
        return found

    def _begun(self) -> Iterable[Check]:
        try:
            return self.look.checks()
        except Exception as error:  # noqa: BLE001 - a process edge: a library that is missing ends no other look
            return [_broken(self.look.topic, error)]

    def _run(self) -> None:
        try:
            for check in self._checks:
                self._found.append(check)
        except Exception as error:  # noqa: BLE001 - a process edge: the other looks go on
            self._found.append(_broken(self.look.topic, error))


def _broken(topic: str, error: Exception) -> Check:
    if os.environ.get(DEBUG):
        log.error("the look broke off", topic=topic, exc_info=error)
    said = BROKE.format(name=type(error).__name__, error=error)
    return wrong(topic, "look", said, BROKE_CURE.format(debug=DEBUG))
