"""What shows that the platforms reach us: the last delivery of each, the states of webhooks, the last whole sweep."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bot.entry import keys
from bot.entry.connection import Connection
from bot.entry.keys import text


@dataclass(frozen=True)
class SignsOfLife:
    """For the metrics, and for who looks whether all is well."""

    connection: Connection

    def heard(self, source: str, place: str = "") -> float | None:
        """When any receiver saw the last authentic delivery of "gitlab", "jira" or "confluence" (Unix time).

        `place`: only those about this project or space.
        """
        said = self.connection.redis.hget(keys.HEARD, keys.heard_of(source, place))
        return float(said) if said else None

    def swept(self) -> None:
        """The sweep could look everywhere."""
        self.connection.redis.hset(keys.HEARD, keys.SWEEP, time.time())

    def remember_hooks(self, platform: str, states: Mapping[str, str]) -> None:
        """In which state the webhooks of a platform are, by project or name; what was known before is replaced."""
        known = map(text, self.connection.redis.hkeys(keys.HOOKS))
        old = [name for name in known if name.startswith(f"{platform}:")]
        with self.connection.transaction() as pipe:
            if old:
                pipe.hdel(keys.HOOKS, *old)
            if states:
                pipe.hset(keys.HOOKS, mapping={f"{platform}:{name}": state for name, state in states.items()})

    def hooks(self) -> dict[str, dict[str, str]]:
        """The states of webhooks, as far as they are known, by platform and name."""
        known: dict[str, dict[str, str]] = defaultdict(dict)
        for name, state in self.connection.redis.hgetall(keys.HOOKS).items():
            platform, _, hook = text(name).partition(":")
            known[platform][hook] = text(state)
        return dict(known)
