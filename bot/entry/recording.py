"""What the receiver asks of whoever keeps its deliveries, and what it hears back.

For itself, so that who only works off what was recorded starts without the receiver.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from prometheus_client.metrics_core import Metric as Family

from bot.domain.events import Event
from bot.routing import JobRequest


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the inbox says of a delivery: recorded now or before, and the runs it belongs to."""

    status: Literal["accepted", "duplicate"]
    runs: tuple[str, ...] = ()


class StoreDown(Exception):
    """The record could not be made durable: nothing may be acknowledged."""


class Inbox(Protocol):
    """Where deliveries become durable."""

    async def accept(
        self, key: str, event: Event, requests: Sequence[JobRequest], ttl: int | None = None
    ) -> Receipt:
        """Record the delivery and queue its runs, both or neither. Raises StoreDown.

        `ttl`: for how many seconds the delivery is known again, None for as long as any is.
        """

    async def ended(self, target_key: str) -> None:
        """The target was merged or closed: a run on it stops. Raises StoreDown."""

    async def ready(self) -> str | None:
        """None while deliveries can be recorded, else the reason why not."""

    async def common(self) -> Iterable[Family]:
        """The metrics that all processes count together. Raises StoreDown."""
