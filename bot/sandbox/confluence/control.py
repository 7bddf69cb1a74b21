"""`/sandbox/confluence`: what tests and the page use to act as people in Confluence, and to see what happened there.

People are called by their user name on both deployments; a body is storage, and is cleaned and rewritten as any other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from bot.sandbox.confluence import deeds, seed, shapes, view, webhooks
from bot.sandbox.confluence.model import (
    FLAVOURS,
    PERMISSIONS,
    Comment,
    Hook,
    Json,
    Operation,
    Page,
    Person,
    Site,
    Space,
    Version,
)
from bot.sandbox.confluence.refusals import Refused, in_v1
from bot.sandbox.control import Given, given_of
from bot.sandbox.model import State
from bot.sandbox.refusals import Refusal, bad_parameter, not_found
from bot.sandbox.webhooks import callable_url

T = TypeVar("T")
Handler = Callable[[Site, Given], Any]
Deed = Callable[[Site, Page, Person, Given], Any]

NO_ARCHIVE = "Data Center archives no pages"


def router(state: State) -> APIRouter:
    """The control API of the sandbox's Confluence. No access control: it listens on loopback only."""
    routes = APIRouter(prefix="/sandbox/confluence")

    @routes.get("/view")
    def shown() -> Any:
        with state.lock:
            return view.view(state.confluence)

    for (method, path), handler in HANDLERS.items():
        routes.add_api_route(path, _endpoint(state, handler), methods=[method])
    return routes


def add_hook(site: Site, url: str, secret: str | None = None) -> Hook:
    """A webhook for every event."""
    owner = next(person for person in site.people if person.admin)
    number = site.state.next_id("confluence hook")
    hook = Hook(number, "Sandbox", url, list(webhooks.EVENTS), owner, secret)
    site.hooks.append(hook)
    return hook


def _endpoint(state: State, handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(locked, await given_of(request)))

    def locked(given: Given) -> Any:
        with state.lock:
            try:
                return handler(_found(state.confluence, "Confluence"), given)
            except Refused as refusal:
                raise Refusal(refusal.status, in_v1(refusal)) from None

    return endpoint


# --- people and spaces


def _people(site: Site, body: Given) -> list[Json]:
    return [asdict(person) for person in site.people]


def _add_person(site: Site, body: Given) -> Json:
    """`name`; display_name, email, token, bot, admin, time_zone."""
    if site.person(body["name"]):
        raise bad_parameter("name is taken")
    return asdict(site.add_person(**body))


def _change_person(site: Site, body: Given) -> Json:
    """token, token_expires, admin, time_zone."""
    person = _person(site, body.pop("person"))
    for name, value in body.items():
        if name not in ("token", "token_expires", "admin", "time_zone"):
            raise bad_parameter(f"{name} is unknown")
        setattr(person, name, value)
    return asdict(person)


def _add_space(site: Site, body: Given) -> Json:
    """`key`; name, user who owns it, `people` who may do everything in it but administer it."""
    if site.space(body["key"]):
        raise bad_parameter("key is taken")
    space = seed.add_space(site, body["key"], body.get("name", body["key"].title()), _actor(site, body))
    people = [_person(site, name) for name in body.get("people", [])]
    seed.permit(space, people, "read", "edit", "comment", "delete")
    return {"id": space.id, "key": space.key}


def _permit(site: Site, body: Given) -> Json:
    """`person` in `space`: `permission`, all of them without it; `on` false takes it away."""
    space, person = _space(site, body), _person(site, body["person"])
    for permission in [body["permission"]] if body.get("permission") else PERMISSIONS:
        if permission not in PERMISSIONS:
            raise bad_parameter("permission is unknown")
        people = [one for one in space.permissions[permission] if one is not person]
        space.permissions[permission] = [*people, person] if body.get("on", True) else people
    return {name: [one.name for one in people] for name, people in space.permissions.items()}


# --- pages


def _add_page(site: Site, body: Given) -> Json:
    """`title`; space (its key, DOC), parent (a page's id or title), body, user, status (current or draft)."""
    space = _space(site, body)
    parent = _page(site, body["parent"]) if body.get("parent") else None
    made = deeds.create(
        site,
        _actor(site, body),
        space,
        body["title"],
        body.get("body", "<p></p>"),
        parent,
        body.get("status", "current"),
    )
    return {"id": made.id, "url": shapes.address(site, made)}


def _act(site: Site, body: Given) -> Json:
    """On the page with this id or title."""
    page = _page(site, body["page"])
    result = _found(DEEDS.get(body["deed"]), body["deed"])(site, page, _actor(site, body), body)
    return (
        result
        if isinstance(result, dict)
        else {"id": page.id, "version": page.now.number, "status": page.status}
    )


def _edit(site: Site, page: Page, actor: Person, body: Given) -> None:
    """A new version with `body`, or with `append` behind the one there, or with `old` in it once made `new`; `title`,
    `message`."""
    text = page.now.body
    if "old" in body:
        if text.count(body["old"]) != 1:
            raise bad_parameter(f"old stands there {text.count(body['old'])} times")
        text = text.replace(body["old"], body["new"])
    text = body.get("body", text) + body.get("append", "")
    deeds.update(site, actor, page, title=body.get("title"), body=text, message=body.get("message", ""))


def _plant(site: Site, page: Page, actor: Person, body: Given) -> None:
    """`body` stands there as it is, neither checked nor rewritten: what an old or broken Confluence may hold."""
    last = page.now
    page.versions.append(
        Version(last.number + 1, actor, last.at, last.title, body["body"], body.get("message", ""))
    )
    site.touch()


def _move(site: Site, page: Page, actor: Person, body: Given) -> None:
    """Below `parent` (id or title), or to the top of `space`."""
    parent = _page(site, body["parent"]) if body.get("parent") else None
    deeds.move(site, actor, page, parent, None if parent else _space(site, body))


def _archive(site: Site, page: Page, actor: Person, body: Given) -> None:
    if not site.cloud:
        raise bad_parameter(NO_ARCHIVE)
    deeds.archive(site, actor, page)


def _restrict(site: Site, page: Page, actor: Person, body: Given) -> Json:
    """To `people`, for `operation` read or update; to nobody in particular without any."""
    deeds.restrict(site, actor, page, _operation(body), [_person(site, name) for name in body["people"]])
    return {name: [one.name for one in people] for name, people in page.allowed.items()}


def _unrestrict(site: Site, page: Page, actor: Person, body: Given) -> None:
    deeds.restrict(site, actor, page, _operation(body), [])


def _label(site: Site, page: Page, actor: Person, body: Given) -> None:
    deeds.label(site, actor, page, body["name"], on=bool(body.get("on", True)))


# --- comments


def _comment(site: Site, page: Page, actor: Person, body: Given) -> Json:
    """`body`; `parent`: the comment it replies to."""
    parent = _comment_of(page, body["parent"]) if body.get("parent") else None
    return {"id": deeds.comment(site, actor, page, body["body"], parent).id}


def _comment_inline(site: Site, page: Page, actor: Person, body: Given) -> Json:
    """`body` on the words `selection`; `index`: on which of them, counted from 0."""
    made = deeds.comment_inline(site, actor, page, body["body"], body["selection"], int(body.get("index", 0)))
    return {"id": made.id, "ref": made.anchor.ref if made.anchor else None}


def _edit_comment(site: Site, page: Page, actor: Person, body: Given) -> None:
    deeds.edit_comment(site, actor, _comment_of(page, body["comment"]), body["body"])


def _delete_comment(site: Site, page: Page, actor: Person, body: Given) -> None:
    deeds.delete_comment(site, actor, _comment_of(page, body["comment"]))


def _resolve(site: Site, page: Page, actor: Person, body: Given) -> None:
    deeds.resolve_comment(site, _comment_of(page, body["comment"]), on=bool(body.get("on", True)))


def _property(site: Site, page: Page, actor: Person, body: Given) -> None:
    """`name` gets `value`; null takes it away."""
    if body["value"] is None:
        deeds.delete_property(site, actor, page, body["name"])
    else:
        deeds.set_property(site, actor, page, body["name"], body["value"])


# --- the site


def _set_flavour(site: Site, body: Given) -> Json:
    """Another deployment with the same content: bodies stay as they stand."""
    if body["flavour"] not in FLAVOURS:
        raise bad_parameter("flavour is cloud or datacenter")
    site.flavour = body["flavour"]
    site.touch()
    return {"flavour": site.flavour, "url": site.url}


def _set_version(site: Site, body: Given) -> Json:
    """`version` of Data Center, like 7.4.0."""
    site.center_version = body["version"]
    return {"version": site.center_version}


def _limit(site: Site, body: Given) -> Json:
    """body_bytes, value_bytes."""
    for name, value in body.items():
        if not hasattr(site.limits, name):
            raise bad_parameter(f"{name} is unknown")
        setattr(site.limits, name, int(value))
    return asdict(site.limits)


def _add_hook(site: Site, body: Given) -> Json:
    """`url`; secret, events."""
    if not callable_url(body["url"]):
        raise bad_parameter("Invalid url given")
    hook = add_hook(site, body["url"], body.get("secret"))
    hook.events = list(body.get("events") or hook.events)
    return {"id": hook.id}


def _drop_hooks(site: Site, body: Given) -> Json:
    site.drop_hooks = bool(body.get("on", True))
    return {"drop_hooks": site.drop_hooks}


def _resend(site: Site, body: Given) -> Json:
    sent = (one for one in site.deliveries if str(one.id) == body["number"])
    webhooks.resend(site, _found(next(sent, None), "Delivery"))
    return view.delivery(site.deliveries[-1])


# --- whom and what is meant


def _operation(body: Given) -> Operation:
    name = body.get("operation", "read")
    if name not in ("read", "update"):
        raise bad_parameter("operation is read or update")
    return "update" if name == "update" else "read"


def _page(site: Site, named: Any) -> Page:
    """By id, else by title."""
    by_title = (one for one in site.pages if one.title == str(named))
    return _found(site.page(str(named)) or next(by_title, None), "Page")


def _comment_of(page: Page, number: Any) -> Comment:
    return _found(next((one for one in page.comments if one.id == str(number)), None), "Comment")


def _space(site: Site, body: Given) -> Space:
    """The space named, or the first one."""
    return _found(site.space(body["space"]) if body.get("space") else site.spaces[0], "Space")


def _actor(site: Site, body: Given) -> Person:
    """The person named, by default ada."""
    return _person(site, body.get("user") or "ada")


def _person(site: Site, name: str) -> Person:
    return _found(site.person(name), "Person")


def _found(value: T | None, what: str) -> T:
    if value is None:
        raise not_found(what)
    return value


DEEDS: dict[str, Deed] = {
    "edit": _edit,
    "plant": _plant,
    "move": _move,
    "trash": lambda site, page, actor, body: deeds.trash(site, actor, page),
    "restore": lambda site, page, actor, body: deeds.restore(site, actor, page),
    "archive": _archive,
    "delete": lambda site, page, actor, body: deeds.purge(site, actor, page),
    "restrict": _restrict,
    "unrestrict": _unrestrict,
    "label": _label,
    "comment": _comment,
    "inline_comment": _comment_inline,
    "edit_comment": _edit_comment,
    "delete_comment": _delete_comment,
    "resolve_comment": _resolve,
    "property": _property,
}
HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/state"): lambda site, body: view.whole(site),
    ("GET", "/people"): _people,
    ("POST", "/people"): _add_person,
    ("POST", "/people/{person}"): _change_person,
    ("POST", "/spaces"): _add_space,
    ("POST", "/permissions"): _permit,
    ("POST", "/pages"): _add_page,
    ("POST", "/pages/{page}/{deed}"): _act,
    ("POST", "/flavour"): _set_flavour,
    ("POST", "/version"): _set_version,
    ("POST", "/limits"): _limit,
    ("POST", "/hooks"): _add_hook,
    ("POST", "/hooks/drop"): _drop_hooks,
    ("POST", "/deliveries/{number}/resend"): _resend,
}
