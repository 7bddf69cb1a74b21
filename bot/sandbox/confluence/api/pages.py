"""v2: pages and spaces."""

from typing import Any

from bot.sandbox.confluence import cloud_shapes, deeds
from bot.sandbox.confluence.api import bodies
from bot.sandbox.confluence.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.confluence.model import Json, Page, Space
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid, no_content

STATUSES = ("current", "archived", "deleted", "trashed", "draft", "historical")
USUALLY = ("current", "archived")
ORDERS = {
    "id": lambda page: int(page.id),
    "title": lambda page: page.title.lower(),
    "created-date": lambda page: page.created,
    "modified-date": lambda page: page.now.at,
}


# --- spaces


def spaces(call: Call) -> Answer:
    keys, ids = call.words("keys"), call.words("ids")
    found = [
        one
        for one in call.site.spaces
        if one.allows(call.me, "read") and (not keys or one.key in keys) and (not ids or one.id in ids)
    ]
    return call.v2_page(found, cloud_shapes.space)


def space(call: Call) -> Json:
    return call.single(cloud_shapes.space(_space(call, call.parts["id"])))


def space_operations(call: Call) -> Json:
    """What whoever asks may do in it."""
    return {"operations": _space(call, call.parts["id"]).operations(call.me)}


def _space(call: Call, number: Any) -> Space:
    found = next((one for one in call.site.spaces if one.id == call.checked_id(number)), None)
    if found is None or not found.allows(call.me, "read"):
        raise no_content(str(number))
    return found


# --- reading


def list_all(call: Call) -> Answer:
    statuses, title = _statuses(call) or USUALLY, call.first("title")
    ids = {call.checked_id(one) for one in call.words("id")}
    in_spaces = {call.checked_id(one) for one in call.words("space-id")}
    found = [
        one
        for one in call.site.pages
        if one.seen_by(call.me)
        and one.status in statuses
        and (not ids or one.id in ids)
        and (not in_spaces or one.space.id in in_spaces)
        and (title is None or one.title.casefold() == title.strip().casefold())
    ]
    body = call.with_body()
    return call.v2_page(_sorted(call, found), lambda one: cloud_shapes.page(call.site, one, body=body))


def one(call: Call) -> Json:
    """One in the trash or a draft is only found where `status` names that."""
    page, version = call.page, None
    if page.status not in (_statuses(call) or USUALLY):
        raise no_content(page.id)
    number = call.number("version", page.now.number)
    if number != page.now.number:
        version = page.version(number)
        if version is None:
            raise no_content(page.id)
    return call.single(cloud_shapes.page(call.site, page, version, body=call.with_body()))


def versions(call: Call) -> Answer:
    """The newest first; the body only where it is asked for."""
    page, body = call.page, call.with_body()

    def shown(version: Any) -> Json:
        inside = {"storage": {"representation": "storage", "value": version.body}} if body else {}
        return cloud_shapes.version_of(version) | {
            "page": {"id": page.id, "title": version.title, "body": inside}
        }

    return call.v2_page(page.versions[::-1], shown)


def version(call: Call) -> Json:
    page = call.page
    number = call.parts["number"]
    found = page.version(int(number)) if number.isdecimal() else None
    if found is None:
        raise no_content(page.id)
    return cloud_shapes.version_of(found)


def ancestors(call: Call) -> Answer:
    return call.v2_page(call.page.ancestors(), lambda one: {"id": one.id, "type": "page"})


def children(call: Call) -> Answer:
    page = call.page
    found = [one for one in call.site.children(page) if one.seen_by(call.me) and one.status in USUALLY]
    return call.v2_page(found, lambda one: cloud_shapes.child(call.site, one))


def labels(call: Call) -> Answer:
    return call.v2_page(call.page.labels, lambda name: {"id": name, "name": name, "prefix": "global"})


# --- writing


def create(call: Call) -> Json:
    given = call.only(call.given, "spaceId", "status", "title", "parentId", "body", "subtype")
    if "spaceId" not in given:
        raise invalid("spaceId is required.")
    target = _space(call, given["spaceId"])
    status = given.get("status", "current")
    if status not in ("current", "draft"):
        raise invalid("status has to be current or draft.")
    title, body = call.text(given, "title"), bodies.of_v2(call, given.get("body"))
    parent = _parent(call, given.get("parentId"), target)
    if not target.allows(call.me, "edit"):
        raise forbidden("You do not have permission to create content in this space.")
    page = deeds.create(call.site, call.me, target, title, body, parent, status)
    return call.single(cloud_shapes.page(call.site, page, body=True))


def update(call: Call) -> Json:
    """A page in the trash comes back by it; an archived one is refused. The space cannot be changed."""
    names = ("id", "status", "title", "spaceId", "parentId", "ownerId", "body", "version")
    given = call.only(call.given, *names)
    page = call.editable(call.page)
    if str(given.get("id")) != page.id:
        raise invalid("The id of the body is not that of the path.")
    title, body = call.text(given, "title"), bodies.of_v2(call, given.get("body"))
    if given.get("status") != "current":
        raise invalid("status is required and has to be current.")
    if given.get("spaceId") not in (None, page.space.id):
        raise invalid("Moving a page to another space is not supported.")
    _check_version_keys(call, given)
    said = call.next_version(given.get("version"), page.now.number)
    if page.status == "archived":
        raise Refused(400, "Archived content cannot be updated.", "BAD_REQUEST")
    parent = _parent(call, given.get("parentId"), page.space)
    if page.status == "trashed":
        deeds.restore(call.site, call.me, page)
    page.status = "current"
    deeds.update(call.site, call.me, page, title=title, body=body, message=said["message"], parent=parent)
    return call.single(cloud_shapes.page(call.site, page, body=True))


def delete(call: Call) -> Answer:
    """To the trash; `purge=true` takes one that is there away for good, which an administrator of the space may."""
    page = call.page
    purging = call.first("purge") == "true"
    if not page.space.allows(call.me, "administer" if purging else "delete"):
        raise forbidden("You do not have permission to delete this page.")
    if purging and page.status == "trashed":
        deeds.purge(call.site, call.me, page)
    elif purging or page.status == "trashed":
        raise no_content(page.id)
    else:
        deeds.trash(call.site, call.me, page)
    return NO_CONTENT


def _check_version_keys(call: Call, given: Json) -> None:
    if isinstance(given.get("version"), dict):
        call.only(given["version"], "number", "message")


def _parent(call: Call, number: Any, target: Space) -> Page | None:
    """A current page of the same space."""
    if number is None:
        return None
    page = call.site.page(call.checked_id(number))
    if page is None or not page.seen_by(call.me) or page.space is not target or page.status != "current":
        raise Refused(404, f"Could not find the parent with id: {number}")
    return page


def _statuses(call: Call) -> list[str]:
    found = call.words("status")
    for status in found:
        if status not in STATUSES:
            raise invalid(f"Provided value {{{status}}} for 'status' is not one of {list(STATUSES)}")
    return found


def _sorted(call: Call, pages: list[Page]) -> list[Page]:
    name = call.first("sort") or "id"
    order = ORDERS.get(name.removeprefix("-"))
    if order is None:
        raise invalid(f"Provided value {{{name}}} for 'sort' is not valid.")
    return sorted(pages, key=order, reverse=name.startswith("-"))
