"""What merge requests are tied to: the issues that were told of them, the pages that their runs looked at."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from redis import Redis
from redis.client import Pipeline

from bot.domain.change import Target
from bot.entry import keys
from bot.entry.keys import text

MOST_LINKED: Final = 100  # issues that are remembered of one merge request
MOST_LOOKING: Final = 200  # merge requests that are remembered of one page


@dataclass(frozen=True)
class Ties:
    """The ties of a month."""

    redis: Redis

    def linked(self, target_key: str) -> list[str]:
        """The keys of the issues that a merge request was told to, the latest first."""
        return [text(one) for one in self.redis.zrevrange(keys.linked(target_key), 0, -1)]

    def looking(self, page: str) -> list[Target]:
        """The merge requests whose runs looked at a page, the latest first."""
        found = map(text, self.redis.zrevrange(keys.looked_at(page), 0, -1))
        return [_target(one) for one in found]

    def watched_pages(self) -> frozenset[str]:
        """The ids of the pages that any run looked at within a month."""
        self.redis.zremrangebyscore(keys.WATCHED, 0, time.time() - keys.RUN_TTL)
        return frozenset(map(text, self.redis.zrange(keys.WATCHED, 0, -1)))


def remember_linked(target_key: str, issues: Collection[str], pipe: Pipeline) -> None:
    """One that cannot be read for a while is not forgotten for it."""
    if issues:
        name = keys.linked(target_key)
        pipe.zadd(name, dict.fromkeys(issues, time.time()))
        pipe.zremrangebyrank(name, 0, -MOST_LINKED - 1)
        pipe.expire(name, keys.RUN_TTL)


def remember_looking(target: Target, pages: Collection[str], pipe: Pipeline) -> None:
    if not pages or not target.iid:
        return
    member, now = f"{target.project_id}:{target.iid}:{target.project}", time.time()
    pipe.zadd(keys.WATCHED, dict.fromkeys(pages, now))
    for page in pages:
        name = keys.looked_at(page)
        pipe.zadd(name, {member: now})
        pipe.zremrangebyrank(name, 0, -MOST_LOOKING - 1)
        pipe.expire(name, keys.RUN_TTL)


def _target(member: str) -> Target:
    project_id, iid, project = member.split(":", 2)
    return Target(project, int(iid), int(project_id))
