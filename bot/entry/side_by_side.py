"""Several things at a time, in threads that nobody waits for when the process ends."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(do: Callable[[Task], Result], tasks: Sequence[Task], most: int) -> Iterator[Result]:
    """What each task gives, as they end, at most so many at a time. Raises the error of the first that fails.

    The threads work in copies of the caller's context: their log lines name the caller's run.
    An executor's threads would be joined at exit: after Ctrl-C the process would wait for models that still think.
    """
    waiting: SimpleQueue[tuple[Task, Future[Result]]] = SimpleQueue()
    futures = [Future[Result]() for _ in tasks]
    for pair in zip(tasks, futures, strict=True):
        waiting.put(pair)
    for _ in range(min(most, len(tasks))):
        Thread(target=copy_context().run, args=(_work, do, waiting), daemon=True).start()
    yield from (future.result() for future in as_completed(futures))


def _work(do: Callable[[Task], Result], waiting: "SimpleQueue[tuple[Task, Future[Result]]]") -> None:
    while True:
        try:
            task, future = waiting.get_nowait()
        except Empty:
            return
        try:
            future.set_result(do(task))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)
