"""From an HTTP request to a handler's answer: the token, its scope, the project, the level, the parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from bot.sandbox.api import groups
from bot.sandbox.api.call import Answer, Call, Later
from bot.sandbox.api.table import ROUTES, Route
from bot.sandbox.model import Access, Group, Project, State, User
from bot.sandbox.refusals import (
    Refusal,
    bad_parameter,
    blocked,
    expired,
    forbidden,
    insufficient_scope,
    not_found,
    unauthorized,
)
from bot.sandbox.tokens import api_token

Json = dict[str, Any]

READING_SCOPES = {"api", "read_api"}
PERSONAL = {
    "/user": {"read_user"},
    "/personal_access_tokens/self": {"read_user", "read_repository", "self_rotate"},
}


@dataclass(frozen=True, slots=True)
class Incoming:
    """`path` is raw, still encoded, after `/api/v4`. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def answer(state: State, incoming: Incoming) -> Answer:
    """What GitLab would say. One request at a time: the state is locked meanwhile, but for what waits for others."""
    try:
        with state.lock:
            result = _handled(state, incoming)
        return _finished(incoming, result.finish() if isinstance(result, Later) else result)
    except Refusal as refusal:
        return Answer(refusal.body, status=refusal.status)


def _handled(state: State, incoming: Incoming) -> Any:
    route, parts = _route(incoming)
    user = state.user_by_token(api_token(incoming.headers))
    if user is None:
        raise unauthorized()
    if user.state == "blocked":
        raise blocked()
    if user.expires_on and user.expires_on <= datetime.now(UTC).date().isoformat():
        raise expired()
    _check_scope(incoming, user)
    host = incoming.headers.get("host", state.host)
    address = f"http://{host}/api/v4{incoming.path}"
    call = Call(state, user, address, parts, _fields(incoming))
    if route.level is not None:
        _check_level(call, route)
    return route.handler(call)


def _route(incoming: Incoming) -> tuple[Route, dict[str, str]]:
    matches = [(route, parts) for route in ROUTES if (parts := route.parts(incoming.path)) is not None]
    if not matches:
        raise Refusal(404, {"error": "404 Not Found"})
    for route, parts in matches:
        if route.method == incoming.method:
            return route, parts
    raise Refusal(405, {"error": "405 Not Allowed"})


def _check_scope(incoming: Incoming, user: User) -> None:
    needed = READING_SCOPES | PERSONAL.get(incoming.path, set()) if incoming.method == "GET" else {"api"}
    if not needed & set(user.scopes):
        raise insufficient_scope(" ".join(sorted(needed)))


def _check_level(call: Call, route: Route) -> None:
    """Who may not see a project or group is told there is none. Nothing is written in an archived project."""
    of_group = "group" in call.parts
    place = call.state.group(call.parts["group"]) if of_group else call.state.project(call.parts["id"])
    level = _level(call, place)
    if place is None or level == Access.NONE:
        raise not_found("Group" if of_group else "Project")
    writes = route.method != "GET"
    if level < (route.level or Access.NONE) or (writes and isinstance(place, Project) and place.archived):
        raise forbidden()


def _level(call: Call, place: Project | Group | None) -> int:
    if place is None:
        return Access.NONE
    if call.user.admin:
        return Access.OWNER
    if isinstance(place, Project):
        return place.access(call.user)
    return groups.level(call.state, place, call.user.id)


def _fields(incoming: Incoming) -> Json:
    """Query and JSON body; `name[]` in a query is a list."""
    fields: Json = {}
    for key, value in parse_qsl(incoming.query, keep_blank_values=True):
        if key.endswith("[]"):
            fields.setdefault(key[:-2], []).append(value)
        else:
            fields[key] = value
    return fields | _body(incoming)


def _body(incoming: Incoming) -> Json:
    if not incoming.body:
        return {}
    media = incoming.headers.get("content-type", "").partition(";")[0].strip()
    if media != "application/json":
        raise Refusal(415, {"error": f"The provided content-type '{media}' is not supported."})
    try:
        body = json.loads(incoming.body)
    except (ValueError, RecursionError):
        raise bad_parameter("message body does not match declared format") from None
    if not isinstance(body, dict):
        raise bad_parameter("message body does not match declared format")
    return body


def _finished(incoming: Incoming, result: Any) -> Answer:
    given = result if isinstance(result, Answer) else Answer(result)
    status = given.status or (201 if incoming.method == "POST" else 200)
    return Answer(given.body, status, given.headers, given.media)
