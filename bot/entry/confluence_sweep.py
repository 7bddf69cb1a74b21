"""What no webhook of Confluence's told us (Cloud has none): edited pages, by CQL, where rules name spaces."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.events import PageChanged
from bot.domain.pages import ChangedPage
from bot.entry.finding import OVERLAP_SECONDS, requests_of, since, start_unknown
from bot.entry.store import Store
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_recent import MAX_CHANGED, recently_changed
from bot.routing import Routing, route

SWEPT: Final = "confluence:"


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
        changed = recently_changed(self.api, spaces, math.ceil((began - moment) / 60))
        watched = self.store.watched_pages()
        started = sum(self._found(page) for page in changed if page.id in watched)
        cut = len(changed) >= MAX_CHANGED
        self.store.remember_sweep(SWEPT, _time(changed[-1]) + OVERLAP_SECONDS if cut else began)
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


def _time(changed: ChangedPage) -> float:
    return datetime.fromisoformat(changed.updated).timestamp()
