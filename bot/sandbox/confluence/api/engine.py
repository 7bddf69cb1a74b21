"""From an HTTP request to a handler's answer: which API, who it is, the body."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from bot.sandbox.api.engine import Incoming
from bot.sandbox.confluence.api import people
from bot.sandbox.confluence.api.call import Answer, Call
from bot.sandbox.confluence.api.table import ROUTES, Route
from bot.sandbox.confluence.model import Person, Site
from bot.sandbox.confluence.refusals import GONE, Answered, Refused, in_v1, in_v2, invalid

V2 = "/api/v2/"
LOGIN_FAILED = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
NO_SESSION = {"message": "Failed to parse Connect Session Auth Token"}
LOGIN_PAGE = (
    '<!doctype html><html lang="en"><head><title>HTTP Status 401 - Unauthorized</title></head><body><p><b>Message</b> '
    "Basic Authentication Failure - Reason : AUTHENTICATED_FAILED</p></body></html>"
)
NO_PAGE = (
    "<html><head><title>Page not found</title></head><body>Oops, you've found a dead link.</body></html>"
)


def answer(site: Site | None, incoming: Incoming) -> Answer:
    """What Confluence would say; `incoming.path` is what follows `/confluence`. One request at a time."""
    if site is None:
        return Answer("There is no Confluence in this sandbox.", 404, media="text/plain")
    with site.state.lock:
        try:
            user = _signed_in(site, incoming.headers)
            return _finished(site, user, _handled(site, incoming, user))
        except Answered as other:
            return Answer(other.body, other.status, other.headers, other.media)
        except Refused as refusal:
            body = in_v2(refusal) if V2 in incoming.path else in_v1(refusal)
            return Answer(body, refusal.status, LOGIN_FAILED if refusal.status == 401 else {})


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
    """Neither deployment lets anybody in who is not known, and each says it in its own way."""
    found = person_of(site, headers)
    given = headers.get("authorization", "")
    if found is None and site.cloud and given.lower().startswith("bearer"):
        raise Answered(403, NO_SESSION, "application/json", {})
    if found is None and given and not site.cloud:
        raise Answered(401, LOGIN_PAGE, "text/html", LOGIN_FAILED)
    if found is None and given:
        raise Refused(401, "Unauthorized")
    return found


def _handled(site: Site, incoming: Incoming, user: Person | None) -> Any:
    route, parts, path = _route(site, incoming)
    if user is None and route.handler is people.manifest:
        return people.told_manifest(site)
    if user is None:
        raise Refused(401, "Client must be authenticated to access this resource.")
    if route.handler is None:
        raise Refused(410, GONE)
    query = parse_qs(incoming.query, keep_blank_values=True)
    return route.handler(Call(site, user, path, parts, query, _body(incoming)))


def _route(site: Site, incoming: Incoming) -> tuple[Route, dict[str, str], str]:
    """Cloud has everything below `/wiki`. (route, its parts, the path after the base)."""
    path = incoming.path
    if site.cloud:
        below, path = path.startswith("/wiki/"), path.removeprefix("/wiki")
        if not below:
            raise Answered(404, NO_PAGE, "text/html", {})
    here = [route for route in ROUTES if route.only in (None, site.flavour)]
    matches = [(route, parts) for route in here if (parts := route.parts(path)) is not None]
    for route, parts in matches:
        if route.method in (incoming.method, "*"):
            return route, parts, path
    if matches:
        raise Refused(405, "HTTP 405 Method Not Allowed")
    if path.startswith(V2) and site.cloud:
        raise Refused(404, f"No endpoint {incoming.method} {path}")
    raise Answered(404, NO_PAGE, "text/html", {})


def _body(incoming: Incoming) -> Any:
    if not incoming.body:
        return None
    media = incoming.headers.get("content-type", "").partition(";")[0].strip()
    if media != "application/json":
        raise Refused(415, f"Unsupported Media Type: '{media}'")
    try:
        return json.loads(incoming.body)
    except (ValueError, RecursionError):
        raise invalid("There was an error parsing JSON.") from None


def _finished(site: Site, user: Person | None, result: Any) -> Answer:
    """With the header that tells whether the credentials were any good."""
    given = result if isinstance(result, Answer) else Answer(result)
    headers = dict(given.headers)
    if user is not None:
        headers |= {"X-Seraph-LoginReason": "OK"}
        headers |= {"X-AACCOUNTID": user.account_id} if site.cloud else {"X-AUSERNAME": user.name}
    return Answer(given.body, given.status, headers, given.media)


def _basic(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
