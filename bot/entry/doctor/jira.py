"""Jira: its address, the accounts and what they may do in the projects of the rules, the webhook."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.domain.issues import CATEGORY_WORDS
from bot.domain.rules import JiraRule, Rules
from bot.entry.connect.jira import wanted_hook
from bot.entry.doctor.atlassian_accounts import Account, accounts, expiry, no_account, refused
from bot.entry.doctor.atlassian_address import gateway, unreached
from bot.entry.doctor.atlassian_webhook import webhook_checks
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.clock import clock_check
from bot.entry.doctor.faults import guarded
from bot.entry.doctor.roles import is_read_here
from bot.errors import AccessDenied, NotFound, PlatformError
from bot.gateways.atlassian_tokens import own_tokens
from bot.gateways.jira_api import JiraApi
from bot.gateways.jira_hooks import SIGNS_SINCE, JiraHooks, major
from bot.gateways.jira_reader import JiraReader
from bot.gateways.jira_rights import rights_in, role_names
from bot.settings import Settings

TOPIC: Final = "Jira"
PREFIX: Final = "TRIVET_JIRA__"

IS_JIRA = "{url} is Jira {version} ({deployment})"
ANSWERS = "{url} answers"
OTHER_DEPLOYMENT = "TRIVET_JIRA__DEPLOYMENT says {said}, and Jira says {found}"
UNSET_IT = "set it to {found}, or unset it"
SIGNS_NOT = "Jira {version} signs no webhooks: its secret stands in the webhook's address"
UPGRADE = "Data Center 10 and newer sign; until then keep addresses out of the logs of proxies"
WHOSE = "of {name}"
MAY = "may do what the rules need: {names}"
MAY_NOT = "may not: {names}"
MAY_NOT_ALL = "may not: {names}, which is needed {why}"
PERMIT = "give the account of {setting} these permissions in the permission scheme of {project}"
NO_PROJECT = "TRIVET_RULES names the project {project}, which Jira does not show to the account of {setting}"
CORRECT = "correct the key, or give the account “Browse projects” there"
NO_ROLE = "TRIVET_RULES lets the role “{role}” command, and {project} has no such role"
ROLES = "roles there are: {names}"
NO_STATUS = "TRIVET_RULES waits for “{status}”, a status that no issue of {project} can have"
STATUSES = "statuses there are: {names}"
NO_RULES = "TRIVET_RULES names no Jira project, so that no event starts anything"
ADD_RULES = "write a rule for a project into that file"


@dataclass(frozen=True)
class Needed:
    """A permission: who needs it, in which projects. `why`: what is left out without it, "" where nothing works."""

    key: str
    name: str
    writes: bool = True
    reads: bool = False
    where: Callable[[tuple[JiraRule, ...]], bool] = lambda rules: True
    why: str = ""


def _commands(rules: tuple[JiraRule, ...]) -> bool:
    return any(rule.commands for rule in rules)


NEEDED: Final = (
    Needed("BROWSE_PROJECTS", "Browse projects", reads=True),
    Needed("LINK_ISSUES", "Link issues"),
    Needed("ADD_COMMENTS", "Add comments"),
    Needed("EDIT_OWN_COMMENTS", "Edit own comments"),
    Needed("DELETE_OWN_COMMENTS", "Delete own comments", why="where two runs wrote the same comment at once"),
    Needed("TRANSITION_ISSUES", "Transition issues", why="where .trivet.yml names transitions"),
    Needed("EDIT_ISSUES", "Edit issues", where=lambda rules: any(rule.fields for rule in rules)),
    Needed("ADMINISTER_PROJECTS", "Administer projects", writes=False, reads=True, where=_commands),
    Needed(
        "USER_PICKER",
        "Browse users and groups",
        writes=False,
        reads=True,
        where=_commands,
        why="where a role that may command holds groups",
    ),
)


def jira_checks(settings: Settings, rules: Rules) -> Iterator[Check]:
    """Each line as it is found. Raises nothing of Jira's."""
    found = accounts(settings.jira, PREFIX, is_read=is_read_here("jira", settings, os.environ))
    if not found:
        yield no_account(TOPIC, PREFIX)
        return
    yield from gateway(TOPIC, settings.jira, PREFIX)
    first = _address(settings, _api(settings, found[0]))
    yield first
    if first.state == "wrong":
        return
    yield from guarded(TOPIC, "server", _server(settings, _api(settings, found[0])))
    for account in found:
        yield from guarded(TOPIC, account.name, _account(settings, account, rules))


def _api(settings: Settings, account: Account) -> JiraApi:
    return JiraApi(
        settings.jira.url or "",
        token=account.token,
        email=account.email,
        setting=account.setting,
        deployment=settings.jira.deployment,
        browse_url=settings.jira.browse_url,
    )


def _address(settings: Settings, api: JiraApi) -> Check:
    """A token that is not accepted is told of later."""
    try:
        server = api.server
    except AccessDenied:
        return fine(TOPIC, "address", ANSWERS.format(url=api.url))
    except PlatformError as error:
        return unreached(TOPIC, api.url, PREFIX, error)
    if server.version and server.base_url:
        said = IS_JIRA.format(url=api.url, version=server.version, deployment=server.deployment or "Server")
        return fine(TOPIC, "address", said)
    odd = PlatformError("its server information names no version")
    return unreached(TOPIC, api.url, PREFIX, odd)


def _server(settings: Settings, api: JiraApi) -> Iterator[Check]:
    try:
        found = "cloud" if api.server.deployment == "Cloud" else "datacenter"
    except AccessDenied:
        return
    said = settings.jira.deployment
    if said not in ("auto", found):
        text = OTHER_DEPLOYMENT.format(said=said, found=found)
        yield wrong(TOPIC, "deployment", text, UNSET_IT.format(found=found), is_setting=True)
    yield clock_check(TOPIC, api.ahead())
    if found == "datacenter" and 0 < major(api) < SIGNS_SINCE:
        yield note(TOPIC, "version", SIGNS_NOT.format(version=api.server.version), UPGRADE)


def _account(settings: Settings, account: Account, rules: Rules) -> Iterator[Check]:
    api = _api(settings, account)
    try:
        who = JiraReader(api).me()
    except AccessDenied as error:
        yield refused(TOPIC, account, api.url, PREFIX, error, _is_cloud(api))
        return
    yield fine(TOPIC, account.name, WHOSE.format(name=who.name))
    if not api.is_cloud:
        yield from expiry(TOPIC, account, own_tokens(api))
    for project in sorted(rules.projects):
        name = f"project {project}"
        yield from guarded(TOPIC, name, _project(api, account, project, rules.of(project)))
    if account.reads and not rules.projects:
        yield note(TOPIC, "rules", NO_RULES, ADD_RULES)
    if account.writes:
        hooks = JiraHooks(api)
        checks = webhook_checks(TOPIC, hooks, settings, partial(wanted_hook, rules=rules))
        yield from guarded(TOPIC, "webhook", checks)


def _is_cloud(api: JiraApi) -> bool | None:
    try:
        return api.is_cloud
    except PlatformError:
        return None


# --- projects ---


def _project(api: JiraApi, account: Account, project: str, rules: tuple[JiraRule, ...]) -> Iterator[Check]:
    wanted = [one for one in NEEDED if _is_wanted(one, account, rules)]
    try:
        has = rights_in(api, project, [one.key for one in wanted])
    except NotFound:
        has = {}
    name = f"{project}, {account.name}"
    if not has.get("BROWSE_PROJECTS"):
        said = NO_PROJECT.format(project=project, setting=account.setting)
        yield wrong(TOPIC, name, said, CORRECT, is_setting=True)
        return
    lacking = [one for one in wanted if not has[one.key]]
    yield from _rights(name, account, project, wanted, lacking)
    if account.reads and has.get("ADMINISTER_PROJECTS"):
        yield from _roles(api, project, rules)
    if account.reads:
        yield from _statuses(api, project, rules)


def _is_wanted(one: Needed, account: Account, rules: tuple[JiraRule, ...]) -> bool:
    return ((one.reads and account.reads) or (one.writes and account.writes)) and one.where(rules)


def _rights(
    name: str, account: Account, project: str, wanted: list[Needed], lacking: list[Needed]
) -> Iterator[Check]:
    cure = PERMIT.format(setting=account.setting, project=project)
    if not lacking:
        yield fine(TOPIC, name, MAY.format(names=", ".join(one.name for one in wanted)))
    if must := [one.name for one in lacking if not one.why]:
        yield wrong(TOPIC, name, MAY_NOT.format(names=", ".join(must)), cure)
    for one in lacking:
        if one.why:
            yield note(TOPIC, name, MAY_NOT_ALL.format(names=one.name, why=one.why), cure)


def _roles(api: JiraApi, project: str, rules: tuple[JiraRule, ...]) -> Iterator[Check]:
    names = role_names(api, project)
    known = {name.casefold() for name in names}
    for role in dict.fromkeys(role for rule in rules for role in rule.commands):
        if role.casefold() not in known:
            said = NO_ROLE.format(role=role, project=project)
            yield wrong(TOPIC, f"role “{role}”", said, ROLES.format(names=", ".join(names)), is_setting=True)


def _statuses(api: JiraApi, project: str, rules: tuple[JiraRule, ...]) -> Iterator[Check]:
    """By name, or by what means a category."""
    wanted = dict.fromkeys(rule.on.to for rule in rules if rule.on and rule.on.to)
    if not wanted:
        return
    names = JiraReader(api).statuses(project)
    known = names.union(*CATEGORY_WORDS.values())
    for status in wanted:
        if status.strip().casefold() not in known:
            said = NO_STATUS.format(status=status, project=project)
            cure = STATUSES.format(names=", ".join(sorted(names)))
            yield wrong(TOPIC, f"status “{status}”", said, cure, is_setting=True)
