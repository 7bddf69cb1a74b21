"""Who the bot is in Jira, told by the workers to every other process."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.issues import IssuePerson
from bot.entry.store import Store
from bot.errors import PlatformError
from bot.gateways.jira_api import JiraApi
from bot.gateways.jira_reader import JiraReader

log = structlog.get_logger("trivet.introduction")


@dataclass
class TrackerIntroduction:
    """Learns who the writing token is, once Jira answers. `learn` is shown the first access that has worked."""

    store: Store
    open: Callable[[], JiraApi]
    learn: Callable[[JiraApi], None] = lambda _api: None
    known: IssuePerson | None = None

    def __call__(self) -> IssuePerson:
        """Raises PlatformError while Jira does not answer."""
        if self.known is None:
            api = self.open()
            self.known = JiraReader(api).me()
            self.learn(api)
            self.store.introduce_tracker(self.known)
        return self.known

    def attempt(self) -> None:
        """At start: a Jira that is down must not keep a worker from starting."""
        try:
            me = self()
        except PlatformError as error:
            log.warning("Jira did not say who the token is", reason=str(error))
        else:
            log.info("introduced", role="jira", account=me.username or me.name)
