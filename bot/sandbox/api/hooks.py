"""Project hooks (docs.gitlab.com/api/project_webhooks): their secrets go in and never come out."""

from typing import Any

from bot.sandbox import entities, payloads, webhooks
from bot.sandbox.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.model import Hook
from bot.sandbox.refusals import Refusal, not_found
from bot.sandbox.repository import ZEROS

Json = dict[str, Any]


def list_hooks(call: Call) -> Answer:
    return call.page(call.project.hooks, lambda one: entities.hook(one, call.project))


def hook(call: Call) -> Json:
    return entities.hook(_hook(call), call.project)


def create(call: Call) -> Json:
    one = Hook(call.state.next_id("hook"), _url(call.needed("url")), {"push_events"})
    _set(call, one)
    call.project.hooks.append(one)
    return entities.hook(one, call.project)


def update(call: Call) -> Json:
    one = _hook(call)
    one.url = _url(call.text("url") or one.url)
    _set(call, one)
    return entities.hook(one, call.project)


def delete(call: Call) -> Answer:
    call.project.hooks.remove(_hook(call))
    return NO_CONTENT


def test(call: Call) -> Json:
    """Sends a delivery of this kind about the newest merge request, or the default branch."""
    one, event = _hook(call), call.parts["trigger"]
    webhooks.send(call.state, one, event, _sample(call, event))
    return {"message": "201 Created"}


def _hook(call: Call) -> Hook:
    number = call.part("hook")
    return call.found((one for one in call.project.hooks if one.id == number), "Hook")


def _url(url: str) -> str:
    """Only loopback: the sandbox speaks to nobody else."""
    if not webhooks.callable_url(url):
        raise Refusal(422, {"error": "Invalid url given"})
    return url


def _set(call: Call, one: Hook) -> None:
    """A signing token is silently passed over before 19.1, when it came."""
    for flag in entities.HOOK_EVENTS:
        if call.flag(flag, default=flag in one.events):
            one.events.add(flag)
        else:
            one.events.discard(flag)
    one.token = call.text("token") or one.token
    signing = call.text("signing_token") if call.state.at_least(19, 1) else None
    if signing and not webhooks.usable_signing_token(signing):
        raise Refusal(422, {"message": {"signing_token": ["must be whsec_ followed by 32 bytes in base64"]}})
    one.signing_token = signing or one.signing_token


def _sample(call: Call, event: str) -> Json:
    state, project = call.state, call.project
    if event not in webhooks.EVENT_NAMES:
        raise not_found()
    if event == "push_events":
        tip = project.repository.branch(project.default_branch) or ZEROS
        return payloads.push(state, project, call.user, project.default_branch, ZEROS, tip)
    if event == "tag_push_events":
        return _tag_sample(call)
    if not project.merge_requests:
        raise Refusal(422, {"message": "Ensure the project has merge requests."})
    request = project.merge_requests[-1]
    if event == "merge_requests_events":
        return payloads.merge_request(state, request, call.user, "update", {})
    notes = list(request.notes())
    if event != "note_events" or not notes:
        raise Refusal(422, {"message": "Ensure the project has notes."})
    return payloads.note(state, request, notes[-1], "create")


def _tag_sample(call: Call) -> Json:
    newest = next(iter(call.project.repository.tags()), None)
    if newest is None:
        raise Refusal(422, {"message": "Ensure the project has tags."})
    return payloads.tag_push(call.state, call.project, call.user, newest, ZEROS, newest.target)
