"""Webhooks of administrators: `/rest/webhooks/1.0/webhook` on Cloud, `/rest/jira-webhook/1.0/webhooks` on Data
Center 10 and later. A secret goes in and never comes out."""

from bot.sandbox.jira import jql, shapes
from bot.sandbox.jira.api.call import NO_CONTENT, Answer, Call, an_object, words_or_nothing
from bot.sandbox.jira.model import Hook, Json
from bot.sandbox.jira.refusals import refused
from bot.sandbox.jira.webhooks import EVENTS
from bot.sandbox.webhooks import callable_url

SECTION = "issue-related-events-section"
ADDRESS = {"cloud": "rest/webhooks/1.0/webhook", "datacenter": "rest/jira-webhook/1.0/webhooks"}
NOT_ADMIN = "You do not have permission to administer webhooks."


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
    told = {"name": hook.name, "url": hook.url, "events": hook.events}
    _set(call, hook, told | call.given)
    return _shown(call, hook)


def delete(call: Call) -> Answer:
    call.site.hooks.remove(_hook(call))
    return NO_CONTENT


def _check_admin(call: Call) -> None:
    if not call.me.admin:
        raise refused(403, NOT_ADMIN)


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
    hook.jql = _query(call, given)
    hook.name, hook.url, hook.events = name, url, [str(event) for event in events]
    hook.enabled = bool(given.get("enabled", given.get("active", hook.enabled)))
    hook.exclude_body = bool(given.get("excludeBody", hook.exclude_body))
    hook.secret = _secret(given) or hook.secret


def _query(call: Call, given: Json) -> str:
    text = words_or_nothing(an_object(given.get("filters")).get(SECTION)) or ""
    try:
        jql.parsed(call.site, call.me, text)
    except jql.QueryRefused as error:
        raise refused(400, str(error)) from None
    return text


def _secret(given: Json) -> str | None:
    configuration = an_object(given.get("configuration"))
    return words_or_nothing(given.get("secret") or configuration.get("secret"))


def _shown(call: Call, hook: Hook) -> Json:
    return {
        "id": hook.id,
        "name": hook.name,
        "url": hook.url,
        "excludeBody": hook.exclude_body,
        "filters": {SECTION: hook.jql},
        "events": list(hook.events),
        "enabled": hook.enabled,
        "isSigned": hook.secret is not None,
        "self": f"{call.site.url}/{ADDRESS[call.site.deployment]}/{hook.id}",
        "lastUpdatedUser": (shapes.person(call.site, hook.owner) or {}).get("accountId", hook.owner.key),
    }
