"""One run as Redis keeps it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.entry.keys import text
from bot.routing import JobRequest

OVER: Final = frozenset({"done", "failed", "superseded"})
REVIEW: Final = "review"
LINK: Final = "link"
PAGES: Final = "pages"
OUTAGE_SECONDS: Final = 86_400.0
LONGEST_PAUSE: Final = 600.0


@dataclass(frozen=True)
class Run:
    """One run as recorded. `created`, `first_outage` are Unix times; `outages` counts how often it was put back.

    `overruns` counts how often its time limit stopped it and it went on, `rescues` how often its job was lost,
    `misfits` how often its proposal did not carry our seal. `seal` is that of the proposal, then of the failure.
    """

    id: str
    request: JobRequest
    state: str
    created: float
    event: str = ""
    message: str = ""
    outages: int = 0
    first_outage: float = 0.0
    overruns: int = 0
    rescues: int = 0
    award: int | None = None
    seal: str = ""
    misfits: int = 0

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def can_wait(self) -> bool:
        """Whether a model that is out is waited for; the attempts at the end of a day of outage do without it.

        Two of the longest pauses before the run is given up: the last attempt of the day falls into them.
        """
        return not self.first_outage or time.time() - self.first_outage < OUTAGE_SECONDS - 2 * LONGEST_PAUSE

    @property
    def target_key(self) -> str:
        return self.request.target_key

    @property
    def lock_key(self) -> str:
        """One run of an agent at a time per target: what is told to issues does not wait for a review to end."""
        agent = self.request.agent
        return self.target_key if agent == REVIEW else f"{self.target_key}:{agent}"


def recorded(name: str, kept: Mapping[Any, Any]) -> Run | None:
    """The run with this id, of its hash; None where that holds none.

    Raises ValueError (pydantic's, for another version's request) or KeyError for what is no run that we can read.
    """
    fields = {text(key): text(value) for key, value in kept.items()}
    if "request" not in fields:
        return None
    return Run(
        id=name,
        request=JobRequest.model_validate_json(fields["request"]),
        state=fields["state"],
        created=float(fields["created"]),
        event=fields.get("event", ""),
        message=fields.get("message", ""),
        outages=int(fields.get("outages", 0)),
        first_outage=float(fields.get("first_outage", 0)),
        overruns=int(fields.get("overruns", 0)),
        rescues=int(fields.get("rescues", 0)),
        award=int(fields["award"]) if "award" in fields else None,
        seal=fields.get("seal", ""),
        misfits=int(fields.get("misfits", 0)),
    )
