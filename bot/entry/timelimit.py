"""A job's time limit that no `except Exception` swallows.

Measured: RQ's own time limit is an ordinary exception; a broad handler or a fallback chain catches it and the job
ends as finished. Ours is not an `Exception`. An event loop swallows even that when the alarm rings inside one of its
callbacks (3 of 60 times on a busy loop), so a job that runs one is ended by cancelling its tasks; what does not heed
that meets the alarm again and again.
"""

import asyncio
import signal
from contextlib import suppress
from types import FrameType
from typing import Final

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

STOP_SECONDS: Final = 10


class JobTimeLimit(BaseException):
    """The job ran longer than its kind allows."""


OVER_TIME: Final = (JobTimeLimit, asyncio.CancelledError)
"""What a job meets whose time is up: the second where it ran an event loop."""


class HardTimeLimit(UnixSignalDeathPenalty):
    """RQ's alarm, raising `JobTimeLimit` for jobs and RQ's own exceptions for everything else it times."""

    def handle_death_penalty(self, signum: int, frame: FrameType | None) -> None:
        if not issubclass(self._exception, JobTimeoutException):
            super().handle_death_penalty(signum, frame)  # type: ignore[no-untyped-call]
        loop = None if self._rung else _running_loop()
        if loop is None:
            raise JobTimeLimit(f"longer than {self._timeout} seconds")
        self._rung = True
        signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS, STOP_SECONDS)
        loop.call_soon_threadsafe(_cancel_all, loop)

    _rung = False


def _running_loop() -> asyncio.AbstractEventLoop | None:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
