"""`trivet up`: all processes on one machine, each with its own credentials, and a Redis where none is named."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from socket import socket
from typing import Final

import structlog

from bot.entry import embedded, listen, pulse
from bot.entry.credentials import MARKS, check_hooks, split
from bot.entry.process import begin
from bot.entry.supervisor import PYTHON, Child, Supervisor
from bot.errors import UsageError
from bot.settings import NO_GITLAB, NO_TOKEN, Settings
from bot.settings.data_folder import kept_secret, own_folder

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "serve": ("serve",),
    "web": ("web",),
    "effects": ("work", "effects"),
    "agents": ("work", "agents"),
    "schedule": ("schedule",),
}
LOOPBACK: Final = "127.0.0.1"
RUNNING = "another `trivet up` (process {pid}) works in {folder}: stop it, or choose another TRIVET_DATA_DIR"
NO_HOOKS = "TRIVET_GITLAB__WEBHOOK_SECRETS is not set: every delivery is refused, only the sweep finds work"
NO_PROJECTS = "TRIVET_GITLAB__PROJECTS is not set: no project is allowed, so nothing will be reviewed"

log = structlog.get_logger("trivet.up")


def run_up(settings: Settings, descriptor: int | None = None) -> None:
    """Serve until told to stop. `descriptor`: of a socket that is open already, as `demo` keeps it.

    Raises UsageError, PlatformError.
    """
    begin(settings, "up")
    _check(settings)
    with (
        alone(settings.data_dir),
        listen.opened(settings.host, settings.port, descriptor) as door,
        _web_door(settings) as web,
    ):
        children = processes(settings, os.environ, door.fileno(), web)
        log.info("listening", address=listen.address(door), data=str(settings.data_dir))
        try:
            Supervisor(children, close=door.close, beat=pulse.Pulse("up").beat).run()
        finally:
            embedded.tidy(settings.data_dir)
            pulse.tidy()


def processes(
    settings: Settings, environ: Mapping[str, str], door: int, web: socket | None = None
) -> list[Child]:
    """Every process of one machine, Redis first where it is ours. `door` is the listening socket's descriptor.

    `web`: the socket of the runs API, which the receiver passes requests to; None where it is not served.
    """
    base = dict(environ) | {
        "TRIVET_DATA_DIR": str(settings.data_dir),
        "TRIVET_REDIS_URL": settings.redis_url or embedded.redis_url(settings.data_dir),
    }
    if not settings.mark_secrets:
        base[MARKS] = kept_secret(settings.data_dir, "mark-secret")
    own = [] if settings.redis_url else [_redis(settings.data_dir)]
    folder = _emptied(settings.data_dir / "secrets")
    roles = [role for role in COMMANDS if role != "web" or web]
    return own + [_child(role, split(base, role, folder / role), door, web) for role in roles]


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


def _web_door(settings: Settings) -> AbstractContextManager[socket | None]:
    """Where the runs API listens, on the loopback interface: without our own address no pipeline could ask for it."""
    return listen.listen(LOOPBACK, 0) if settings.public_url else nullcontext()


def _child(role: str, environment: dict[str, str], door: int, web: socket | None) -> Child:
    """The receiver is told where the runs API is, and listens, as that does, at a socket of ours."""
    words = (*PYTHON, *COMMANDS[role])
    if role == "serve":
        beside = ("--web", str(web.getsockname()[1])) if web else ()
        return Child(role, (*words, "--fd", str(door), *beside), environment, descriptors=(door,))
    if role == "web" and web:
        return Child(role, (*words, "--fd", str(web.fileno())), environment, descriptors=(web.fileno(),))
    return Child(role, words, environment)


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
