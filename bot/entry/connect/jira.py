"""`trivet connect jira`: the webhook by Jira's API where the token's account administers Jira, else how to make it."""

import os
from collections.abc import Iterator
from typing import Final

from bot.domain.hook_paths import hook_path
from bot.domain.rules import Rules
from bot.domain.secrets import Redactor
from bot.entry.connect import hooks
from bot.entry.connect.access import access
from bot.entry.connect.arrival import Arrivals
from bot.entry.connect.endpoint import endpoint
from bot.entry.connect.steps import Step, guarded, todo, told
from bot.entry.credentials import JIRA_WRITE
from bot.entry.rules_file import read_rules
from bot.errors import AccessDenied, NotFound, UsageError
from bot.gateways.atlassian import is_cloud_host, is_gateway
from bot.gateways.jira_api import JiraApi
from bot.gateways.jira_hooks import EVENTS, JiraHooks
from bot.gateways.jira_reader import JiraReader
from bot.gateways.webhook import WantedHook
from bot.settings import NO_JIRA, NO_JIRA_TOKEN, Settings
from bot.settings.names import CONNECT_EMAIL, CONNECT_TOKEN

SOURCE: Final = "jira"
JIRA: Final = "Jira"
PATH: Final = hook_path("jira")
SECRETS: Final = "TRIVET_JIRA__WEBHOOK_SECRETS"

ANSWERS = "{url} is Jira {version}, and the token is {who}'s"
NOT_HTTPS = "{url} is not https, and Jira Cloud sends to nothing else"
USE_HTTPS = "give an address with a certificate that everybody trusts: --url, or TRIVET_PUBLIC_URL"
NO_RULES = "TRIVET_RULES names no Jira project, so that no event starts anything"
ADD_RULES = "write a rule for a project into that file; the webhook tells of every project until then"
UNSIGNED = "this Jira signs nothing: the secret stands in the webhook's address, which a proxy may log"
UPGRADE = "Data Center 10 and newer sign"
MAY_NOT = "the account may not set up webhooks: {error}"
AS_ADMIN = (
    f"run this again with the token of an administrator of Jira in {CONNECT_TOKEN}"
    " (and their e-mail address in {email}, on Cloud), or let one do what follows"
)
WHERE = "under {place}, make a webhook that is called {name}"
ITS_URL = "its URL: {url}"
ITS_URL_OLD = "its URL: {url}?secret=... with the first secret of {secrets}, percent-encoded"
ITS_SECRET = "its secret: the first of {secrets}"  # noqa: S105
ITS_JQL = "its JQL: {query}"
ITS_EVENTS = (
    "its events: Issue created and updated, Comment created, Version released; the body is not excluded"
)
OR_A_RULE = (
    "or, without an administrator: in each project, Automation rules that send a web request"
    " (POST, custom data)"
)
RULE_URL = "to {url}, with the header X-Trivet-Token: the first of {secrets}"
BODIES: Final = (  # on Data Center people have a key in place of the account's id
    ("when an issue is created", '{"event": "created", "issue_key": "{{issue.key}}", "id": "{{issue.key}}"}'),
    (
        "when an issue is moved",
        '{"event": "transitioned", "issue_key": "{{issue.key}}", "id": "{{issue.key}} {{now}}",'
        ' "user": "{{initiator.accountId}}"}',
    ),
    (
        "when an issue is commented on",
        '{"event": "commented", "issue_key": "{{issue.key}}", "comment": "{{comment.id}}",'
        ' "id": "{{issue.key}} {{comment.id}}", "user": "{{initiator.accountId}}"}',
    ),
)
PLACES: Final = {True: "Settings → System → WebHooks", False: "Administration → System → Advanced → WebHooks"}
DEED = "change or comment on an issue of {project}"


def connect_jira(settings: Settings, url: str | None = None) -> int:
    """Prints each step as it happens. The exit code, as of `told`. Raises UsageError."""
    address = endpoint(settings, url, SOURCE)
    secret = hooks.first_secret(settings.jira.webhook_secrets, SECRETS, JIRA)
    rules = read_rules(settings.rules)
    steps = _steps(settings, api_of(settings), wanted_hook(address, rules), secret, rules)
    return told(guarded(steps), Redactor(settings.own_secrets()).redact)


def api_of(settings: Settings) -> JiraApi:
    """With the token for connecting alone, where there is one, else with the writing one. Raises UsageError.

    An administrator's token without scopes is for the site itself: the gateway has no webhooks.
    """
    jira = settings.jira
    if not jira.url:
        raise UsageError(NO_JIRA)
    by = access(jira, JIRA_WRITE, NO_JIRA_TOKEN, os.environ)
    at_site = by.setting == CONNECT_TOKEN and is_gateway(jira.url)
    return JiraApi(
        (at_site and jira.browse_url) or jira.url,
        token=by.token,
        email=by.email,
        setting=by.setting,
        deployment=jira.deployment,
        browse_url=jira.browse_url,
    )


def wanted_hook(address: str, rules: Rules) -> WantedHook:
    """Of the issues that rules speak of; of all where none does. A key may be a word of JQL's, OR say."""
    keys = ", ".join(f'"{key}"' for key in sorted(rules.projects))
    query = f"project in ({keys})" if keys else ""
    return WantedHook(hooks.NAME, address, EVENTS, query)


def _steps(settings: Settings, api: JiraApi, wanted: WantedHook, secret: str, rules: Rules) -> Iterator[Step]:
    who = JiraReader(api).me()
    yield Step(ANSWERS.format(url=api.url, version=api.server.version, who=who.name), "unchanged")
    if is_cloud_host(api.url) and not wanted.url.startswith("https://"):
        yield Step(NOT_HTTPS.format(url=wanted.url), "wrong", USE_HTTPS)
        return
    if not rules.projects:
        yield Step(NO_RULES, "todo", ADD_RULES)
    patience = hooks.patience()
    arrivals = Arrivals(settings, SOURCE, patience)
    theirs = JiraHooks(api)
    try:
        yield from hooks.set_up(theirs, wanted, secret, JIRA)
    except (AccessDenied, NotFound) as error:
        yield Step(MAY_NOT.format(error=error), "wrong", AS_ADMIN.format(email=CONNECT_EMAIL))
        yield from by_hand(wanted, is_cloud=api.is_cloud, is_signing=theirs.is_signing)
        return
    if not theirs.is_signing:
        yield Step(UNSIGNED, "todo", UPGRADE)
    deed = DEED.format(project=next(iter(sorted(rules.projects)), "any project"))
    yield from hooks.tried(arrivals, patience, platform=JIRA, deed=deed, url=wanted.url, setting=SECRETS)


def by_hand(wanted: WantedHook, *, is_cloud: bool, is_signing: bool) -> Iterator[Step]:
    """What an administrator, or else one of a project, is to do."""
    yield todo(WHERE.format(place=PLACES[is_cloud], name=wanted.name))
    yield todo((ITS_URL if is_signing else ITS_URL_OLD).format(url=wanted.url, secrets=SECRETS))
    if is_signing:
        yield todo(ITS_SECRET.format(secrets=SECRETS))
    if wanted.query:
        yield todo(ITS_JQL.format(query=wanted.query))
    yield todo(ITS_EVENTS)
    yield todo(OR_A_RULE)
    yield todo(RULE_URL.format(url=wanted.url, secrets=SECRETS))
    for when, body in BODIES:
        yield Step(f"{when}:", "todo", body if is_cloud else body.replace("accountId", "key"))
