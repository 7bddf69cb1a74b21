"""RQ's jobs as our workers read them: a word from a table and a run's id, and nothing else that Redis may hold."""

from collections.abc import Callable, Mapping
from typing import Final

from redis.client import Pipeline
from redis.exceptions import ResponseError
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job, JobStatus

NOT_OURS: Final = "this version knows no such job: one of another version may"
NOT_DOABLE: Final = "the job's time limit, or its pauses between tries, are none"
NOT_A_RECORD: Final = "what stands where the job's record should is of another type"


class Attempts(ExecutionRegistry):
    """The attempts at a job. RQ lists one for a minute longer than it keeps its record, and breaks at what is left.

    Measured with RQ 3.0: a job whose worker was killed ended well at the next try, and was declared broken all the same
    when its record was deleted.
    """

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:
        kept = (self._kept(one) for one in self.get_execution_ids(start, end))
        return [one for one in kept if one is not None]

    def _kept(self, name: str) -> Execution | None:
        try:
            return Execution.fetch(id=name, job_id=self.job_id, connection=self.connection)
        except ValueError:
            return None


class UnknownJob(Exception):
    """A job names something else than one of our functions."""


class SturdyJob(Job):
    """A job without callbacks, which RQ does not stumble over whatever its record holds."""

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    @property
    def execution_registry(self) -> Attempts:
        return Attempts(self.id, self.connection)

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


def job_class(table: Mapping[str, Callable[[str], None]]) -> type[Job]:
    """A job class that runs the functions of `table` and nothing else: no import by name."""

    class ListedJob(SturdyJob):
        @property
        def func(self) -> Callable[[str], None]:
            function = table.get(self.func_name or "")
            if function is None or self.instance is not None or self.kwargs or len(self.args) != 1:
                raise UnknownJob(NOT_OURS)
            return function

    return ListedJob


def _is_doable(job: Job) -> bool:
    """Whether a worker can time the job, and try it again."""
    if job.timeout is None or job.timeout < 1:
        return False
    pauses: object = job.retry_intervals
    return pauses is None or (
        isinstance(pauses, list) and pauses != [] and all(type(one) is int for one in pauses)
    )
