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
NO_SOCKET = "descriptor {descriptor} is no listening socket ({reason}): leave --fd away"
NO_HOST = "{host} is no address to listen on ({reason}): choose one with --host"
DEAF = "it does not listen"


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
    """The listening socket that was opened by who started us. Raises UsageError where the descriptor is none."""
    try:
        door = socket.socket(fileno=descriptor)
    except OSError as error:
        raise UsageError(NO_SOCKET.format(descriptor=descriptor, reason=error.strerror)) from None
    if not door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise UsageError(NO_SOCKET.format(descriptor=door.detach(), reason=DEAF))
    return door


def opened(host: str, port: int, descriptor: int | None) -> socket.socket:
    """The inherited socket where a descriptor is given, else a new one. Raises UsageError."""
    return listen(host, port) if descriptor is None else inherited(descriptor)


def address(listener: socket.socket) -> str:
    """As a person opens it, "http://127.0.0.1:8080"."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _sentence(error: OSError | UnicodeError) -> str:
    number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    return REASONS.get(number or 0, NO_HOST)
