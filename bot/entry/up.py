"""All processes on one machine: starts them, gives each only its own credentials, restarts what dies."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final

import structlog

from bot.domain.secrets import Redactor
from bot.entry import embedded
from bot.entry.logs import start_logging
from bot.entry.worker import die_with_parent
from bot.settings import SECRETS_DIR, Settings, kept_secret

PYTHON: Final = [sys.executable, "-m", "bot"]
GRACE_SECONDS: Final = 25.0
WATCH_SECONDS: Final = 0.2
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 30.0
HEALTHY_SECONDS: Final = 30.0

WRITE: Final = frozenset({"TRIVET_GITLAB__TOKEN"})
READ: Final = frozenset({"TRIVET_GITLAB__READ_TOKEN"})
HOOKS: Final = frozenset({"TRIVET_GITLAB__WEBHOOK_SECRETS"})
MARKS: Final = frozenset({"TRIVET_MARK_SECRETS"})
MODELS: Final = frozenset({"OPENAI_API_KEY", "ANTHROPIC_API_KEY"})
SECRETS: Final = WRITE | READ | HOOKS | MARKS | MODELS

# Which secret each process holds; everything else in the environment is shared.
HOLDS: Final[Mapping[str, frozenset[str]]] = {
    "redis": frozenset(),
    "serve": HOOKS,
    "agents": READ | MODELS | MARKS,
    "effects": WRITE | MARKS,
    "schedule": READ,
}

log = structlog.get_logger("trivet.up")


@dataclass
class Child:
    """One process to keep alive. `ready` waits until it serves; later children start after it.

    `log`: a file for what it prints; None: our own standard streams.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    ready: Callable[[], None] | None = None
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        parent = os.getpid()
        with ExitStack() as stack:
            output = stack.enter_context(self.log.open("ab")) if self.log else None
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        self.started = time.monotonic()
        log.info("started", process=self.name, pid=self.process.pid)
        if self.ready:
            self.ready()

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def stripped(environ: Mapping[str, str], role: str) -> dict[str, str]:
    """The environment of one role: the secrets of other roles are taken out.

    One person's token may serve for both reading and writing: then readers get it under the reading name.
    """
    held = dict(environ)
    if "TRIVET_GITLAB__READ_TOKEN" not in held and "TRIVET_GITLAB__TOKEN" in held:
        held["TRIVET_GITLAB__READ_TOKEN"] = held["TRIVET_GITLAB__TOKEN"]
    gone = SECRETS - HOLDS[role]
    return {name: value for name, value in held.items() if name.upper() not in gone}


def run_up(settings: Settings) -> None:
    """Serve until told to stop."""
    start_logging(settings.log_format, Redactor(settings.own_secrets()).redact)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log.info("listening", address=f"http://{settings.host}:{settings.port}", data=str(settings.data_dir))
    Supervisor(processes(settings, os.environ)).run()


def processes(settings: Settings, environ: Mapping[str, str]) -> list[Child]:
    """Every process of one machine, Redis first where it is ours."""
    base = dict(environ)
    base["TRIVET_DATA_DIR"] = str(settings.data_dir)
    base["TRIVET_REDIS_URL"] = settings.redis_url or embedded.redis_url(settings.data_dir)
    if not settings.mark_secrets:
        base["TRIVET_MARK_SECRETS"] = kept_secret(settings.data_dir, "mark-secret")
    own = [] if settings.redis_url else [_redis(settings)]
    serve = ["serve", "--host", settings.host, "--port", str(settings.port)]
    commands = {
        "serve": serve,
        "effects": ["work", "effects"],
        "agents": ["work", "agents"],
        "schedule": ["schedule"],
    }
    return own + [
        Child(role, [*PYTHON, *words], _with_own_files(stripped(base, role), role, settings.data_dir))
        for role, words in commands.items()
    ]


def _redis(settings: Settings) -> Child:
    url = embedded.redis_url(settings.data_dir)
    return Child(
        "redis",
        embedded.server_command(settings.data_dir),
        {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
        ready=lambda: embedded.wait_until_ready(url),
    )


def _with_own_files(environment: dict[str, str], role: str, data_dir: Path) -> dict[str, str]:
    """Secret files are split like the environment: each role sees a folder of links to its own."""
    folder = environment.get(SECRETS_DIR)
    if not folder or not Path(folder).is_dir():
        return environment
    mine = data_dir / "secrets" / role
    shutil.rmtree(mine, ignore_errors=True)
    mine.mkdir(parents=True, mode=0o700)
    files = {file.name: str(file.resolve()) for file in Path(folder).iterdir() if file.is_file()}
    for name, file in stripped(files, role).items():
        (mine / name).symlink_to(file)
    return environment | {SECRETS_DIR: str(mine)}


@dataclass
class Supervisor:
    """Keeps its children alive until told to stop, and takes them all down with it."""

    children: list[Child]
    stop: Event = field(default_factory=Event)

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        try:
            for child in self.children:
                child.start()
            while not self.stop.wait(WATCH_SECONDS):
                self.tend()
        finally:
            self.shut_down()

    def tend(self) -> None:
        """Restart what died, with growing pauses while it keeps dying at once."""
        now = time.monotonic()
        for child in self.children:
            if child.died():
                self._mourn(child, now)
            if child.process is None and now >= child.not_before:
                child.start()

    @staticmethod
    def _mourn(child: Child, now: float) -> None:
        code = child.process.returncode if child.process else None
        child.failures = 0 if now - child.started > HEALTHY_SECONDS else child.failures + 1
        pause = min(FIRST_PAUSE * 2 ** min(child.failures, 10), LONGEST_PAUSE)
        log.error("died", process=child.name, code=code, restart_in=round(pause, 1))
        child.process, child.not_before = None, now + pause

    def shut_down(self) -> None:
        """In reverse order, so that Redis goes last; who does not stop in time is killed."""
        workers = [child for child in self.children if child.name != "redis"]
        _end(workers, GRACE_SECONDS)
        _end([child for child in self.children if child.name == "redis"], 10)


def _end(children: Iterable[Child], seconds: float) -> None:
    alive = [child.process for child in children if child.process and child.process.poll() is None]
    for process in alive:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in alive:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
