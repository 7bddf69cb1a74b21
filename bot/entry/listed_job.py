"""RQ's jobs as our workers read them: a word from a table and a run's id, and nothing else that Redis may hold."""

from collections.abc import Callable, Mapping
from typing import Final

from redis.client import Pipeline
from redis.exceptions import ResponseError
from rq.job import Job, JobStatus

NOT_OURS: Final = "this version knows no such job: one of another version may"
NOT_DOABLE: Final = "the job's time limit, or its pauses between tries, are none"
NOT_A_RECORD: Final = "what stands where the job's record should is of another type"


class UnknownJob(Exception):
    """A job names something else than one of our functions."""


def job_class(table: Mapping[str, Callable[[str], None]]) -> type[Job]:
    """A job class that runs the functions of `table` and nothing else: no import by name, no callbacks."""

    class ListedJob(Job):
        @property
        def func(self) -> Callable[[str], None]:
            function = table.get(self.func_name or "")
            if function is None or self.instance is not None or self.kwargs or len(self.args) != 1:
                raise UnknownJob(NOT_OURS)
            return function

        @property
        def success_callback(self) -> None:
            return None

        @property
        def failure_callback(self) -> None:
            return None

        @property
        def stopped_callback(self) -> None:
            return None

        def refresh(self) -> None:
            """Raises whatever RQ meets in a record that is none; ValueError where it would stumble over it later."""
            try:
                super().refresh()  # type: ignore[no-untyped-call]
            except ResponseError as error:
                if str(error).startswith("WRONGTYPE"):
                    raise ValueError(NOT_A_RECORD) from error
                raise
            if not _is_doable(self):
                raise ValueError(NOT_DOABLE)

        def set_status(self, status: JobStatus, pipeline: Pipeline | None = None) -> None:
            """RQ calls a job scheduled ahead of the transaction that schedules it: if that fails, nobody finds it."""
            if pipeline is None and status == JobStatus.SCHEDULED:
                self._status = status
            else:
                super().set_status(status, pipeline)

    return ListedJob


def _is_doable(job: Job) -> bool:
    """Whether a worker can time the job, and try it again."""
    if job.timeout is None or job.timeout < 1:
        return False
    pauses: object = job.retry_intervals
    return pauses is None or (
        isinstance(pauses, list) and pauses != [] and all(type(one) is int for one in pauses)
    )
