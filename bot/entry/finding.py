"""What both sweeps do alike: how far back they look, and how a run is started for what they found."""

from collections.abc import Sequence
from typing import Final

import structlog

from bot.domain.events import Event, Ignored
from bot.entry.meters import count
from bot.entry.store import Store
from bot.routing import JobRequest

OVERLAP_SECONDS: Final = 300.0
FIRST_LOOK_SECONDS: Final = 3_600.0

log = structlog.get_logger("trivet.sweep")


def since(store: Store, name: str, began: float) -> float:
    """From when on a sweep that began at `began` looks (Unix times), by what it remembers under this name."""
    last = store.sweeps.until(name)
    return began - FIRST_LOOK_SECONDS if last is None else last - OVERLAP_SECONDS


def requests_of(routed: list[JobRequest] | Ignored) -> list[JobRequest]:
    return [] if isinstance(routed, Ignored) else routed


def start_unknown(store: Store, requests: Sequence[JobRequest], event: Event | None = None) -> int:
    """Queue those that are not known yet, and tell the log; how many there were. `event`: what was found."""
    fresh = [request for request in requests if not store.handled.is_known(request)]
    for request in fresh:
        store.runs.start(request, "sweep", event)
        log.info("found", target=request.about, agent=request.agent, trigger=request.trigger)
    if fresh:
        store.add([count("trivet_sweep_found", by=len(fresh))])
    return len(fresh)
