"""A job's time limit that no `except Exception` swallows.

Measured: RQ's own time limit is an ordinary exception; a broad handler or a fallback chain catches it and the job
ends as finished. Ours is not an `Exception`.
"""

from types import FrameType

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty


class JobTimeLimit(BaseException):
    """The job ran longer than its kind allows."""


class HardTimeLimit(UnixSignalDeathPenalty):
    """RQ's alarm, raising `JobTimeLimit` for jobs and RQ's own exceptions for everything else it times."""

    def handle_death_penalty(self, signum: int, frame: FrameType | None) -> None:
        if issubclass(self._exception, JobTimeoutException):
            raise JobTimeLimit(f"longer than {self._timeout} seconds")
        super().handle_death_penalty(signum, frame)  # type: ignore[no-untyped-call]
