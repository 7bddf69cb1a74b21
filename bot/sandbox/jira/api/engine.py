"""From an HTTP request to a handler's answer: who it is, which version of the API, the limit on writes, the body."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import parse_qsl

from bot.sandbox.api.engine import Incoming
from bot.sandbox.jira.api.call import Answer, Call, not_signed_in
from bot.sandbox.jira.api.table import ROUTES, Route
from bot.sandbox.jira.model import Issue, Person, Site
from bot.sandbox.jira.refusals import JiraRefusal, no_path, refused

NOT_JSON = "There was an error parsing JSON. Check that your request body is valid."
LOGIN_FAILED = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
LOGIN_PAGE = "<html><body><p>Basic Authentication Failure - Reason : AUTHENTICATED_FAILED</p></body></html>"
OPEN_TO_ALL = "/serverInfo"


def answer(site: Site | None, incoming: Incoming) -> Answer:
    """What Jira would say; `incoming.path` is what follows `/jira/rest`. One request at a time."""
    if site is None:
        return Answer("There is no Jira in this sandbox.", 404, media="text/plain")
    with site.state.lock:
        user = None
        try:
            user = _signed_in(site, incoming.headers)
            return _finished(site, incoming, user, _handled(site, incoming, user))
        except JiraRefusal as refusal:
            told = Answer(refusal.body, refusal.status, refusal.headers, refusal.media)
            return _finished(site, incoming, user, told)


def person_of(site: Site, headers: Mapping[str, str]) -> Person | None:
    """Whose credentials these are, None for anybody else. Header names are in lower case."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if site.cloud:
        email, _, token = _basic(credentials).partition(":") if scheme.lower() == "basic" else ("", "", "")
        candidates = [one for one in site.people if one.email.lower() == email.lower()]
    else:
        token = credentials.strip() if scheme.lower() == "bearer" else ""
        candidates = site.people
    return next(
        (one for one in candidates if secrets.compare_digest(one.token.encode(), token.encode())), None
    )


def _signed_in(site: Site, headers: Mapping[str, str]) -> Person | None:
    """Cloud takes whose token is wrong for nobody, and only a header says so; Data Center refuses."""
    found = person_of(site, headers)
    given = headers.get("authorization", "")
    if found is None and site.cloud and given.lower().startswith("bearer"):
        raise JiraRefusal(403, {"error": "Failed to parse Connect Session Auth Token"})
    if found is None and given and not site.cloud:
        raise JiraRefusal(401, LOGIN_PAGE, "text/html", LOGIN_FAILED)
    return found


def _handled(site: Site, incoming: Incoming, user: Person | None) -> Any:
    route, parts = _route(site, incoming)
    version = parts.pop("version", "2").replace("latest", "2")
    if user is None and not site.cloud and not incoming.path.endswith(OPEN_TO_ALL):
        raise _login_required(site, parts)
    query = dict(parse_qsl(incoming.query, keep_blank_values=True))
    call = Call(site, user, incoming.path, int(version), parts, query, _body(incoming))
    if incoming.method != "GET" and "issue" in parts and site.cloud:
        _count_write(site, call.issue)
    return route.handler(call)


def _route(site: Site, incoming: Incoming) -> tuple[Route, dict[str, str]]:
    """Only Cloud has version 3."""
    here = [route for route in ROUTES if route.only in (None, site.deployment)]
    matches = [(route, parts) for route in here if (parts := route.parts(incoming.path)) is not None]
    matches = [match for match in matches if site.cloud or match[1].get("version") != "3"]
    for route, parts in matches:
        if route.method == incoming.method:
            return route, parts
    raise no_path(site, incoming.method, incoming.path, 405 if matches else 404)


def _login_required(site: Site, parts: Mapping[str, str]) -> JiraRefusal:
    if "issue" in parts:
        words = "You do not have the permission to see the specified issue."
        return refused(401, words, "Login Required")
    return not_signed_in(site)


def _body(incoming: Incoming) -> Any:
    if not incoming.body:
        return None
    media = incoming.headers.get("content-type", "").partition(";")[0].strip()
    if media != "application/json":
        raise refused(415, f"Unsupported Media Type: '{media}'")
    try:
        return json.loads(incoming.body)
    except (ValueError, RecursionError):
        raise JiraRefusal(400, {"errorMessages": [NOT_JSON]}) from None


def _count_write(site: Site, issue: Issue) -> None:
    """Refuses a write too many in a window, which then does not count."""
    moment = site.clock()
    longest = max(seconds for _, seconds in site.limits.windows)
    while issue.write_times and issue.write_times[0] <= moment - longest:
        issue.write_times.popleft()
    for most, seconds in site.limits.windows:
        recent = [at for at in issue.write_times if at > moment - seconds]
        if len(recent) >= most:
            raise _too_many(most, recent[-most] + seconds - moment)
    issue.write_times.append(moment)


def _too_many(limit: int, pause: float) -> JiraRefusal:
    """`pause`: seconds until there is room again."""
    seconds = max(1, ceil(pause))
    reset = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%MZ")
    headers = {
        "Retry-After": str(seconds),
        "RateLimit-Reason": "jira-per-issue-on-write",
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": reset,
    }
    return JiraRefusal(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}}, headers=headers)


def _finished(site: Site, incoming: Incoming, user: Person | None, result: Any) -> Answer:
    """With the header that tells whether the credentials were any good."""
    given = result if isinstance(result, Answer) else Answer(result)
    headers = dict(given.headers)
    if user is not None:
        headers |= {"X-Seraph-LoginReason": "OK"}
        headers |= {"X-AACCOUNTID": user.account_id} if site.cloud else {"X-AUSERNAME": user.name}
    elif incoming.headers.get("authorization"):
        headers |= LOGIN_FAILED
    return Answer(given.body, given.status, headers, given.media)


def _basic(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
