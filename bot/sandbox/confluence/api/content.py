"""v1: pages and comments are both content. Only Data Center still has it."""

from typing import Any

from bot.sandbox.confluence import content_shapes, deeds
from bot.sandbox.confluence.api import bodies, comments
from bot.sandbox.confluence.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.confluence.content_shapes import Expand
from bot.sandbox.confluence.model import Comment, Json, Page, Space
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid, no_content

STATUSES = ("current", "trashed", "draft", "any", "historical")
AFTER_WRITING = Expand(
    ("body.storage", "version", "space", "ancestors", "history", "container", "extensions")
)
COMMON = (
    "id",
    "type",
    "title",
    "status",
    "space",
    "body",
    "version",
    "ancestors",
    "container",
    "extensions",
    "metadata",
)
LOCATIONS = ("footer", "inline", "resolved")


# --- reading


def list_all(call: Call) -> Json:
    """`spaceKey`, `title`, `status`; pages only."""
    kind, title, status = call.first("type") or "page", call.first("title"), _status(call)
    if kind != "page":
        raise invalid(f"The sandbox lists no content of type '{kind}'.")
    key = call.first("spaceKey")
    if key is not None:
        _space(call, key)
    found = [
        one
        for one in call.site.pages
        if one.seen_by(call.me)
        and _has_status(one, status)
        and (key is None or one.space.key == key)
        and (title is None or one.title.casefold() == title.strip().casefold())
    ]
    expand = call.expand
    return call.v1_page(found, lambda one: content_shapes.page(call.site, one, expand, me=call.me))


def one(call: Call) -> Json:
    """A page or a comment. What is in the trash is found with `status=trashed` or `any` only."""
    found, version = _content(call), None
    if isinstance(found, Comment):
        return content_shapes.comment(call.site, found, call.expand)
    status = _status(call)
    if status == "historical":
        version = found.version(call.number("version", found.now.number))
    if version is None and not _has_status(found, status):
        raise no_content(found.id)
    return content_shapes.page(call.site, found, call.expand, version, call.me)


def history(call: Call) -> Json:
    page = _page(call)
    shown = content_shapes.history(call.site, page, call.expand)
    links = {"self": f"{call.site.base}/rest/api/content/{page.id}/history"}
    return shown | {"_links": links}


def children(call: Call) -> Json:
    page, expand = _page(call), call.expand
    found = [each for each in call.site.children(page) if each.seen_by(call.me) and each.status == "current"]
    return call.v1_page(found, lambda each: content_shapes.page(call.site, each, expand))


def comments_of(call: Call) -> Json:
    """Of the top only, all of them with `depth=all`. Without `location`: everywhere but resolved ones."""
    above, expand = _content(call), call.expand
    page, parent = (above.page, above) if isinstance(above, Comment) else (above, None)
    locations, depth = call.words("location"), call.first("depth") or ""
    if set(locations) - set(LOCATIONS) or depth not in ("", "all"):
        raise invalid("location or depth is not valid.")
    found = [each for each in page.comments if each.parent is parent or depth == "all"]
    found = [each for each in found if _location(each) in (locations or ("footer", "inline"))]
    return call.v1_page(found, lambda each: content_shapes.comment(call.site, each, expand))


def labels_of(call: Call) -> Json:
    return call.v1_page(_content_page(call).labels, content_shapes.label, 200)


def add_labels(call: Call) -> Json:
    """`[{"prefix": "global", "name"}]`; both deployments have it."""
    page = call.editable(_content_page(call))
    given = call.body if isinstance(call.body, list) else [call.body]
    for each in given:
        told = call.only(each, "prefix", "name")
        deeds.label(call.site, call.me, page, call.text(told, "name"))
    return call.v1_page(page.labels, content_shapes.label, 200)


def remove_label(call: Call) -> Answer:
    page = call.editable(_content_page(call))
    name = call.parts["label"]
    if name not in page.labels:
        raise Refused(404, f"No label found with name: {name}")
    deeds.label(call.site, call.me, page, name, on=False)
    return NO_CONTENT


# --- writing


def create(call: Call) -> Json:
    given = call.only(call.given, *COMMON)
    if given.get("type") == "comment":
        made = _create_comment(call, given)
        return content_shapes.comment(call.site, made, AFTER_WRITING)
    if given.get("type") != "page":
        raise invalid("type is required and has to be page or comment.")
    space = _space(call, call.text(call.only(given.get("space"), "key", "id", "name", "type"), "key"))
    if not space.allows(call.me, "edit"):
        raise forbidden(f"Could not create content with type page in space {space.key}")
    if given.get("status", "current") not in ("current", "draft"):
        raise invalid("status has to be current or draft.")
    title, body = call.text(given, "title"), bodies.of_v1(call, given.get("body"))
    parent = _parent(call, given.get("ancestors"), space)
    made_page = deeds.create(
        call.site, call.me, space, title, body, parent, given.get("status", "current"), _message(given)
    )
    return content_shapes.page(call.site, made_page, AFTER_WRITING)


def update(call: Call) -> Json:
    given = call.only(call.given, *COMMON)
    found = _content(call)
    kind = "comment" if isinstance(found, Comment) else "page"
    if given.get("type") != kind:
        raise invalid(f"type is required and has to be {kind}.")
    if isinstance(found, Comment):
        _update_comment(call, found, given)
        return content_shapes.comment(call.site, found, AFTER_WRITING)
    _update_page(call, call.editable(found), given)
    return content_shapes.page(call.site, found, AFTER_WRITING)


def delete(call: Call) -> Answer:
    """A page goes to the trash; one that is there goes for good with `status=trashed`. A comment is gone at once."""
    found = _content(call)
    if isinstance(found, Comment):
        if not comments.may_delete(call, found):
            raise forbidden(f"Could not remove Content with id : {found.id}")
        deeds.delete_comment(call.site, call.me, found)
        return NO_CONTENT
    purging = call.first("status") == "trashed"
    if purging != (found.status == "trashed"):
        raise no_content(found.id)
    if not found.space.allows(call.me, "administer" if purging else "delete"):
        raise forbidden(f"Could not remove Content with id : {found.id}")
    (deeds.purge if purging else deeds.trash)(call.site, call.me, found)
    return NO_CONTENT


def _create_comment(call: Call, given: Json) -> Comment:
    container = call.only(given.get("container"), "id", "type", "status")
    page = call.page_named(container.get("id"))
    parent = _parent_comment(call, given.get("ancestors"))
    if page.status != "current" or (parent and parent.page is not page):
        raise no_content(page.id)
    if not page.space.allows(call.me, "comment"):
        raise forbidden(f"Could not create content with type comment in space {page.space.key}")
    body = bodies.of_v1(call, given.get("body"))
    inline = _inline(call, given.get("extensions"))
    if inline is None or parent:
        return deeds.comment(call.site, call.me, page, body, parent)
    words, total, index = inline
    return deeds.comment_inline(call.site, call.me, page, body, words, index, total)


def _update_comment(call: Call, one: Comment, given: Json) -> None:
    if one.author is not call.me:
        raise forbidden(f"Could not update Content of type : comment with id : {one.id}")
    call.next_version(given.get("version"), one.now.number)
    deeds.edit_comment(call.site, call.me, one, bodies.of_v1(call, given.get("body")))


def _update_page(call: Call, page: Page, given: Json) -> None:
    """`status` current brings a page back from the trash. Without a body, the one that stands stays."""
    title = call.text(given, "title")
    version = call.next_version(given.get("version"), page.now.number)
    call.only(version, "number", "message", "minorEdit", "when", "by", "hidden", "_expandable", "_links")
    if page.status == "trashed" and given.get("status") != "current":
        raise no_content(page.id)
    if given.get("space") is not None and given["space"].get("key", page.space.key) != page.space.key:
        raise invalid("Moving a page to another space is not supported.")
    body = bodies.of_v1(call, given["body"]) if given.get("body") is not None else None
    parent = _parent(call, given.get("ancestors"), page.space)
    if page.status == "trashed":
        deeds.restore(call.site, call.me, page)
    page.status = "current"
    minor = version.get("minorEdit") is True
    deeds.update(
        call.site,
        call.me,
        page,
        title=title,
        body=body,
        message=version["message"],
        minor=minor,
        parent=parent,
    )


def _content(call: Call) -> Page | Comment:
    """v1 knows no content whose id is no number, and says so with 404."""
    number = call.parts["id"]
    found = call.site.page(number) or call.site.comment(number)
    page = found.page if isinstance(found, Comment) else found
    if found is None or page is None or not page.seen_by(call.me):
        raise no_content(number)
    return found


def _content_page(call: Call) -> Page:
    found = _content(call)
    if isinstance(found, Comment):
        raise no_content(found.id)
    return found


def _page(call: Call) -> Page:
    page = _content_page(call)
    if page.status == "trashed":
        raise no_content(page.id)
    return page


def _space(call: Call, key: str) -> Space:
    found = next((one for one in call.site.spaces if one.key == key), None)
    if found is None or not found.allows(call.me, "read"):
        raise Refused(404, f"No space with key : {key}")
    return found


def _parent(call: Call, ancestors: Any, space: Space) -> Page | None:
    """The last of the ancestors that are given."""
    if not ancestors:
        return None
    if not isinstance(ancestors, list) or not isinstance(ancestors[-1], dict):
        raise invalid("ancestors has to be a list of objects.")
    number = ancestors[-1].get("id")
    page = call.site.page(call.checked_id(number))
    if page is None or not page.seen_by(call.me) or page.space is not space or page.status != "current":
        raise invalid(f"Ancestor with id {number} could not be found in the space {space.key}.")
    return page


def _parent_comment(call: Call, ancestors: Any) -> Comment | None:
    if not ancestors:
        return None
    if not isinstance(ancestors, list) or not isinstance(ancestors[-1], dict):
        raise invalid("ancestors has to be a list of objects.")
    return call.comment_named(ancestors[-1].get("id"))


def _inline(call: Call, extensions: Any) -> tuple[str, int, int] | None:
    """(words, how often they stand there, which one), as the editor sends it; None for the footer."""
    if not isinstance(extensions, dict) or extensions.get("location") != "inline":
        return None
    names = ("originalSelection", "numMatches", "matchIndex", "lastFetchTime", "serializedHighlights")
    told = call.only(extensions.get("inlineProperties"), *names)
    if not isinstance(told.get("numMatches"), int) or not isinstance(told.get("matchIndex"), int):
        raise invalid("inlineProperties needs numMatches and matchIndex.")
    return call.text(told, "originalSelection"), told["numMatches"], told["matchIndex"]


def _message(given: Json) -> str:
    version = given.get("version")
    message = version.get("message") if isinstance(version, dict) else ""
    return message if isinstance(message, str) else ""


def _location(one: Comment) -> str:
    return "resolved" if one.anchor and one.resolution != "open" else one.location


def _status(call: Call) -> str:
    found = call.words("status") or ["current"]
    if len(found) > 1 or found[0] not in STATUSES:
        raise invalid(f"status has to be one of {', '.join(STATUSES)}.")
    return found[0]


def _has_status(one: Page, status: str) -> bool:
    return status == "any" or one.status == status
