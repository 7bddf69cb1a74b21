"""Webhooks of administrators: `/rest/webhooks/1.0/webhook` on Cloud and on Data Center before 10,
`/rest/jira-webhook/1.0/webhooks` on Data Center since 10. A secret goes in and never comes out.

Cloud takes a change of some fields for just that, keeps the secret that is not named again, and names a webhook in
`self` alone. Data Center since 10 takes whole webhooks, and secret, filter and the body's exclusion in
`configuration`, as texts: elsewhere they are not heeded. Before 10 nothing is signed, whatever secret is sent.
"""

import json
from dataclasses import dataclass

from bot.sandbox.invocations import Invocation
from bot.sandbox.invocations import shown as shown_invocation
from bot.sandbox.invocations import statistics as told_statistics
from bot.sandbox.jira import jql, shapes
from bot.sandbox.jira.api.call import NO_CONTENT, Answer, Call, an_object, words_or_nothing
from bot.sandbox.jira.model import Hook, Json
from bot.sandbox.jira.refusals import INVALID_PAYLOAD, no_path, refused
from bot.sandbox.jira.webhooks import EVENTS
from bot.sandbox.webhooks import callable_url

SECTION = "issue-related-events-section"
OLD = "rest/webhooks/1.0/webhook"
NOT_ADMIN = "You do not have permission to administer webhooks."


@dataclass(frozen=True)
class Given:
    """What a body says of a webhook, whichever form it has; `secret` None where it says nothing."""

    jql: str
    enabled: bool
    exclude_body: bool
    secret: str | None


def list_all(call: Call) -> list[Json]:
    _check_admin(call)
    return [_shown(call, one) for one in call.site.hooks]


def one(call: Call) -> Json:
    return _shown(call, _hook(call))


def create(call: Call) -> Answer:
    _check_admin(call)
    hook = Hook(call.site.next_id("hook"), "", "", [], call.me)
    _set(call, hook, call.given)
    call.site.hooks.append(hook)
    return Answer(_shown(call, hook), 201)


def update(call: Call) -> Json:
    hook = _hook(call)
    told = {"name": hook.name, "url": hook.url, "events": hook.events} if call.site.cloud else {}
    _set(call, hook, told | call.given)
    return _shown(call, hook)


def delete(call: Call) -> Answer:
    call.site.hooks.remove(_hook(call))
    return NO_CONTENT


def statistics(call: Call) -> Json:
    return told_statistics(_invocations(call))


def latest(call: Call) -> Answer:
    found = _invocations(call)
    return Answer(shown_invocation(found[-1])) if found else NO_CONTENT


def _invocations(call: Call) -> list[Invocation]:
    hook = _hook(call)
    return [
        Invocation(one.id, one.event, hook.url, one.at, status)
        for one in call.site.deliveries
        if one.hook is hook
        for status in one.statuses
    ]


def _check_admin(call: Call) -> None:
    """After where they are: each Data Center has one of the two addresses."""
    if _is_new(call) != (call.site.has_signed_hooks and not call.site.cloud):
        raise no_path(call.site, "GET", call.path, 404)
    if not call.me.admin:
        raise refused(403, NOT_ADMIN)


def _is_new(call: Call) -> bool:
    return call.path.startswith("/jira-webhook/")


def _hook(call: Call) -> Hook:
    _check_admin(call)
    for hook in call.site.hooks:
        if str(hook.id) == call.parts["hook"]:
            return hook
    raise refused(404, f"No webhook with id {call.parts['hook']} was found.")


def _set(call: Call, hook: Hook, given: Json) -> None:
    """Only loopback addresses: the sandbox speaks to nobody else."""
    name, url, events = given.get("name"), given.get("url"), given.get("events")
    if not isinstance(name, str) or not name.strip():
        raise refused(400, "The webhook's name is required.")
    if not isinstance(url, str) or not callable_url(url):
        raise refused(400, f"The webhook's url is invalid: {url}")
    if not isinstance(events, list) or not events or set(map(str, events)) - set(EVENTS):
        raise refused(400, "The webhook's events are invalid.")
    told = _configured(given) if _is_new(call) else _told(call, hook, given)
    hook.jql = _checked_query(call, told.jql)
    hook.name, hook.url, hook.events = name, url, [str(event) for event in events]
    hook.enabled, hook.exclude_body, hook.secret = told.enabled, told.exclude_body, told.secret


def _told(call: Call, hook: Hook, given: Json) -> Given:
    secret = words_or_nothing(given.get("secret")) if call.site.has_signed_hooks else None
    return Given(
        jql=words_or_nothing(an_object(given.get("filters")).get(SECTION)) or "",
        enabled=bool(given.get("enabled", hook.enabled)),
        exclude_body=bool(given.get("excludeBody", hook.exclude_body)),
        secret=secret or hook.secret,
    )


def _configured(given: Json) -> Given:
    configuration = an_object(given.get("configuration"))
    return Given(
        jql=_filter_of(words_or_nothing(configuration.get("FILTERS")) or "{}"),
        enabled=bool(given.get("active", True)),
        exclude_body=words_or_nothing(configuration.get("EXCLUDE_BODY")) == "true",
        secret=words_or_nothing(configuration.get("SECRET")),
    )


def _filter_of(filters: str) -> str:
    try:
        return words_or_nothing(an_object(json.loads(filters)).get(SECTION)) or ""
    except ValueError:
        raise refused(400, INVALID_PAYLOAD) from None


def _checked_query(call: Call, text: str) -> str:
    try:
        jql.parsed(call.site, call.me, text)
    except jql.QueryRefused as error:
        raise refused(400, str(error)) from None
    return text


def _shown(call: Call, hook: Hook) -> Json:
    return _shown_new(call, hook) if _is_new(call) else _shown_old(call, hook)


def _shown_new(call: Call, hook: Hook) -> Json:
    filters = json.dumps({SECTION: hook.jql})
    return {
        "id": hook.id,
        "name": hook.name,
        "url": hook.url,
        "events": list(hook.events),
        "configuration": {"FILTERS": filters, "EXCLUDE_BODY": str(hook.exclude_body).lower()},
        "active": hook.enabled,
        "scopeType": "global",
        "sslVerificationRequired": True,
    }


def _shown_old(call: Call, hook: Hook) -> Json:
    shown: Json = {
        "name": hook.name,
        "url": hook.url,
        "excludeBody": hook.exclude_body,
        "filters": {SECTION: hook.jql},
        "events": list(hook.events),
        "enabled": hook.enabled,
        "self": f"{call.site.url}/{OLD}/{hook.id}",
        "lastUpdatedUser": (shapes.person(call.site, hook.owner) or {}).get("accountId", hook.owner.key),
    }
    return shown | ({"isSigned": hook.secret is not None} if call.site.cloud else {})
