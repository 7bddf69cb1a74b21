"""Hooks of projects and groups (docs.gitlab.com/api/project_webhooks, /group_webhooks).

Their secrets go in and never come out. Groups have hooks in GitLab Premium alone.
"""

import time
from collections.abc import Iterator
from typing import Any

from bot.sandbox import entities, payloads, webhooks
from bot.sandbox.api.call import NO_CONTENT, Answer, Call, Later
from bot.sandbox.model import Group, Hook, Project, State, User
from bot.sandbox.refusals import Refusal, bad_parameter, too_many
from bot.sandbox.repository import ZEROS

Json = dict[str, Any]

TESTS_PER_MINUTE = 5
EVENTS_PER_PAGE = 20  # at most: lib/api/hooks/events.rb
LINE_BREAKS = frozenset("\r\n")
TEST_SINCE = {Project: (16, 11), Group: (17, 1)}
LOG_SINCE = (17, 3)
SIGNING_SINCE = (19, 1)
STATUSES = {
    "successful": range(200, 300),
    "client_failure": range(400, 500),
    "server_failure": range(500, 600),
}


class NoSample(Exception):
    """There is nothing of the kind that a test would tell of; the text is GitLab's."""


def list_hooks(call: Call) -> Answer:
    of = _place(call)
    return call.page(of.hooks, lambda one: entities.hook(call.state, one, of))


def hook(call: Call) -> Json:
    return entities.hook(call.state, _hook(call), _place(call))


def create(call: Call) -> Json:
    of = _place(call)
    one = Hook(call.state.next_id("hook"), _url(call.needed("url")), {"push_events"})
    _set(call, one)
    of.hooks.append(one)
    return entities.hook(call.state, one, of)


def update(call: Call) -> Json:
    """A project's hook is changed with its address, a group's also without one."""
    of, one = _place(call), _hook(call)
    if isinstance(of, Project):
        call.needed("url")
    url = _url(call.text("url") or one.url)
    _set(call, one)
    one.url = url
    return entities.hook(call.state, one, of)


def delete(call: Call) -> Answer:
    _place(call).hooks.remove(_hook(call))
    return NO_CONTENT


def events(call: Call) -> Answer:
    """Newest first."""
    if not call.state.at_least(*LOG_SINCE):
        raise Refusal(404, {"error": "404 Not Found"})
    if not 1 <= call.number("per_page", EVENTS_PER_PAGE) <= EVENTS_PER_PAGE:
        raise bad_parameter("per_page does not have a valid value")
    one, wanted = _hook(call), call.words("status") or []
    logged = [log for log in call.state.seen.deliveries if log.hook is one and log.status is not None]
    found = [log for log in logged[::-1] if not wanted or any(_is_of(log.status, word) for word in wanted)]
    return call.page(found, entities.hook_log)


def test(call: Call) -> Later:
    """Sends a delivery of this kind, and answers what the receiver did: 201 for 2xx, else 422 with its own words."""
    of, event = _place(call), call.parts["trigger"]
    if not call.state.at_least(*TEST_SINCE[type(of)]):
        raise Refusal(404, {"error": "404 Not Found"})
    if event not in webhooks.EVENT_NAMES:
        raise bad_parameter("trigger does not have a valid value")
    one = _hook(call)
    _count_test(call.state, of, call.user)
    if call.state.switches.drop_hooks:
        raise Refusal(422, {"message": "Silent mode enabled"})
    try:
        sample = _sample(call, of, event)
    except NoSample as none:
        raise Refusal(422, {"message": str(none)}) from None
    return Later(lambda: _tested(call.state, one, event, sample))


def _tested(state: State, one: Hook, event: str, sample: Json) -> Json:
    delivery = webhooks.test(state, one, event, sample)
    if isinstance(delivery.status, int) and 200 <= delivery.status < 300:
        return {"message": "201 Created"}
    raise Refusal(422, {"message": delivery.said})


def _count_test(state: State, of: Project | Group, user: User) -> None:
    now, tests = time.monotonic(), state.hook_tests[of.path, user.id]
    tests[:] = [at for at in tests if now - at < 60]
    if len(tests) >= TESTS_PER_MINUTE:
        raise too_many()
    tests.append(now)


def _place(call: Call) -> Project | Group:
    if "group" not in call.parts:
        return call.project
    if not call.state.switches.premium:
        raise Refusal(404, {"error": "404 Not Found"})
    return call.group


def _hook(call: Call) -> Hook:
    number = call.part("hook")
    return call.found((one for one in _place(call).hooks if one.id == number), "Hook")


def _url(url: str) -> str:
    """Only loopback: the sandbox speaks to nobody else, as a GitLab that may not call its local network."""
    if not webhooks.callable_url(url):
        raise Refusal(422, {"error": "Invalid url given"})
    return url


def _set(call: Call, one: Hook) -> None:
    """A signing token is silently passed over before 19.1, when it came. An empty token is none."""
    token, signing = call.text("token"), call.text("signing_token")
    if token and LINE_BREAKS & set(token):
        raise Refusal(422, {"message": {"token": ["is invalid"]}})
    if not call.state.at_least(*SIGNING_SINCE):
        signing = None
    if signing is not None and not webhooks.usable_signing_token(signing):
        raise Refusal(422, {"message": {"signing_token": ["must be whsec_ followed by 32 bytes in base64"]}})
    for flag in entities.HOOK_EVENTS:
        if call.flag(flag, default=flag in one.events):
            one.events.add(flag)
        else:
            one.events.discard(flag)
    one.checks_certificate = call.flag("enable_ssl_verification", default=one.checks_certificate)
    template = call.text("custom_webhook_template")
    one.template = one.template if template is None else template
    one.token = one.token if token is None else token or None
    one.signing_token = signing or one.signing_token


def _sample(call: Call, of: Project | Group, event: str) -> Json:
    """What the newest thing of its kind is told as. Raises NoSample."""
    reasons = []
    for project in _newest(call.state, of):
        try:
            return _project_sample(call, project, event)
        except NoSample as none:
            reasons.append(str(none))
    raise NoSample(next(iter(reasons), "Ensure the group has a project."))


def _newest(state: State, of: Project | Group) -> Iterator[Project]:
    yield from [of] if isinstance(of, Project) else state.below(of)[::-1]


def _project_sample(call: Call, project: Project, event: str) -> Json:
    if event == "push_events":
        return _push_sample(call, project)
    if event == "tag_push_events":
        return _tag_sample(call, project)
    if not project.merge_requests:
        raise NoSample("Ensure the project has merge requests.")
    request = project.merge_requests[-1]
    if event == "merge_requests_events":
        return _without_action(payloads.merge_request(call.state, request, call.user, "update", {}))
    notes = list(request.notes())
    if event != "note_events" or not notes:
        raise NoSample("Ensure the project has notes.")
    return payloads.note(call.state, request, notes[-1], "create")


def _push_sample(call: Call, project: Project) -> Json:
    tip = project.repository.branch(project.default_branch)
    if tip is None:
        raise NoSample("Ensure the project has at least one commit.")
    return payloads.push(call.state, project, call.user, project.default_branch, ZEROS, tip)


def _tag_sample(call: Call, project: Project) -> Json:
    newest = next(iter(project.repository.tags()), None)
    if newest is None:
        raise NoSample("Ensure the project has tags.")
    return payloads.tag_push(call.state, project, call.user, newest, ZEROS, newest.target)


def _without_action(payload: Json) -> Json:
    """The service that does something to a merge request names the action; a test is nobody's."""
    about = {name: value for name, value in payload["object_attributes"].items() if name != "action"}
    return payload | {"object_attributes": about}


def _is_of(status: int | str | None, wanted: str) -> bool:
    if wanted in STATUSES:
        return isinstance(status, int) and status in STATUSES[wanted]
    return str(status) == wanted
