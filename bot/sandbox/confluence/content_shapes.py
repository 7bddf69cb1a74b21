"""Content as v1 shows it: Data Center's whole API, and Cloud's searches and restrictions.

What `expand` does not name stands in `_expandable`, with the path that would give it
(docs.atlassian.com/ConfluenceServer/rest).
"""

import zlib
from collections.abc import Callable, Iterable
from datetime import datetime

from bot.sandbox.confluence.model import (
    Comment,
    Json,
    Operation,
    Page,
    Person,
    Property,
    Site,
    Space,
    Version,
)
from bot.sandbox.confluence.shapes import comment_webui, moment, person, webui

OPERATIONS: tuple[Operation, ...] = ("read", "update")
PARTS = (
    "body",
    "version",
    "space",
    "ancestors",
    "history",
    "container",
    "restrictions",
    "metadata",
    "children",
    "operations",
)


class Expand:
    """The names after `expand=`: dotted, parted by commas."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name.strip() for name in names if name.strip()}

    def has(self, name: str) -> bool:
        return any(one == name or one.startswith(f"{name}.") for one in self._names)

    def below(self, name: str) -> "Expand":
        start = f"{name}."
        return Expand(one.removeprefix(start) for one in self._names if one.startswith(start))

    @property
    def names(self) -> set[str]:
        return set(self._names)


Parts = dict[str, Callable[[Expand], Json | list[Json]]]


def page(
    site: Site, one: Page, expand: Expand, version: Version | None = None, me: Person | None = None
) -> Json:
    """`version`: an older one in place of the newest. `me`: who asks, whose `operations` can be shown."""
    shown = version or one.now
    path = f"/rest/api/content/{one.id}"
    made: Json = {
        "id": one.id,
        "type": "page",
        "status": one.status if shown is one.now else "historical",
        "title": shown.title,
        "position": -1,
    }
    parts: Parts = {
        "body": lambda inside: _body(shown, inside),
        "version": lambda inside: version_of(site, shown),
        "space": lambda inside: space(site, one.space),
        "ancestors": lambda inside: [page(site, each, Expand(())) for each in one.ancestors()],
        "history": lambda inside: history(site, one, inside),
        "container": lambda inside: space(site, one.space),
        "restrictions": lambda inside: restrictions(site, one, inside),
        "metadata": lambda inside: _metadata(site, one, inside),
        "operations": lambda inside: one.operations(me),
    }
    made |= {name: show(expand.below(name)) for name, show in parts.items() if expand.has(name)}
    expandable = {name: f"{path}/{name}" for name in PARTS if name not in made}
    made["extensions"] = {"position": "none"}
    links = {
        "self": f"{site.base}{path}",
        "webui": webui(one),
        "edit": f"/pages/editpage.action?pageId={one.id}",
    }
    return made | {"_links": links, "_expandable": expandable}


def comment(site: Site, one: Comment, expand: Expand) -> Json:
    path = f"/rest/api/content/{one.id}"
    made: Json = {"id": one.id, "type": "comment", "status": "current", "title": f"Re: {one.page.title}"}
    parts: Parts = {
        "body": lambda inside: _body(one.now, inside),
        "version": lambda inside: version_of(site, one.now),
        "container": lambda inside: page(site, one.page, inside),
        "ancestors": lambda inside: [comment(site, each, Expand(())) for each in _above(one)],
        "history": lambda inside: _history(site, one.author, one.created, one.now, inside),
        "extensions": lambda inside: _extensions(one, inside),
    }
    made |= {name: show(expand.below(name)) for name, show in parts.items() if expand.has(name)}
    if "extensions" not in made:
        made["extensions"] = {
            "location": one.location,
            "_expandable": {"inlineProperties": "", "resolution": ""},
        }
    expandable = {name: "" for name in parts if name not in made}
    links = {"self": f"{site.base}{path}", "webui": comment_webui(one)}
    return made | {"_links": links, "_expandable": expandable}


def version_of(site: Site, one: Version) -> Json:
    return {
        "by": person(site, one.author),
        "when": moment(one.at),
        "message": one.message,
        "number": one.number,
        "minorEdit": one.minor,
        "hidden": False,
    }


def space(site: Site, one: Space) -> Json:
    return {
        "id": int(one.id),
        "key": one.key,
        "name": one.name,
        "type": "global",
        "status": "CURRENT" if not site.cloud else "current",
        "_links": {"webui": f"/spaces/{one.key}", "self": f"{site.base}/rest/api/space/{one.key}"},
        "_expandable": {"homepage": "", "metadata": "", "icon": "", "description": ""},
    }


def history(site: Site, one: Page, expand: Expand) -> Json:
    return _history(site, one.author, one.created, one.now, expand)


def restrictions(site: Site, one: Page, expand: Expand) -> Json:
    shown = {
        each: restriction(site, one, each, expand.below(each)) for each in OPERATIONS if expand.has(each)
    }
    rest = {each: "" for each in OPERATIONS if each not in shown}
    return shown | {"_expandable": rest}


def restriction(site: Site, one: Page, operation: Operation, expand: Expand) -> Json:
    """`restrictions.user` and `restrictions.group` only where they are expanded."""
    inside = expand.below("restrictions")
    lists = {"user": [person(site, each) for each in one.allowed[operation]], "group": []}
    shown: Json = {name: limited(found, 200) for name, found in lists.items() if inside.has(name)}
    shown["_expandable"] = {name: "" for name in lists if name not in shown}
    path = f"/rest/api/content/{one.id}/restriction/byOperation/{operation}"
    made: Json = {"operation": operation, "_links": {"self": site.base + path}}
    made |= {"restrictions": shown} if expand.has("restrictions") else {}
    return made | {"_expandable": {"content": f"/rest/api/content/{one.id}"}}


def property_of(site: Site, one: Property, owner: Page | Comment) -> Json:
    version = {
        "by": person(site, one.author),
        "when": moment(one.at),
        "message": "",
        "number": one.number,
        "minorEdit": False,
        "hidden": False,
    }
    path = f"/rest/api/content/{owner.id}"
    shown = {"id": one.id, "key": one.key, "value": one.value, "version": version}
    links = {"self": f"{site.base}{path}/property/{one.key}"}
    return shown | {"_links": links, "_expandable": {"content": path}}


def label(name: str) -> Json:
    return {"prefix": "global", "name": name, "id": str(zlib.crc32(name.encode())), "label": name}


def limited(found: list[Json], limit: int, start: int = 0) -> Json:
    return {"results": found, "start": start, "limit": limit, "size": len(found)}


def _body(version: Version, expand: Expand) -> Json:
    shown = {"storage": {"value": version.body, "representation": "storage", "_expandable": {"content": ""}}}
    made: Json = shown if expand.has("storage") else {}
    rest = [name for name in ("storage", "view", "editor", "export_view", "styled_view") if name not in made]
    return made | {"_expandable": dict.fromkeys(rest, "")}


def _metadata(site: Site, one: Page, expand: Expand) -> Json:
    made: Json = (
        {"labels": limited([label(each) for each in one.labels], 200)} if expand.has("labels") else {}
    )
    if expand.has("properties"):
        wanted = expand.below("properties").names
        found = {key: property_of(site, each, one) for key, each in one.properties.items() if key in wanted}
        made["properties"] = found | {"_expandable": {key: "" for key in one.properties if key not in found}}
    return made


def _history(site: Site, author: Person, created: datetime, last: Version, expand: Expand) -> Json:
    made: Json = {"latest": True, "createdBy": person(site, author), "createdDate": moment(created)}
    if expand.has("lastUpdated"):
        made["lastUpdated"] = version_of(site, last)
    return made


def _above(one: Comment) -> list[Comment]:
    above: list[Comment] = []
    while one.parent is not None:
        one = one.parent
        above.insert(0, one)
    return above


def _extensions(one: Comment, expand: Expand) -> Json:
    made: Json = {"location": one.location}
    if one.anchor and expand.has("inlineProperties"):
        made["inlineProperties"] = {"originalSelection": one.anchor.selection, "markerRef": one.anchor.ref}
    if one.anchor and expand.has("resolution"):
        made["resolution"] = {"status": one.resolution}
    return made
