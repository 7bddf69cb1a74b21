"""In which state the webhooks are, looked at now and then: platforms switch off one that fails, and tell nobody."""

from collections.abc import Callable, Mapping
from typing import Final

import structlog
from redis.exceptions import RedisError

from bot.domain.hook_paths import hook_path
from bot.entry.access import reading_api, reading_confluence, reading_jira
from bot.entry.store import Store
from bot.errors import PlatformError
from bot.gateways import confluence_hooks, gitlab_hooks, jira_hooks, webhook
from bot.gateways.gitlab_sweep import GitLabSweep
from bot.routing import Routing
from bot.settings import Settings

NAME: Final = "Trivet"

log = structlog.get_logger("trivet.hooks")


def watch_hooks(settings: Settings, store: Store) -> None:
    """Remember the states for the metrics. A token that may not see them, as most may not, leaves none."""
    for platform, look in LOOKS.items():
        try:
            store.signs.remember_hooks(platform, look(settings))
        except (PlatformError, RedisError) as error:
            log.warning("the webhooks were not seen", platform=platform, reason=str(error))


def _in_gitlab(settings: Settings) -> Mapping[str, str]:
    api = reading_api(settings)
    projects = GitLabSweep(api, settings.gitlab.projects, Routing(settings.gitlab.projects).serves).projects()
    address = settings.public_url + hook_path("gitlab") if settings.public_url else None
    return gitlab_hooks.hook_states(api, projects, address)


def _in_jira(settings: Settings) -> Mapping[str, str]:
    if not (settings.jira.url and settings.jira.reader[1]):
        return {}
    hooks = jira_hooks.JiraHooks(reading_jira(settings))
    return webhook.hook_states(hooks, hook_path("jira"), settings.public_url, NAME)


def _in_confluence(settings: Settings) -> Mapping[str, str]:
    """Cloud has no webhooks of this kind."""
    if not (settings.confluence.url and settings.confluence.reader[1]):
        return {}
    api = reading_confluence(settings)
    if api.is_cloud:
        return {}
    hooks = confluence_hooks.ConfluenceHooks(api)
    return webhook.hook_states(hooks, hook_path("confluence"), settings.public_url, NAME)


LOOKS: Final[Mapping[str, Callable[[Settings], Mapping[str, str]]]] = {
    "gitlab": _in_gitlab,
    "jira": _in_jira,
    "confluence": _in_confluence,
}
