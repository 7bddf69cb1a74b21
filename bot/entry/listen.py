"""The socket deliveries come in by. `up` opens it once, so that it outlives a receiver that is started again."""

import errno
import socket
from typing import Final

from bot.errors import UsageError

BACKLOG: Final = 2048
REASONS: Final = {
    errno.EADDRINUSE: "port {port} on {host} is in use: free it, or choose another with --port",
    errno.EACCES: "port {port} needs special rights: choose one above 1023 with --port",
    errno.EADDRNOTAVAIL: "{host} is no address of this machine: choose one with --host",
}
NO_HOST = "{host} is no address to listen on ({reason}): choose one with --host"


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises UsageError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise UsageError(_sentence(error).format(host=host, port=port, reason=error)) from None


def inherited(descriptor: int) -> socket.socket:
    """The socket a supervisor opened for us."""
    return socket.socket(fileno=descriptor)


def address(listener: socket.socket) -> str:
    """As a person opens it, "http://127.0.0.1:8080"."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _sentence(error: OSError | UnicodeError) -> str:
    number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    return REASONS.get(number or 0, NO_HOST)
