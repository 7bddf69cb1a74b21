"""Confluence: its address, the accounts and what they may do in the spaces of the rules, the webhook."""

from collections.abc import Iterator
from typing import Final

from bot.domain.rules import Rules
from bot.entry.connect.confluence import PATH, wanted_hook
from bot.entry.doctor import atlassian
from bot.entry.doctor.atlassian import Account
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.errors import AccessDenied, NotFound, PlatformError
from bot.gateways.atlassian_tokens import own_tokens
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_hooks import HAS_HOOKS_SINCE, ConfluenceHooks, version_of
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
    accounts = atlassian.accounts(settings.confluence, PREFIX)
    if not accounts:
        yield note(TOPIC, "token", atlassian.NO_TOKEN, atlassian.SET_TOKEN.format(prefix=PREFIX))
        return
    yield from atlassian.gateway(TOPIC, settings.confluence, PREFIX)
    first = _address(settings, accounts[0])
    yield first
    if first.state == "wrong":
        return
    for account in accounts:
        yield from atlassian.guarded(TOPIC, account.name, _account(settings, account, rules))


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
        return atlassian.unreached(TOPIC, api.url, PREFIX, error)
    if said not in ("auto", found):
        text = OTHER_DEPLOYMENT.format(said=said, found=found)
        return wrong(TOPIC, "deployment", text, UNSET_IT.format(found=found), is_setting=True)
    return fine(TOPIC, "address", IS_CONFLUENCE.format(url=api.url, deployment=_deployment(api)))


def _deployment(api: ConfluenceApi) -> str:
    version = None if api.is_cloud else version_of(api)
    return NAMES[api.is_cloud] + (f" {_dotted(version)}" if version else "")


def _account(settings: Settings, account: Account, rules: Rules) -> Iterator[Check]:
    api = _api(settings, account)
    try:
        who = ConfluenceReader(api).me()
    except AccessDenied as error:
        yield atlassian.refused(TOPIC, account, api.url, PREFIX, error, _is_cloud(api))
        return
    yield fine(TOPIC, account.name, WHOSE.format(name=who.name))
    if account.reads:
        yield from atlassian.clock(TOPIC, api.ahead())
    if not api.is_cloud:
        yield from atlassian.expiry(TOPIC, account, own_tokens(api))
    for space in sorted({rule.space for rule in rules.spaces}):
        yield from atlassian.guarded(TOPIC, f"space {space}", _space(api, account, space))
    if account.reads and not rules.spaces:
        yield note(TOPIC, "rules", NO_RULES, ADD_RULES)
    if account.writes:
        yield from atlassian.guarded(TOPIC, "webhook", _hook(settings, api))


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
        yield note(TOPIC, "webhook", NO_HOOKS.format(version=_dotted(version), seconds=seconds), HOOKS_SINCE)
        return
    yield from atlassian.webhooks(TOPIC, ConfluenceHooks(api), PATH, settings, wanted_hook)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
