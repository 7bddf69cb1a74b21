"""What Data Center tells of a webhook's deliveries: how many arrived within a day, and the last one of each outcome.

Jira and Confluence have it alike (developer.atlassian.com/server/confluence/rest, "Webhooks").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

WINDOW = timedelta(days=1)
LAST = {"SUCCESS": "lastSuccess", "FAILURE": "lastFailure", "ERROR": "lastError"}
COUNTED = {"SUCCESS": "successes", "FAILURE": "failures", "ERROR": "errors"}


@dataclass(frozen=True, slots=True)
class Invocation:
    """`status`: the receiver's, or why there was none."""

    id: int
    event: str
    url: str
    at: datetime
    status: int | str

    @property
    def outcome(self) -> str:
        if isinstance(self.status, str):
            return "ERROR"
        return "SUCCESS" if self.status < 400 else "FAILURE"


def statistics(invocations: Sequence[Invocation]) -> Json:
    """Of those within the window."""
    start = datetime.now(UTC) - WINDOW
    within = [one for one in invocations if one.at >= start]
    counts: Json = {name: sum(one.outcome == outcome for one in within) for outcome, name in COUNTED.items()}
    counts["window"] = {"start": _moment(start), "duration": int(WINDOW.total_seconds() * 1000)}
    last = {LAST[one.outcome]: shown(one) for one in within}
    return {"counts": counts} | last


def shown(one: Invocation) -> Json:
    return {
        "id": one.id,
        "event": one.event,
        "start": _moment(one.at),
        "finish": _moment(one.at),
        "duration": 0,
        "request": {"method": "POST", "url": one.url},
        "result": {"outcome": one.outcome, "description": str(one.status)},
    }


def _moment(at: datetime) -> int:
    return int(at.timestamp() * 1000)
