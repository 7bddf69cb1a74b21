"""`trivet connect confluence`: Data Center's webhook by its API; on Cloud, which has none, what may tell instead."""

import os
from collections.abc import Iterator
from typing import Final

from bot.domain.hook_paths import hook_path
from bot.domain.secrets import Redactor
from bot.entry.connect import hooks
from bot.entry.connect.access import access
from bot.entry.connect.arrival import Arrivals
from bot.entry.connect.endpoint import endpoint
from bot.entry.connect.steps import Step, guarded, todo, told
from bot.entry.credentials import CONFLUENCE_WRITE
from bot.errors import AccessDenied, NotFound, PlatformError, UsageError
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_hooks import (
    EVENTS,
    HAS_HOOKS_SINCE,
    LONGEST_SECRET,
    ConfluenceHooks,
    dotted,
    version_of,
)
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.webhook import WantedHook
from bot.settings import NO_CONFLUENCE, NO_CONFLUENCE_TOKEN, Settings
from bot.settings.names import CONNECT_TOKEN

SOURCE: Final = "confluence"
CONFLUENCE: Final = "Confluence"
PATH: Final = hook_path("confluence")
SECRETS: Final = "TRIVET_CONFLUENCE__WEBHOOK_SECRETS"

ANSWERS = "{url} is Confluence{version}, and the token is {who}'s"
TOO_LONG = (
    f"the first secret of {SECRETS} has more than {LONGEST_SECRET} characters, which Confluence does not take"
)
NO_HOOKS = "Confluence Cloud has no webhooks that could be set up"
TOO_OLD = "Confluence {version} has no webhooks; 7.7 was the first that had"
POLLED = "nothing need be done: changes are asked for every {seconds:.0f} s. To hear of them at once, do what follows"
POLLED_ALONE = "nothing need be done: changes are asked for every {seconds:.0f} s"
MAY_NOT = "the account may not set up webhooks: {error}"
AS_ADMIN = (
    f"run this again with the token of an administrator of Confluence in {CONNECT_TOKEN},"
    " or let one do what follows"
)
WHERE = "under General Configuration → Webhooks, make a webhook that is called {name}"
ITS_URL = "its URL: {url}"
ITS_SECRET = "its secret: the first of {secrets}"  # noqa: S105
ITS_EVENTS = "its events: {events}"
A_RULE = "an Automation rule (of Premium and Enterprise) or a Forge app that sends a request (POST) when a page changes"
RULE_URL = "to {url}, with the header X-Trivet-Token: the first of {secrets}"
BODY: Final = (
    '{"event": "updated", "page_id": "{{page.id}}", "id": "{{page.id}} {{now}}", "space": "{{space.key}}"}'
)
TESTED = "Confluence was made to send a test, unsigned, to {url}; what came of it it does not say"
TEST_FAILED = "Confluence could not send a test to {url}: {error}"
REACH = (
    "let Confluence reach that address: name, firewall, certificate, and its own list of allowed addresses"
)
DEED = "edit a page"


def connect_confluence(settings: Settings, url: str | None = None) -> int:
    """Prints each step as it happens. The exit code, as of `told`. Raises UsageError."""
    address = endpoint(settings, url, SOURCE)
    secret = hooks.first_secret(settings.confluence.webhook_secrets, SECRETS, CONFLUENCE)
    steps = _steps(settings, api_of(settings), wanted_hook(address), secret)
    return told(guarded(steps), Redactor(settings.own_secrets()).redact)


def api_of(settings: Settings) -> ConfluenceApi:
    """With the token for connecting alone, where there is one, else with the writing one. Raises UsageError."""
    wiki = settings.confluence
    if not wiki.url:
        raise UsageError(NO_CONFLUENCE)
    by = access(wiki, CONFLUENCE_WRITE, NO_CONFLUENCE_TOKEN, os.environ)
    return ConfluenceApi(
        wiki.url,
        token=by.token,
        email=by.email,
        setting=by.setting,
        deployment=wiki.deployment,
        browse_url=wiki.browse_url,
    )


def wanted_hook(address: str) -> WantedHook:
    return WantedHook(hooks.NAME, address, EVENTS)


def _steps(settings: Settings, api: ConfluenceApi, wanted: WantedHook, secret: str) -> Iterator[Step]:
    who, polled = ConfluenceReader(api).me(), settings.sweep_seconds
    version = None if api.is_cloud else version_of(api)
    shown = " Cloud" if api.is_cloud else f" {dotted(version)}" if version else ""
    yield Step(ANSWERS.format(url=api.url, version=shown, who=who.name), "unchanged")
    if api.is_cloud:
        yield Step(NO_HOOKS, "unchanged", POLLED.format(seconds=polled))
        yield from by_rule(wanted)
    elif version and version < HAS_HOOKS_SINCE:
        yield Step(TOO_OLD.format(version=dotted(version)), "unchanged", POLLED_ALONE.format(seconds=polled))
    elif len(secret) > LONGEST_SECRET:
        yield Step(TOO_LONG, "wrong", "take a shorter one; `openssl rand -hex 32` makes one")
    else:
        yield from _by_api(settings, ConfluenceHooks(api), wanted, secret)


def _by_api(settings: Settings, theirs: ConfluenceHooks, wanted: WantedHook, secret: str) -> Iterator[Step]:
    try:
        yield from hooks.set_up(theirs, wanted, secret, CONFLUENCE)
    except (AccessDenied, NotFound) as error:
        yield Step(MAY_NOT.format(error=error), "wrong", AS_ADMIN)
        yield from by_hand(wanted)
        return
    try:
        theirs.test(wanted.url)
    except PlatformError as error:
        yield Step(TEST_FAILED.format(url=wanted.url, error=error), "wrong", REACH)
        return
    yield Step(TESTED.format(url=wanted.url), "done")
    patience = hooks.patience()
    arrivals = Arrivals(settings, SOURCE, patience)
    yield from hooks.tried(
        arrivals, patience, platform=CONFLUENCE, deed=DEED, url=wanted.url, setting=SECRETS
    )


def by_hand(wanted: WantedHook) -> Iterator[Step]:
    """What an administrator of a Data Center is to do."""
    yield todo(WHERE.format(name=wanted.name))
    yield todo(ITS_URL.format(url=wanted.url))
    yield todo(ITS_SECRET.format(secrets=SECRETS))
    yield todo(ITS_EVENTS.format(events=", ".join(wanted.events)))


def by_rule(wanted: WantedHook) -> Iterator[Step]:
    """What may tell of changes on Cloud."""
    yield todo(A_RULE)
    yield todo(RULE_URL.format(url=wanted.url, secrets=SECRETS))
    yield Step("with this as body:", "todo", BODY)
