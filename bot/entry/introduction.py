"""Who a token belongs to, told by the workers to every other process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from bot.errors import PlatformError

T = TypeVar("T")

log = structlog.get_logger("trivet.introduction")


@dataclass
class Introduction(Generic[T]):
    """Learns who a token is, once its platform answers. `tell` says it to the others, `name` to the log.

    `credential`: what is asked with; another one may be another account's.
    """

    role: str
    credential: Callable[[], object]
    ask: Callable[[], T]
    tell: Callable[[T], None]
    name: Callable[[T], str]
    known: T | None = None
    known_by: object = None

    def __call__(self) -> T:
        """Raises PlatformError while the platform does not answer."""
        credential = self.credential()
        if self.known is None or credential != self.known_by:
            self.known, self.known_by = self.ask(), credential
            self.tell(self.known)
        return self.known

    def attempt(self) -> None:
        """At start: a platform that is down must not keep a worker from starting."""
        try:
            who = self()
        except PlatformError as error:
            log.warning("the platform did not say who the token is", role=self.role, reason=str(error))
        else:
            log.info("introduced", role=self.role, account=self.name(who))
