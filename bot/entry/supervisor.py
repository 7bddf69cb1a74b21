"""Keeps a few processes alive until told to stop, and takes them all down with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final

import structlog

from bot.entry.lifeline import die_with_parent
from bot.errors import PlatformError, UsageError

PYTHON: Final = (sys.executable, "-P", "-m", "bot")  # -P: a checkout may hold a folder named like ours
GRACE_SECONDS: Final = 25.0
LAST_GRACE_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 0.2
ASK_SECONDS: Final = 0.02
REMIND_SECONDS: Final = 10.0
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 30.0
HEALTHY_SECONDS: Final = 30.0
KEEPS_DYING: Final = 3  # deaths in a row
CONFIGURATION: Final = 2  # the exit code by which a command says that trying again will not help
STDERR: Final = 2
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

MISCONFIGURED = "{name} cannot run like this: {lines} what to change"
NOT_STARTED = "{name} did not start (exit code {code}): {lines} why"
ABOVE = "its lines above say"
IN_LOG = "{log} says"

log = structlog.get_logger("trivet.up")


@dataclass
class Child:
    """One process to keep alive. The next one is started once this one `is_ready`.

    `log`: a file for what it prints; None: our standard error. `descriptors` are files it inherits. `needed` by the
    others: it is stopped after them.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    is_ready: Callable[[], bool] = lambda: True
    log: Path | None = None
    descriptors: tuple[int, ...] = ()
    needed: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        parent = os.getpid()
        with ExitStack() as stack:
            output = stack.enter_context(self.log.open("ab")) if self.log else STDERR
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=self.descriptors,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        self.started = time.monotonic()
        log.info("started", process=self.name, pid=self.process.pid)

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.poll() if self.process else None

    def keeps_dying(self, now: float) -> bool:
        """Whether it died again and again at its start, and does not live long enough to have got over it."""
        lives = self.process is not None and now - self.started > HEALTHY_SECONDS
        return self.failures >= KEEPS_DYING and not lives


@dataclass
class Supervisor:
    """What dies is started again, with growing pauses while it keeps dying at once.

    A child that ends with `CONFIGURATION` would do so for ever: then everything stops. `grace`: seconds that children
    have for what they are at. `beat` is called at least every few seconds while all is well, which it is not while a
    child keeps dying; `close` once it stops, to close what is held open for them: nobody waits at a door that no child
    will open any more.
    """

    children: list[Child]
    grace: float = GRACE_SECONDS
    beat: Callable[[], object] = lambda: None
    close: Callable[[], object] = lambda: None
    stop: Event = field(default_factory=Event)
    hurry: Event = field(default_factory=Event)

    def run(self) -> None:
        """Until told to stop. Raises UsageError for a wrong configuration, PlatformError for what does not start."""
        with self.signals():
            try:
                for child in self.children:
                    self.start(child)
                while not self.stop.wait(WATCH_SECONDS):
                    self.tend()
                    if not any(child.keeps_dying(time.monotonic()) for child in self.children):
                        self.beat()
            finally:
                self.shut_down()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """The first signal stops everything in good order, a second Ctrl-C at once.

        Any other may come twice without meaning more: from who starts us, and from who tells all processes of a group.
        """
        before = {number: signal.signal(number, self._told) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, child: Child) -> None:
        """Start it and wait until it serves, or we are told to stop."""
        child.start()
        reminder = time.monotonic() + REMIND_SECONDS
        while not child.is_ready() and not self.stop.wait(ASK_SECONDS):
            self.beat()
            if child.code is not None:
                raise _failure(child)
            if time.monotonic() > reminder:
                reminder += REMIND_SECONDS
                log.warning("still waiting", process=child.name)

    def tend(self) -> None:
        """Start again what died. Raises UsageError when that is of no use."""
        now = time.monotonic()
        for child in self.children:
            if child.code is not None:
                self._mourn(child, now)
            if child.process is None and now >= child.not_before:
                child.start()

    @staticmethod
    def _mourn(child: Child, now: float) -> None:
        if child.code == CONFIGURATION:
            raise _failure(child)
        child.failures = 0 if now - child.started > HEALTHY_SECONDS else child.failures + 1
        pause = min(FIRST_PAUSE * 2 ** min(child.failures, 10), LONGEST_PAUSE)
        log.error("died", process=child.name, exit_code=child.code, restart_in=round(pause, 1))
        child.process, child.not_before = None, now + pause

    def shut_down(self) -> None:
        """Who does not stop in time is killed."""
        self.close()
        self._end([child for child in self.children if not child.needed], self.grace)
        self._end([child for child in self.children if child.needed], LAST_GRACE_SECONDS)

    def _end(self, children: Sequence[Child], seconds: float) -> None:
        alive = [child.process for child in children if child.process and child.code is None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + seconds
        while any(process.poll() is None for process in alive) and time.monotonic() < deadline:
            self.beat()
            if self.hurry.wait(ASK_SECONDS):
                break
        for process in alive:
            process.kill()
            process.wait()

    def _told(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.stop.is_set():
            self.hurry.set()
        self.stop.set()


def _failure(child: Child) -> UsageError | PlatformError:
    lines = IN_LOG.format(log=child.log) if child.log else ABOVE
    if child.code == CONFIGURATION:
        return UsageError(MISCONFIGURED.format(name=child.name, lines=lines))
    return PlatformError(NOT_STARTED.format(name=child.name, code=child.code, lines=lines))
