"""Access to the three platforms as the settings give it, and whose it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from bot.domain.events import Person
from bot.errors import AccessDenied, NotFound, UsageError
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.jira_api import JiraApi
from bot.settings import (
    NO_CONFLUENCE,
    NO_CONFLUENCE_READ_TOKEN,
    NO_CONFLUENCE_TOKEN,
    NO_GITLAB,
    NO_JIRA,
    NO_JIRA_READ_TOKEN,
    NO_JIRA_TOKEN,
    NO_READ_TOKEN,
    NO_TOKEN,
    Settings,
)

READ_SETTING = "TRIVET_GITLAB__READ_TOKEN or, where that is unset, TRIVET_GITLAB__TOKEN"
JIRA_READ_SETTING = "TRIVET_JIRA__READ_TOKEN or, where that is unset, TRIVET_JIRA__TOKEN"
CONFLUENCE_READ_SETTING = "TRIVET_CONFLUENCE__READ_TOKEN or, where that is unset, TRIVET_CONFLUENCE__TOKEN"

_DEPLOYMENTS: dict[str, Literal["cloud", "datacenter"]] = {}


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and the GitLab it is for. `version` is (major, minor)."""

    person: Person
    version: tuple[int, int]


# --- GitLab ---


def reading_api(settings: Settings) -> GitLabApi:
    if not settings.gitlab.url:
        raise UsageError(NO_GITLAB)
    if not settings.gitlab.reader:
        raise UsageError(NO_READ_TOKEN)
    return GitLabApi(settings.gitlab.url, settings.gitlab.reader.get_secret_value(), READ_SETTING)


def writing_api(settings: Settings, opened: Callable[[str, str, str], GitLabApi] = GitLabApi) -> GitLabApi:
    """`opened` makes the access from address, token and the setting's name."""
    if not settings.gitlab.url:
        raise UsageError(NO_GITLAB)
    if not settings.gitlab.token:
        raise UsageError(NO_TOKEN)
    return opened(settings.gitlab.url, settings.gitlab.token.get_secret_value(), "TRIVET_GITLAB__TOKEN")


def account(api: GitLabApi) -> Account:
    """Two requests: the token's user and the instance's version. Raises PlatformError."""
    user = api.get("/user", "the token's own user")
    return Account(Person(id=user["id"], username=user["username"]), _version(api))


def _version(api: GitLabApi) -> tuple[int, int]:
    """(0, 0), which switches newer features off, where the instance keeps its version to itself."""
    try:
        said = str(api.get("/version", "the instance's version").get("version", ""))
    except (AccessDenied, NotFound):
        return 0, 0
    numbers = re.match(r"(\d+)\.(\d+)", said)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


# --- Jira ---


def reading_jira(settings: Settings) -> JiraApi:
    email, token = settings.jira.reader
    if not settings.jira.url:
        raise UsageError(NO_JIRA)
    if not token:
        raise UsageError(NO_JIRA_READ_TOKEN)
    return _jira(settings, email, token, JIRA_READ_SETTING)


def writing_jira(settings: Settings) -> JiraApi:
    if not settings.jira.url:
        raise UsageError(NO_JIRA)
    if not settings.jira.token:
        raise UsageError(NO_JIRA_TOKEN)
    return _jira(settings, settings.jira.email, settings.jira.token, "TRIVET_JIRA__TOKEN")


def learn_deployment(api: JiraApi | ConfluenceApi) -> None:
    """Which Jira or Confluence this is, for this process and those it forks: else each would ask.

    Raises PlatformError.
    """
    _DEPLOYMENTS[api.url] = "cloud" if api.is_cloud else "datacenter"


def _jira(settings: Settings, email: str | None, token: SecretStr, setting: str) -> JiraApi:
    jira = settings.jira
    return JiraApi(
        jira.url or "",
        token=token.get_secret_value(),
        email=email,
        setting=setting,
        deployment=_DEPLOYMENTS.get((jira.url or "").rstrip("/"), jira.deployment),
        browse_url=jira.browse_url,
    )


# --- Confluence ---


def reading_confluence(settings: Settings) -> ConfluenceApi:
    email, token = settings.confluence.reader
    if not settings.confluence.url:
        raise UsageError(NO_CONFLUENCE)
    if not token:
        raise UsageError(NO_CONFLUENCE_READ_TOKEN)
    return _confluence(settings, email, token, CONFLUENCE_READ_SETTING)


def writing_confluence(settings: Settings) -> ConfluenceApi:
    wiki = settings.confluence
    if not wiki.url:
        raise UsageError(NO_CONFLUENCE)
    if not wiki.token:
        raise UsageError(NO_CONFLUENCE_TOKEN)
    return _confluence(settings, wiki.email, wiki.token, "TRIVET_CONFLUENCE__TOKEN")


def _confluence(settings: Settings, email: str | None, token: SecretStr, setting: str) -> ConfluenceApi:
    wiki = settings.confluence
    url = (wiki.url or "").rstrip("/")
    return ConfluenceApi(
        url,
        token=token.get_secret_value(),
        email=email,
        setting=setting,
        deployment=_DEPLOYMENTS.get(url, wiki.deployment),
        browse_url=wiki.browse_url,
    )
