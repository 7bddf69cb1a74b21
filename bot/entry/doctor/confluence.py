"""Confluence: its address, the accounts and what they may do in the spaces of the rules, the webhook."""

import os
from collections.abc import Iterator
from typing import Final

from bot.domain.rules import Rules
from bot.entry.connect.confluence import wanted_hook
from bot.entry.doctor.atlassian_accounts import Account, accounts, expiry, no_account, refused
from bot.entry.doctor.atlassian_address import gateway, unreached
from bot.entry.doctor.atlassian_webhook import webhook_checks
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.clock import clock_check
from bot.entry.doctor.faults import guarded
from bot.entry.doctor.roles import is_read_here
from bot.errors import AccessDenied, NotFound, PlatformError
from bot.gateways.atlassian_tokens import own_tokens
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_hooks import HAS_HOOKS_SINCE, ConfluenceHooks, dotted, version_of
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_rights import Rights, rights_in
from bot.settings import Settings

TOPIC: Final = "Confluence"
PREFIX: Final = "TRIVET_CONFLUENCE__"

IS_CONFLUENCE = "{url} is Confluence {deployment}"
ANSWERS = "{url} answers"
OTHER_DEPLOYMENT = "TRIVET_CONFLUENCE__DEPLOYMENT says {said}, and Confluence answers as {found}"
UNSET_IT = "set it to {found}, or unset it"
NAMES: Final = {True: "Cloud", False: "Data Center"}
WHOSE = "of {name}"
NO_HOOKS = "Confluence {version} has no webhooks: changes are found by asking every {seconds:.0f} s"
HOOKS_SINCE = "7.7 and newer have them"
POLLED = "Cloud has no webhooks: changes are found by asking every {seconds:.0f} s"
NO_SPACE = "TRIVET_RULES names the space {space}, which Confluence does not show to the account of {setting}"
CORRECT = "correct the key, as it stands in the addresses of its pages, or let the account view the space"
SEES = "may view pages"
MAY = "may view and write pages, and comment"
MAY_NOT = "may not {what}"
PERMIT = (
    "give the account of {setting} these permissions in the space {space}; restrictions of pages come on top"
)
UNTOLD = "has no page yet, and only pages tell what may be done"
UNTOLD_CURE = "look again when there is one"
NO_RULES = "TRIVET_RULES maps no space, so that no page is kept"
ADD_RULES = "map a space to a project in that file, under `spaces`"


def confluence_checks(settings: Settings, rules: Rules) -> Iterator[Check]:
    """Each line as it is found. Raises nothing of Confluence's."""
    found = accounts(settings.confluence, PREFIX, is_read=is_read_here("confluence", settings, os.environ))
    if not found:
        yield no_account(TOPIC, PREFIX)
        return
    yield from gateway(TOPIC, settings.confluence, PREFIX)
    first = _address(settings, found[0])
    yield first
    if first.state == "wrong":
        return
    for account in found:
        is_first = account is found[0]
        yield from guarded(TOPIC, account.name, _account(settings, account, rules, is_first=is_first))


def _api(settings: Settings, account: Account, *, is_asked: bool = False) -> ConfluenceApi:
    """`is_asked`: which deployment it is, whatever the setting says."""
    wiki = settings.confluence
    return ConfluenceApi(
        wiki.url or "",
        token=account.token,
        email=account.email,
        setting=account.setting,
        deployment="auto" if is_asked else wiki.deployment,
        browse_url=wiki.browse_url,
    )


def _address(settings: Settings, account: Account) -> Check:
    """A token that is not accepted is told of later."""
    api, said = _api(settings, account, is_asked=True), settings.confluence.deployment
    try:
        found = "cloud" if api.is_cloud else "datacenter"
        ConfluenceReader(api).me()
    except AccessDenied:
        return fine(TOPIC, "address", ANSWERS.format(url=api.url))
    except PlatformError as error:
        return unreached(TOPIC, api.url, PREFIX, error)
    if said not in ("auto", found):
        text = OTHER_DEPLOYMENT.format(said=said, found=found)
        return wrong(TOPIC, "deployment", text, UNSET_IT.format(found=found), is_setting=True)
    return fine(TOPIC, "address", IS_CONFLUENCE.format(url=api.url, deployment=_deployment(api)))


def _deployment(api: ConfluenceApi) -> str:
    version = None if api.is_cloud else version_of(api)
    return NAMES[api.is_cloud] + (f" {dotted(version)}" if version else "")


def _account(settings: Settings, account: Account, rules: Rules, *, is_first: bool) -> Iterator[Check]:
    api = _api(settings, account)
    try:
        who = ConfluenceReader(api).me()
    except AccessDenied as error:
        yield refused(TOPIC, account, api.url, PREFIX, error, _is_cloud(api))
        return
    yield fine(TOPIC, account.name, WHOSE.format(name=who.name))
    if is_first:
        yield clock_check(TOPIC, api.ahead())
    if not api.is_cloud:
        yield from expiry(TOPIC, account, own_tokens(api))
    for space in sorted({rule.space for rule in rules.spaces}):
        yield from guarded(TOPIC, f"space {space}", _space(api, account, space))
    if account.reads and not rules.spaces:
        yield note(TOPIC, "rules", NO_RULES, ADD_RULES)
    if account.writes:
        yield from guarded(TOPIC, "webhook", _hook(settings, api))


def _is_cloud(api: ConfluenceApi) -> bool | None:
    try:
        return api.is_cloud
    except PlatformError:
        return None


# --- spaces ---


def _space(api: ConfluenceApi, account: Account, space: str) -> Iterator[Check]:
    name = f"{space}, {account.name}"
    try:
        has = rights_in(api, space)
    except NotFound:
        said = NO_SPACE.format(space=space, setting=account.setting)
        yield wrong(TOPIC, name, said, CORRECT, is_setting=True)
        return
    if not account.writes:
        yield fine(TOPIC, name, SEES)
    elif has is None:
        yield note(TOPIC, name, UNTOLD, UNTOLD_CURE)
    else:
        yield _rights(name, account, space, has)


def _rights(name: str, account: Account, space: str, has: Rights) -> Check:
    lacking = [what for what, may in (("write pages", has.pages), ("comment", has.comments)) if not may]
    if not lacking:
        return fine(TOPIC, name, MAY)
    said = MAY_NOT.format(what=" or ".join(lacking))
    return wrong(TOPIC, name, said, PERMIT.format(setting=account.setting, space=space))


# --- the webhook ---


def _hook(settings: Settings, api: ConfluenceApi) -> Iterator[Check]:
    seconds = settings.sweep_seconds
    if api.is_cloud:
        yield fine(TOPIC, "webhook", POLLED.format(seconds=seconds))
        return
    version = version_of(api)
    if version and version < HAS_HOOKS_SINCE:
        yield note(TOPIC, "webhook", NO_HOOKS.format(version=dotted(version), seconds=seconds), HOOKS_SINCE)
        return
    yield from webhook_checks(TOPIC, ConfluenceHooks(api), settings, wanted_hook)
