"""Who the bot is on each platform, as the workers found out and every process learns."""

import json
from dataclasses import dataclass

from redis import Redis

from bot.domain.events import Person
from bot.domain.issue_commands import NamedBy
from bot.domain.issues import IssuePerson
from bot.domain.pages import PagePerson
from bot.entry import keys


@dataclass(frozen=True)
class Identities:
    """The bot's accounts; of each platform None until a worker has introduced it."""

    redis: Redis

    def introduce(self, role: str, person: Person) -> None:
        """Tell every process who the bot is; the account that writes is the one whose notes are ours."""
        self.redis.hset(keys.IDENTITIES, role, f"{person.id}:{person.username}")

    def introduce_tracker(self, me: IssuePerson) -> None:
        """Tell every process who the bot is in Jira."""
        self._tell(keys.TRACKER, me)

    def introduce_wiki(self, me: PagePerson) -> None:
        """Tell every process who the bot is in Confluence."""
        self._tell(keys.WIKI, me)

    def who(self) -> Person | None:
        said = self.redis.hget(keys.IDENTITIES, "gitlab") or self.redis.hget(keys.IDENTITIES, "gitlab-reader")
        known = keys.identity(said)
        return Person(id=known[0], username=known[1]) if known else None

    def tracker(self) -> NamedBy | None:
        return keys.tracker(self.redis.hget(keys.IDENTITIES, keys.TRACKER))

    def wiki(self) -> PagePerson | None:
        said = keys.wiki(self.redis.hget(keys.IDENTITIES, keys.WIKI))
        return PagePerson(**said) if said else None

    def _tell(self, platform: str, me: IssuePerson | PagePerson) -> None:
        said = {"id": me.id, "username": me.username, "name": me.name}
        self.redis.hset(keys.IDENTITIES, platform, json.dumps(said))
