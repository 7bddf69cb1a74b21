"""Data Center's webhooks since 7.7, `/rest/api/webhooks`, for administrators. A secret goes in and never comes out."""

from typing import Any

from bot.sandbox.confluence import webhooks
from bot.sandbox.confluence.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.confluence.model import Hook, Json
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid
from bot.sandbox.invocations import Invocation
from bot.sandbox.invocations import shown as shown_invocation
from bot.sandbox.invocations import statistics as told_statistics
from bot.sandbox.webhooks import callable_url

KEYS = ("name", "events", "configuration", "url", "active", "id", "scopeType", "sslVerificationRequired")
LONGEST_SECRET = 255


def list_all(call: Call) -> Json:
    _check_admin(call)
    return call.v1_page(call.site.hooks, _shown)


def one(call: Call) -> Json:
    return _shown(_hook(call))


def create(call: Call) -> Answer:
    _check_admin(call)
    hook = Hook(call.site.state.next_id("confluence hook"), "", "", [], call.me)
    _set(call, hook, call.only(call.given, *KEYS))
    call.site.hooks.append(hook)
    return Answer(_shown(hook), 201)


def update(call: Call) -> Json:
    hook = _hook(call)
    told = {"name": hook.name, "url": hook.url, "events": hook.events}
    _set(call, hook, told | call.only(call.given, *KEYS))
    return _shown(hook)


def delete(call: Call) -> Answer:
    call.site.hooks.remove(_hook(call))
    return NO_CONTENT


def test(call: Call) -> Json:
    """Sends a test event to `url`, signed with nothing."""
    _check_admin(call)
    url = call.first("url") or ""
    if not callable_url(url):
        raise invalid(f"The webhook's url is invalid: {url}")
    webhooks.ping(call.site, Hook(0, "test", url, [], call.me))
    return {"url": url}


def statistics(call: Call) -> Json:
    return told_statistics(_invocations(call))


def latest(call: Call) -> Answer:
    found = _invocations(call)
    return Answer(shown_invocation(found[-1])) if found else NO_CONTENT


def _invocations(call: Call) -> list[Invocation]:
    hook = _hook(call)
    return [
        Invocation(one.id, one.event, hook.url, one.at, one.status)
        for one in call.site.deliveries
        if one.hook is hook and one.status is not None
    ]


def _check_admin(call: Call) -> None:
    if not call.site.has_hooks:
        raise Refused(404, "HTTP 404 Not Found")
    if not call.me.admin:
        raise forbidden("You do not have permission to administer webhooks.")


def _hook(call: Call) -> Hook:
    _check_admin(call)
    for hook in call.site.hooks:
        if str(hook.id) == call.parts["hook"]:
            return hook
    raise Refused(404, f"No webhook with id {call.parts['hook']} was found.")


def _set(call: Call, hook: Hook, given: Json) -> None:
    """Only loopback addresses: the sandbox speaks to nobody else."""
    name, url, events = given.get("name"), given.get("url"), given.get("events")
    if not isinstance(name, str) or not name.strip():
        raise invalid("The webhook's name is required.")
    if not isinstance(url, str) or not callable_url(url):
        raise invalid(f"The webhook's url is invalid: {url}")
    if not isinstance(events, list) or not events or set(map(str, events)) - set(webhooks.EVENTS):
        raise invalid("The webhook's events are invalid.")
    secret = _secret(call, given.get("configuration"))
    hook.name, hook.url, hook.events = name, url, [str(event) for event in events]
    hook.active = bool(given.get("active", hook.active))
    hook.secret = secret or hook.secret


def _secret(call: Call, configuration: Any) -> str | None:
    secret = call.only(configuration, "secret").get("secret") if configuration else None
    if secret is not None and (not isinstance(secret, str) or len(secret) > LONGEST_SECRET):
        raise invalid(f"A secret has at most {LONGEST_SECRET} characters.")
    return secret


def _shown(hook: Hook) -> Json:
    return {
        "id": hook.id,
        "name": hook.name,
        "createdDate": int(hook.created.timestamp() * 1000),
        "updatedDate": int(hook.created.timestamp() * 1000),
        "events": list(hook.events),
        "configuration": {},
        "url": hook.url,
        "active": hook.active,
        "scopeType": "global",
        "sslVerificationRequired": True,
    }
