"""How our two servers, the receiver and the runs API, run under uvicorn: until they are told to stop, with a pulse."""

import signal
from socket import socket
from typing import Any, Final

import structlog
import uvicorn

from bot.entry import listen
from bot.entry.pulse import Pulse
from bot.errors import PlatformError

BEAT_SECONDS: Final = 3
UVICORN: Final[dict[str, Any]] = {
    "access_log": False,
    "server_header": False,
    "log_level": "warning",
    "ws": "none",
    "timeout_graceful_shutdown": 5,  # seconds for who has sent half a request
    "log_config": None,  # its lines go the way of all others, redacted
}
NOT_STARTED = "the server did not start: its lines above say why"

log = structlog.get_logger("trivet.serve")


def beating(role: str) -> dict[str, Any]:
    """uvicorn's options for a pulse from its event loop."""
    pulse = Pulse(role)

    async def beat() -> None:
        pulse.beat()

    return {"callback_notify": beat, "timeout_notify": BEAT_SECONDS}


def serve_until_told(server: uvicorn.Server, door: socket) -> None:
    """Being told to stop is no failure: our handlers hear it before uvicorn's do, and when it raises it once more."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    log.info("listening", address=listen.address(door))
    server.run(sockets=[door])
    if not server.started:
        raise PlatformError(NOT_STARTED)
    log.info("stopped")
