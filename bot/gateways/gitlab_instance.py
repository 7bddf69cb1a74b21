"""Which GitLab this is: its version, what that version lacks, and how far its clock is from ours."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.domain.http_date import http_date
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_shapes import shaped
from bot.gateways.shapes import Shape

Version = tuple[int, int]

SIGNING_SINCE: Final[Version] = (19, 1)
WHAT: Final = "the instance's version"

# What begins with a version, and what is done before it. Sources: the release notes of each.
SINCE: Final[Mapping[Version, str]] = {
    (16, 11): "webhooks cannot be tried with a test event",
    (17, 3): "how webhooks fared cannot be read",
    (17, 5): "a thumbs-up on one of the bot's notes is not told",
    SIGNING_SINCE: "webhooks are not signed: they show a plain secret",
    (19, 2): "a review's summary and its state are written after its findings, not with them",
}


class VersionShape(Shape):
    version: str


@dataclass(frozen=True, slots=True)
class Instance:
    """`name` is the version as GitLab tells it; `ahead`: seconds its clock is ahead of ours, None where not told."""

    name: str
    version: Version
    ahead: float | None

    @property
    def can_sign(self) -> bool:
        return self.version >= SIGNING_SINCE

    @property
    def lacks(self) -> list[str]:
        return [said for since, said in SINCE.items() if self.version < since]


def instance(api: GitLabApi) -> Instance:
    """One request. Raises PlatformError, Unavailable where it is no GitLab that answers."""
    before = time.time()
    said = shaped(VersionShape, api.get("/version", WHAT), WHAT).version
    return Instance(said, _numbers(said), _ahead(api.headers.get("Date", ""), (before + time.time()) / 2))


def _numbers(said: str) -> Version:
    """(0, 0), which has nothing, for a name that is none."""
    found = re.match(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ahead(date: str, now: float) -> float | None:
    """The header tells whole seconds, cut off: half a second is what it is short of on average."""
    moment = http_date(date)
    return moment.timestamp() + 0.5 - now if moment else None
