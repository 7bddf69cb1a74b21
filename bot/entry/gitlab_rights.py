"""What the tokens for GitLab have to be allowed to, and what one of them lacks, in a sentence with its cure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_place import Place
from bot.gateways.gitlab_token import DEVELOPER, MAINTAINER, OWNER, REPORTER, Bearer, role_name
from bot.settings import Settings
from bot.settings.names import CONNECT_TOKEN

WRITE: Final = "TRIVET_GITLAB__TOKEN"
READ: Final = "TRIVET_GITLAB__READ_TOKEN"

SOMEBODY: Final = "user {id}"
LACKS_SCOPES = "the token of {setting}, of {who}, has the scopes {scopes} and lacks {missing}"
LACKS_SCOPES_CURE = "make a token with the scopes {needed} for {who}, and set {setting}"
LACKS_ROLE = "{who} is {role} in {place}: {deed} takes a {needed}"
LACKS_ROLE_CURE = "make {who} a {needed} of {place}"


@dataclass(frozen=True, slots=True)
class Need:
    """`deed`: what it is for. `level`: the role at least, by the kind of place."""

    deed: str
    levels: Mapping[str, int]
    scopes: frozenset[str]


WRITES: Final = Need("writing reviews", {"project": DEVELOPER, "group": DEVELOPER}, frozenset({"api"}))
READS: Final = Need(
    "reading changes",
    {"project": REPORTER, "group": REPORTER},
    frozenset({"read_api", "read_repository"}),
)
HOOKS: Final = Need("setting webhooks", {"project": MAINTAINER, "group": OWNER}, frozenset({"api"}))


@dataclass(frozen=True, slots=True)
class OwnToken:
    """One of the bot's tokens. `name` is for a person, `setting` where it comes from."""

    name: str
    setting: str
    api: GitLabApi
    need: Need


def own_tokens(settings: Settings) -> Iterator[OwnToken]:
    """The bot's tokens as far as they are set; one that serves for both comes once, as the one that writes."""
    gitlab = settings.gitlab
    if not gitlab.url:
        return
    if gitlab.token:
        api = GitLabApi(gitlab.url, gitlab.token.get_secret_value(), WRITE)
        yield OwnToken("token that writes", WRITE, api, WRITES)
    if gitlab.read_token and gitlab.read_token != gitlab.token:
        api = GitLabApi(gitlab.url, gitlab.read_token.get_secret_value(), READ)
        yield OwnToken("token that reads", READ, api, READS)


def hook_api(settings: Settings, environ: Mapping[str, str]) -> GitLabApi | None:
    """What webhooks are read and set with: the stronger token of this one call, else the one that writes."""
    gitlab = settings.gitlab
    given = environ.get(CONNECT_TOKEN, "").strip()
    if gitlab.url and given:
        return GitLabApi(gitlab.url, given, CONNECT_TOKEN)
    return next((one.api for one in own_tokens(settings) if one.need is WRITES), None)


def named(bearer: Bearer) -> str:
    return f"@{bearer.name}" if bearer.name else SOMEBODY.format(id=bearer.id)


def without_scopes(bearer: Bearer, need: Need, setting: str) -> tuple[str, str] | None:
    """What the token lacks and what to do; None where it has the scopes, or they cannot be told."""
    missing = bearer.lacks(need.scopes)
    if not missing:
        return None
    who, has = named(bearer), ", ".join(sorted(bearer.scopes or ())) or "none"
    said = LACKS_SCOPES.format(setting=setting, who=who, scopes=has, missing=", ".join(missing))
    return said, LACKS_SCOPES_CURE.format(needed=", ".join(sorted(need.scopes)), who=who, setting=setting)


def without_role(bearer: Bearer, level: int, need: Need, place: Place) -> tuple[str, str] | None:
    """The same of a role. An administrator needs none."""
    needed = need.levels[place.kind]
    if level >= needed or bearer.is_admin:
        return None
    words = {"who": named(bearer), "place": place.path, "needed": role_name(needed)}
    said = LACKS_ROLE.format(**words, role=role_name(level), deed=need.deed)
    return said, LACKS_ROLE_CURE.format(**words)
