"""`trivet up`: all processes on one machine, each with its own credentials, and a Redis where none is named."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from bot.domain.secrets import Redactor
from bot.entry import embedded, listen
from bot.entry.credentials import MARKS, check_hooks, split
from bot.entry.logs import start_logging
from bot.entry.supervisor import PYTHON, Child, Supervisor
from bot.errors import UsageError
from bot.settings import NO_GITLAB, NO_TOKEN, Settings, kept_secret, own_folder

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "serve": ("serve",),
    "effects": ("work", "effects"),
    "agents": ("work", "agents"),
    "schedule": ("schedule",),
}
RUNNING = "another `trivet up` (process {pid}) works in {folder}: stop it, or choose another TRIVET_DATA_DIR"
NO_HOOKS = "TRIVET_GITLAB__WEBHOOK_SECRETS is not set: every delivery is refused, only the sweep finds work"
NO_PROJECTS = "TRIVET_GITLAB__PROJECTS is not set: no project is allowed, so nothing will be reviewed"

log = structlog.get_logger("trivet.up")


def run_up(settings: Settings, descriptor: int | None = None) -> None:
    """Serve until told to stop. `descriptor`: of a socket that is open already, as `demo` keeps it.

    Raises UsageError, PlatformError.
    """
    start_logging(settings.log_format, Redactor(settings.own_secrets()).redact)
    _check(settings)
    with alone(settings.data_dir), listen.opened(settings.host, settings.port, descriptor) as door:
        children = processes(settings, os.environ, door.fileno())
        log.info("listening", address=listen.address(door), data=str(settings.data_dir))
        try:
            Supervisor(children).run()
        finally:
            embedded.tidy(settings.data_dir)


def processes(settings: Settings, environ: Mapping[str, str], door: int) -> list[Child]:
    """Every process of one machine, Redis first where it is ours. `door` is the listening socket's descriptor."""
    base = dict(environ) | {
        "TRIVET_DATA_DIR": str(settings.data_dir),
        "TRIVET_REDIS_URL": settings.redis_url or embedded.redis_url(settings.data_dir),
    }
    if not settings.mark_secrets:
        base[MARKS] = kept_secret(settings.data_dir, "mark-secret")
    own = [] if settings.redis_url else [_redis(settings.data_dir)]
    folder = _emptied(settings.data_dir / "secrets")
    return own + [_child(role, split(base, role, folder / role), door) for role in COMMANDS]


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold the data folder: two servers on one append-only file would destroy it. Raises UsageError when it is held."""
    with (own_folder(data_dir) / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UsageError(RUNNING.format(pid=lock.read().strip(), folder=data_dir)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _check(settings: Settings) -> None:
    if not settings.gitlab.url:
        raise UsageError(NO_GITLAB)
    if not settings.gitlab.token:
        raise UsageError(NO_TOKEN)
    check_hooks(settings)
    if not settings.gitlab.webhook_secrets:
        log.warning(NO_HOOKS)
    if not settings.gitlab.projects:
        log.warning(NO_PROJECTS)


def _child(role: str, environment: dict[str, str], door: int) -> Child:
    words = COMMANDS[role]
    if role != "serve":
        return Child(role, (*PYTHON, *words), environment)
    return Child(role, (*PYTHON, *words, "--fd", str(door)), environment, descriptors=(door,))


def _redis(data_dir: Path) -> Child:
    return Child(
        "redis",
        embedded.server_command(data_dir),
        {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
        is_ready=partial(embedded.is_ready, embedded.redis_url(data_dir)),
        log=data_dir / "redis" / "server.log",
        needed=True,
    )


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
