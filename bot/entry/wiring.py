"""The composition root: settings in, the parts each process needs out. The only place that picks implementations."""

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import structlog

from bot.agents.spec import AgentSpec
from bot.domain.clean_document import clean
from bot.domain.issue_commands import NamedBy
from bot.domain.issues import IssuePerson
from bot.domain.pages import PagePerson
from bot.domain.rules import Rules
from bot.domain.sanitize import sanitize
from bot.domain.sections import LONGEST_SECTION
from bot.entry.access import (
    Account,
    reading_api,
    reading_confluence,
    reading_jira,
    writing_confluence,
    writing_jira,
)
from bot.entry.accounts import Accounts
from bot.entry.own_secrets import mark_book, redactor
from bot.gateways.confluence_effects import ConfluenceEffects
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.effects import Effects
from bot.gateways.git import GitCache
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_code import GitLabCode
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.gitlab_reader import GitLabReader
from bot.gateways.gitlab_work import GitLabWork
from bot.gateways.jira_effects import JiraEffects
from bot.gateways.jira_reader import JiraReader
from bot.llm.messages import Model
from bot.proposing.means import Means, Tracker, Wiki
from bot.settings import Settings

log = structlog.get_logger("trivet.wiring")


def repositories(settings: Settings) -> GitCache:
    return GitCache(settings.data_dir / "repositories")


def gitlab_reader(settings: Settings) -> GitLabReader:
    return GitLabReader(reading_api(settings), repositories(settings))


def gitlab_effects(
    settings: Settings, api: GitLabApi, who: Account, pace: Callable[[], None]
) -> GitLabEffects:
    return GitLabEffects(
        api,
        me=who.person,
        version=who.version,
        marks=mark_book(settings),
        clean=_sanitizer(settings),
        reviewer_state=settings.reviewer_state,
        pace=pace,
    )


def effects(
    settings: Settings,
    api: GitLabApi,
    who: Account,
    pace: Callable[[], None],
    tracker: Callable[[], IssuePerson] | None = None,
    wiki: Callable[[], PagePerson] | None = None,
) -> Effects:
    """Everything that can be written. `tracker`, `wiki` tell who the bot is in Jira and Confluence; None: not there."""
    return Effects(
        gitlab=gitlab_effects(settings, api, who, pace),
        work=GitLabWork(api, me=who.person, clean=_sanitizer(settings), redact=redactor(settings).redact),
        jira=cache(lambda: jira_effects(settings, tracker())) if tracker else None,
        pages=cache(lambda: confluence_effects(settings, wiki())) if wiki else None,
        host=gitlab_host(settings),
    )


def _sanitizer(settings: Settings) -> Callable[[str], str]:
    redact = redactor(settings).redact
    return lambda body: sanitize(body, hosts=known_hosts(settings), redact=redact)


def known_hosts(settings: Settings) -> frozenset[str]:
    """The hosts that our texts may link to, with their ports as an address has them."""
    jira, wiki = settings.jira, settings.confluence
    addresses = (
        *(settings.gitlab.url, jira.url, jira.browse_url),
        *(wiki.url, wiki.browse_url, settings.public_url),
    )
    return frozenset(filter(None, (urlsplit(address or "").netloc.lower() for address in addresses)))


def gitlab_host(settings: Settings) -> str:
    return urlsplit(settings.gitlab.url or "").hostname or ""


# --- Jira ---


def jira_effects(settings: Settings, me: IssuePerson) -> JiraEffects:
    redact, hosts = redactor(settings).redact, known_hosts(settings)
    return JiraEffects(
        writing_jira(settings),
        me=me,
        clean=lambda document: clean(document, redact=redact, hosts=hosts),
        marks=mark_book(settings),
    )


def tracker(settings: Settings, rules: Rules, writer: NamedBy | None) -> Tracker | None:
    """None where no Jira is connected. `writer`: the account that writes, where it is known to be another."""
    if not settings.jira.url:
        return None
    return Tracker(
        issues=JiraReader(reading_jira(settings), me=writer),
        writer=writer,
        code=GitLabCode(reading_api(settings), repositories(settings)),
        rules=rules,
        host=gitlab_host(settings),
    )


# --- Confluence ---


def confluence_effects(settings: Settings, me: PagePerson) -> ConfluenceEffects:
    redact, hosts = redactor(settings).redact, known_hosts(settings)
    return ConfluenceEffects(
        writing_confluence(settings),
        me=me,
        clean=lambda document, urls: clean(
            document, redact=redact, hosts=hosts, longest=LONGEST_SECTION, urls=urls
        ),
    )


def wiki(settings: Settings, rules: Rules, writer: PagePerson | None) -> Wiki | None:
    """None where no Confluence is connected. `writer`: the account that writes, where it is known to be another."""
    if not settings.confluence.url:
        return None
    return Wiki(
        pages=ConfluenceReader(reading_confluence(settings)),
        writer=writer,
        code=GitLabCode(reading_api(settings), repositories(settings)),
        rules=rules,
    )


def run_means(
    settings: Settings,
    agent: AgentSpec[Any],
    accounts: Accounts,
    model: Model | None,
    rules: Rules,
) -> Means:
    """What a run reads through."""
    return Means(
        reader=gitlab_reader(settings),
        agent=agent,
        redactor=redactor(settings),
        me=accounts.gitlab,
        marks=mark_book(settings),
        model=model,
        tracker=tracker(settings, rules, accounts.jira),
        wiki=wiki(settings, rules, accounts.confluence),
    )
