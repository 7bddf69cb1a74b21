"""How far the sweep has looked: until when in each place, and which tags it has seen."""

from collections.abc import Collection
from dataclasses import dataclass

from redis import Redis

from bot.entry import keys


@dataclass(frozen=True)
class SweepMemory:
    """`name`: a project's path, or what stands for all of a platform. `until`: a Unix time."""

    redis: Redis

    def until(self, name: str) -> float | None:
        said = self.redis.hget(keys.SWEPT, name)
        return float(said) if said else None

    def remember(self, name: str, until: float) -> None:
        self.redis.hset(keys.SWEPT, name, until)

    def new_tags(self, project: str, names: Collection[str]) -> list[str]:
        """Those that were not seen before; at the first look none."""
        seen = self.redis.smembers(keys.tags(project))
        return [one for one in names if seen and one.encode() not in seen]

    def remember_tags(self, project: str, names: Collection[str]) -> None:
        """An empty one, too, so that the look itself is remembered where there are none."""
        self.redis.sadd(keys.tags(project), "", *names)
