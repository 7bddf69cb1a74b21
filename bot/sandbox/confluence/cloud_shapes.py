"""Pages, comments, spaces and properties as v2 of Cloud's API shows them
(developer.atlassian.com/cloud/confluence/rest/v2)."""

from bot.sandbox.confluence.model import Comment, Json, Page, Property, Site, Space, Version
from bot.sandbox.confluence.shapes import comment_webui, moment, webui


def page(site: Site, one: Page, version: Version | None = None, *, body: bool) -> Json:
    """`version`: an older one in place of the newest. `body`: with its storage, else with an empty body."""
    shown = version or one.now
    return {
        "id": one.id,
        "status": one.status if shown is one.now else "historical",
        "title": shown.title,
        "spaceId": one.space.id,
        "parentId": one.parent.id if one.parent else None,
        "parentType": "page" if one.parent else None,
        "position": site.pages.index(one),
        "authorId": one.author.account_id,
        "ownerId": one.author.account_id,
        "lastOwnerId": None,
        "createdAt": moment(one.created),
        "version": version_of(shown),
        "body": _body(shown) if body else {},
        "_links": {
            "webui": webui(one),
            "editui": f"/pages/resumedraft.action?draftId={one.id}",
            "tinyui": f"/x/{int(one.id):x}",
        },
    }


def child(site: Site, one: Page) -> Json:
    return {
        "id": one.id,
        "status": one.status,
        "title": one.title,
        "spaceId": one.space.id,
        "childPosition": site.pages.index(one),
    }


def version_of(one: Version) -> Json:
    return {
        "number": one.number,
        "message": one.message,
        "minorEdit": one.minor,
        "authorId": one.author.account_id,
        "createdAt": moment(one.at),
    }


def space(one: Space) -> Json:
    return {
        "id": one.id,
        "key": one.key,
        "name": one.name,
        "type": "global",
        "status": "current",
        "authorId": one.author.account_id,
        "createdAt": moment(one.created),
        "homepageId": None,
        "description": None,
        "icon": None,
        "_links": {"webui": f"/spaces/{one.key}"},
    }


def comment(one: Comment, *, body: bool) -> Json:
    shown = {
        "id": one.id,
        "status": "current",
        "title": f"Re: {one.page.title}",
        "pageId": one.page.id,
        "version": version_of(one.now),
        "body": _body(one.now) if body else {},
        "_links": {"webui": comment_webui(one)},
    }
    if one.parent:
        shown["parentCommentId"] = one.parent.id
    if one.anchor:
        shown["resolutionStatus"] = one.resolution
        shown["properties"] = {
            "inlineMarkerRef": one.anchor.ref,
            "inlineOriginalSelection": one.anchor.selection,
        }
    return shown


def property_of(one: Property) -> Json:
    version = {
        "number": one.number,
        "message": "",
        "minorEdit": False,
        "authorId": one.author.account_id,
        "createdAt": moment(one.at),
    }
    return {"id": one.id, "key": one.key, "value": one.value, "version": version}


def _body(version: Version) -> Json:
    return {"storage": {"representation": "storage", "value": version.body}}
