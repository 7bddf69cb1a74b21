"""What no webhook of Confluence's told us (Cloud has none): edited pages, by CQL, where rules name spaces."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.events import PageChanged
from bot.domain.pages import ChangedPage
from bot.entry.finding import OVERLAP_SECONDS, requests_of, since, start_unknown
from bot.entry.store import Store
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_recent import recently_changed
from bot.routing import Routing, route

SWEPT: Final = "confluence:"
MOST_CHANGED: Final = 500  # pages of one look, where they did not all change in its first minute
MINUTE: Final = 60.0  # seconds; the search knows whole minutes


@dataclass(frozen=True)
class ConfluenceSweep:
    """One look at every space that rules name."""

    store: Store
    api: ConfluenceApi
    policy: Callable[[], Routing]

    def __call__(self) -> int:
        """How many runs were queued. Raises PlatformError.

        Only pages that a merge request was held against start anything; our own edits are told by routing. Of very many
        changes the oldest are looked at; the next sweep goes on from there.
        """
        began = time.time()
        moment = since(self.store, SWEPT, began)
        spaces = sorted({rule.space for rule in self.policy().rules.spaces})
        recent = recently_changed(self.api, spaces, math.ceil((began - moment) / MINUTE))
        changed, is_cut = _oldest(recent, moment + MINUTE)
        watched = self.store.ties.watched_pages()
        started = sum(self._found(page) for page in changed if page.id in watched)
        self.store.sweeps.remember(SWEPT, _time(changed[-1]) + OVERLAP_SECONDS if is_cut else began)
        return started

    def _found(self, changed: ChangedPage) -> int:
        """As a webhook would have told it, so that it is the same run."""
        event = PageChanged(
            page=changed.id,
            action="updated",
            version=changed.version,
            space=changed.space,
            actor=changed.author,
            at=int(_time(changed) * 1000),
        )
        return start_unknown(self.store, requests_of(route(event, self.policy())), event)


def _oldest(recent: Iterable[ChangedPage], begin: float) -> tuple[list[ChangedPage], bool]:
    """What one look takes, and whether more may have changed: all until `begin`, so that the next one begins later."""
    found: list[ChangedPage] = []
    for page in recent:
        found.append(page)
        if len(found) >= MOST_CHANGED and _time(page) > begin:
            return found, True
    return found, False


def _time(changed: ChangedPage) -> float:
    return datetime.fromisoformat(changed.updated).timestamp()
