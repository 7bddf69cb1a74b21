"""Whether a delivery has reached a receiver of ours, as Redis tells: receivers say there when they heard of a platform.

Without a Redis within reach that cannot be told, which is no fault: `connect` may run on any machine.
"""

import time
from typing import Final

from redis.exceptions import RedisError

from bot.entry.connection import connect
from bot.entry.embedded import is_ready, running_url
from bot.entry.store import Store
from bot.settings import Settings

WAIT_SECONDS: Final = 8.0  # a receiver tells at most every two seconds
LOOK_SECONDS: Final = 0.1


class Arrivals:
    """The deliveries of one platform, "gitlab" say, from the moment this is made. `place`: a project's path."""

    def __init__(self, settings: Settings, source: str, wait: float = WAIT_SECONDS, place: str = "") -> None:
        self._source = source
        self._wait = wait
        self._store = _store(settings)
        self._before = {where: self._heard(where) for where in ("", place)}
        self._place = place

    def came(self, *, of_place: bool = False) -> bool | None:
        """Waits for a delivery: whether there was one, None where it cannot be told. `of_place`: about it alone."""
        where, deadline = self._place if of_place else "", time.monotonic() + self._wait
        while self._store:
            if self._heard(where) != self._before[where]:
                return True if self._store else None
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return None

    def _heard(self, where: str) -> float | None:
        """None, and no store any more, where Redis fails."""
        try:
            return self._store.signs.heard(self._source, where) if self._store else None
        except (RedisError, OSError):
            self._store = None
            return None


def _store(settings: Settings) -> Store | None:
    if settings.redis_url:
        return Store(connect(settings.redis_url)) if is_ready(settings.redis_url) else None
    url = running_url(settings.data_dir)
    return Store(connect(url)) if url else None
