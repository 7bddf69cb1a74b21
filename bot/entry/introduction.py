"""Who a token belongs to, told by the workers to every other process."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.entry.store import Store
from bot.entry.wiring import Account, account
from bot.errors import PlatformError
from bot.gateways.gitlab_api import GitLabApi

log = structlog.get_logger("trivet.introduction")


@dataclass
class Introduction:
    """Learns who a token is, once GitLab answers, and tells the other processes through Redis."""

    store: Store
    role: str
    open: Callable[[], GitLabApi]
    known: Account | None = None

    def __call__(self) -> Account:
        """Raises PlatformError while GitLab does not answer."""
        if self.known is None:
            self.known = account(self.open())
            self.store.introduce(self.role, self.known.person)
        return self.known

    def attempt(self) -> None:
        """At start: a GitLab that is down must not keep a worker from starting."""
        try:
            who = self()
        except PlatformError as error:
            log.warning("GitLab did not say who the token is", role=self.role, reason=str(error))
        else:
            log.info("introduced", role=self.role, account=who.person.username)
