"""Confluence as the page draws it, and as tests count it: plain JSON, bodies as storage or as trees to draw."""

from bot.sandbox.confluence import shapes
from bot.sandbox.confluence.drawing import tree
from bot.sandbox.confluence.history import difference
from bot.sandbox.confluence.model import (
    Comment,
    HookDelivery,
    Json,
    Page,
    Person,
    Property,
    Site,
    Space,
    Version,
)


def view(site: Site | None) -> Json | None:
    """For the page. None where the sandbox has no Confluence."""
    if site is None:
        return None
    return _site(site) | {"pages": [_drawn(site, one) for one in site.pages]}


def whole(site: Site) -> Json:
    """For tests: with every page what stands there, and what was written to it and by whom."""
    spaces = [_space(one) for one in site.spaces]
    pages = [page(site, one) | _counted(one) for one in site.pages]
    return _site(site) | {"spaces": spaces, "pages": pages, "revision": site.state.revision}


def page(site: Site, one: Page) -> Json:
    """Versions oldest first, each with the body that it has."""
    return {
        "id": one.id,
        "space": one.space.key,
        "title": one.title,
        "status": one.status,
        "url": shapes.address(site, one),
        "parent": one.parent.id if one.parent else None,
        "ancestors": [{"id": each.id, "title": each.title} for each in one.ancestors()],
        "author": _person(one.author),
        "created": shapes.moment(one.created),
        "version": one.now.number,
        "body": one.now.body,
        "versions": [_version(each) for each in one.versions],
        "comments": [_comment(each) for each in one.comments],
        "labels": list(one.labels),
        "restricted": {name: [each.name for each in people] for name, people in one.allowed.items()},
    }


def delivery(one: HookDelivery) -> Json:
    return {
        "id": one.id,
        "event": one.event,
        "url": one.hook.url,
        "body": one.body.decode(),
        "status": one.status,
        "at": shapes.moment(one.at),
    }


def _site(site: Site) -> Json:
    deliveries = [delivery(one) for one in site.deliveries]
    return {"url": site.url, "flavour": site.flavour, "deliveries": deliveries}


def _drawn(site: Site, one: Page) -> Json:
    """Bodies as trees, and in the place of each version's body what it changed."""
    shown = page(site, one)
    bodies = ["", *(each.body for each in one.versions)]
    for told, before, after in zip(shown["versions"], bodies, bodies[1:], strict=False):
        told["changes"] = difference(before, after) if before else []
        del told["body"]
    for told in (shown, *shown["comments"]):
        told["tree"] = tree(told.pop("body"))
    return shown


def _space(one: Space) -> Json:
    people = {name: [each.name for each in allowed] for name, allowed in one.permissions.items()}
    return {"id": one.id, "key": one.key, "name": one.name, "permissions": people}


def _version(one: Version) -> Json:
    return {
        "number": one.number,
        "author": _person(one.author),
        "message": one.message,
        "minor": one.minor,
        "at": shapes.moment(one.at),
        "title": one.title,
        "body": one.body,
    }


def _comment(one: Comment) -> Json:
    return {
        "id": one.id,
        "location": one.location,
        "parent": one.parent.id if one.parent else None,
        "author": _person(one.author),
        "created": shapes.moment(one.created),
        "updated": shapes.moment(one.now.at),
        "version": one.now.number,
        "edited": one.now.number > 1,
        "body": one.now.body,
        "selection": one.anchor.selection if one.anchor else None,
        "ref": one.anchor.ref if one.anchor else None,
        "resolution": one.resolution if one.anchor else None,
        "properties": {key: _property(each) for key, each in one.properties.items()},
    }


def _property(one: Property) -> Json:
    return {"id": one.id, "value": one.value, "version": one.number}


def _counted(one: Page) -> Json:
    writes: dict[str, dict[str, int]] = {}
    for (name, what), times in one.writes.items():
        writes.setdefault(name, {})[what] = times
    return {"writes": writes, "properties": {key: _property(each) for key, each in one.properties.items()}}


def _person(one: Person) -> Json:
    return {"name": one.name, "display_name": one.display_name, "bot": one.bot}
