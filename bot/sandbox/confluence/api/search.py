"""v1: searches by CQL, on both deployments. They find current pages that whoever asks may see.

Cloud goes on by a cursor and takes no `start`; the page after the last one is not named on either.
"""

from collections.abc import Callable
from urllib.parse import urlencode

from bot.sandbox.confluence import content_shapes, cql, shapes
from bot.sandbox.confluence.api.call import Call
from bot.sandbox.confluence.content_shapes import Expand
from bot.sandbox.confluence.model import Json, Page
from bot.sandbox.confluence.refusals import Refused, invalid

FORM = "com.atlassian.confluence.api.service.exceptions.BadRequestException: Could not parse cql : "


def content(call: Call) -> Json:
    """`{results: [content]}`."""
    expand = call.expand
    return _searched(call, lambda one: content_shapes.page(call.site, one, expand))


def everything(call: Call) -> Json:
    """`{results: [{content, title, url, ...}]}`; `expand` names what is below `content`."""
    inside = call.expand.below("content")
    return _searched(call, lambda one: _entry(call, one, inside))


def _searched(call: Call, show: Callable[[Page], Json]) -> Json:
    found = _found(call)
    shown = _by_cursor(call, found, show) if call.site.cloud else call.v1_page(found, show)
    return shown | {"totalSize": len(found), "cqlQuery": call.first("cql"), "searchDuration": 1}


def _found(call: Call) -> list[Page]:
    text = call.first("cql")
    if text is None or not text.strip():
        raise invalid("cql is required.")
    try:
        query = cql.parsed(call.site, call.me, text)
    except cql.QueryRefused as error:
        raise Refused(400, f"{FORM}{error}") from None
    return query.of([one for one in call.site.pages if one.status == "current" and one.seen_by(call.me)])


def _by_cursor(call: Call, found: list[Page], show: Callable[[Page], Json]) -> Json:
    if call.first("start") not in (None, "0"):
        raise invalid("start is no longer supported: follow the cursor.")
    start, limit = call.cursor(), min(call.number("limit", 25), 100)
    results = [show(one) for one in found[start : start + limit]]
    links = {"self": f"{call.site.base}{call.path}", "base": call.site.base, "context": "/wiki"}
    if start + limit < len(found):
        rest = [(name, value) for name, values in call.query.items() if name != "cursor" for value in values]
        links["next"] = f"{call.path}?{urlencode([*rest, ('cursor', call.cursor_at(start + limit))])}"
    return {"results": results, "start": start, "limit": limit, "size": len(results), "_links": links}


def _entry(call: Call, one: Page, inside: Expand) -> Json:
    return {
        "content": content_shapes.page(call.site, one, inside),
        "title": one.title,
        "excerpt": "",
        "url": shapes.webui(one),
        "resultGlobalContainer": {"title": one.space.name, "displayUrl": f"/spaces/{one.space.key}"},
        "breadcrumbs": [],
        "entityType": "content",
        "iconCssClass": "aui-icon content-type-page",
        "lastModified": shapes.moment(one.now.at),
        "friendlyLastModified": "just a moment ago",
        "score": 0.0,
    }
