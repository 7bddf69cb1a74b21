"""Which processes this environment is for, as far as the secrets tell that it holds."""

from collections.abc import Mapping
from typing import Final

from bot.entry import credentials as names
from bot.entry.credentials import FALLBACKS, HOLDS, RECEIVING
from bot.settings import Settings, provider_environment
from bot.settings.names import PROVIDER_KEYS

OF_PLATFORM: Final = {
    "gitlab": frozenset({names.WRITE, names.READ, names.HOOKS}),
    "jira": frozenset({names.JIRA_WRITE, names.JIRA_READ, names.JIRA_HOOKS}),
    "confluence": frozenset({names.CONFLUENCE_WRITE, names.CONFLUENCE_READ, names.CONFLUENCE_HOOKS}),
}


def lacking(settings: Settings, environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of the secrets that each process needs for the platforms there are, and that are not set here."""
    needed = set() if makes_marks(settings) else {names.MARKS}
    for platform, of_platform in OF_PLATFORM.items():
        needed |= of_platform if getattr(settings, platform).url else set()
    missing = needed - held(settings, environ)
    return {role: sorted(missing & own) for role, own in HOLDS.items()}


def able(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """The processes that can work with what is here. `serve` can with one platform's webhook secret."""
    here = held(settings, environ)
    return [
        role
        for role, missing in lacking(settings, environ).items()
        if here & HOLDS[role] and not set(missing) - RECEIVING
    ]


def is_one_of_several(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether the other processes may run elsewhere, with secrets of their own: these can, on a Redis that is named."""
    return bool(settings.redis_url and able(settings, environ))


def is_elsewhere(role: str, settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether a process that lacks something here may well have it elsewhere."""
    return is_one_of_several(settings, environ) and role not in able(settings, environ)


def is_read_here(platform: str, settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether a process that reads this platform has its token here, be it the one that writes."""
    return bool(OF_PLATFORM[platform] & names.READING & held(settings, environ))


def held(settings: Settings, environ: Mapping[str, str]) -> frozenset[str]:
    """The secrets that are here. A token that writes serves for reading, too, but where nobody reads: in `effects`."""
    own = _set(settings, environ)
    if settings.redis_url and names.MARKS in own and own <= HOLDS["effects"]:
        return own
    return own | {reading for reading, writing in FALLBACKS.items() if writing in own}


def makes_marks(settings: Settings) -> bool:
    """`trivet up` on its own Redis is one machine, where a secret of its own does."""
    return not settings.redis_url


def _set(settings: Settings, environ: Mapping[str, str]) -> frozenset[str]:
    gitlab, jira, confluence = settings.gitlab, settings.jira, settings.confluence
    providers = provider_environment(environ)
    values: dict[str, object] = {
        names.WRITE: gitlab.token,
        names.READ: gitlab.read_token,
        names.HOOKS: gitlab.webhook_secrets,
        names.JIRA_WRITE: jira.token,
        names.JIRA_READ: jira.read_token,
        names.JIRA_HOOKS: jira.webhook_secrets,
        names.CONFLUENCE_WRITE: confluence.token,
        names.CONFLUENCE_READ: confluence.read_token,
        names.CONFLUENCE_HOOKS: confluence.webhook_secrets,
        names.MARKS: settings.mark_secrets,
        names.DATABASE: settings.database_url,
        **{name: providers.get(name) for name in PROVIDER_KEYS},
    }
    return frozenset(name for name, value in values.items() if value)
