"""v2: comments in the footer and inline."""

from typing import Any

from bot.sandbox.confluence import cloud_shapes, deeds
from bot.sandbox.confluence.api import bodies
from bot.sandbox.confluence.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.confluence.model import Comment, Json, Page
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid, no_content

ORDERS = ("created-date", "-created-date", "modified-date", "-modified-date")


def of_page_footer(call: Call) -> Answer:
    """Replies are below them."""
    return _listed(call, [one for one in call.page.comments if one.location == "footer" and not one.parent])


def of_page_inline(call: Call) -> Answer:
    wanted = call.words("resolution-status")
    found = [one for one in call.page.comments if one.anchor and (not wanted or one.resolution in wanted)]
    return _listed(call, found)


def footer(call: Call) -> Json:
    return _shown(call, _of(call, "footer"))


def inline(call: Call) -> Json:
    return _shown(call, _of(call, "inline"))


def footer_replies(call: Call) -> Answer:
    return _replies(call, _of(call, "footer"))


def inline_replies(call: Call) -> Answer:
    return _replies(call, _of(call, "inline"))


def create_footer(call: Call) -> Answer:
    given = call.only(call.given, "pageId", "parentCommentId", "body")
    page, parent = _target(call, given, "footer")
    body = bodies.of_v2(call, given.get("body"))
    made = deeds.comment(call.site, call.me, page, body, parent)
    return Answer(call.single(cloud_shapes.comment(made, body=True)), 201)


def create_inline(call: Call) -> Answer:
    """Puts a marker around the words, which is no new version of the page."""
    given = call.only(call.given, "pageId", "parentCommentId", "body", "inlineCommentProperties")
    page, parent = _target(call, given, "inline")
    body = bodies.of_v2(call, given.get("body"))
    if parent:
        made = deeds.comment(call.site, call.me, page, body, parent)
    else:
        selection, total, index = _selection(call, given.get("inlineCommentProperties"))
        made = deeds.comment_inline(call.site, call.me, page, body, selection, index, total)
    return Answer(call.single(cloud_shapes.comment(made, body=True)), 201)


def update_footer(call: Call) -> Json:
    given = call.only(call.given, "version", "body", "_links")
    return _edited(call, _own(call, _of(call, "footer")), given)


def update_inline(call: Call) -> Json:
    given = call.only(call.given, "version", "body", "resolved")
    one = _of(call, "inline")
    if "body" not in given and isinstance(given.get("resolved"), bool):
        call.next_version(given.get("version"), one.now.number)
        deeds.resolve_comment(call.site, one, on=given["resolved"])
        return _shown(call, one)
    return _edited(call, _own(call, one), given)


def delete_footer(call: Call) -> Answer:
    return _deleted(call, _of(call, "footer"))


def delete_inline(call: Call) -> Answer:
    return _deleted(call, _of(call, "inline"))


def may_delete(call: Call, one: Comment) -> bool:
    return one.author is call.me or one.page.space.allows(call.me, "administer")


def _of(call: Call, location: str) -> Comment:
    one = call.comment
    if one.location != location:
        raise no_content(one.id)
    return one


def _own(call: Call, one: Comment) -> Comment:
    if one.author is not call.me:
        raise forbidden("Only its author may edit a comment.")
    return one


def _target(call: Call, given: Json, location: str) -> tuple[Page, Comment | None]:
    """The page, or the comment that is replied to: one of the two."""
    if ("pageId" in given) == ("parentCommentId" in given):
        raise invalid("Either pageId or parentCommentId has to be given.")
    parent = call.comment_named(given["parentCommentId"]) if "parentCommentId" in given else None
    page = parent.page if parent else call.page_named(given["pageId"])
    if parent and parent.location != location:
        raise no_content(parent.id)
    if page.status != "current":
        raise no_content(page.id)
    if not page.space.allows(call.me, "comment"):
        raise Refused(403, "You do not have permission to comment on this page.")
    return page, parent


def _selection(call: Call, given: Any) -> tuple[str, int, int]:
    """The words, how often they stand on the page, and which one is meant, counted from 0."""
    names = ("textSelection", "textSelectionMatchCount", "textSelectionMatchIndex")
    told = call.only(given, *names)
    words, total, index = (told.get(name) for name in names)
    if not isinstance(words, str) or not isinstance(total, int) or not isinstance(index, int):
        raise invalid(f"inlineCommentProperties needs {', '.join(names)}.")
    if index >= total:
        raise invalid("textSelectionMatchCount has to be greater than textSelectionMatchIndex.")
    return words, total, index


def _edited(call: Call, one: Comment, given: Json) -> Json:
    call.next_version(given.get("version"), one.now.number)
    deeds.edit_comment(call.site, call.me, one, bodies.of_v2(call, given.get("body")))
    return call.single(cloud_shapes.comment(one, body=True))


def _deleted(call: Call, one: Comment) -> Answer:
    if not may_delete(call, one):
        raise forbidden("You do not have permission to delete this comment.")
    deeds.delete_comment(call.site, call.me, one)
    return NO_CONTENT


def _shown(call: Call, one: Comment) -> Json:
    return call.single(cloud_shapes.comment(one, body=call.with_body()))


def _replies(call: Call, parent: Comment) -> Answer:
    return _listed(call, [one for one in parent.page.comments if one.parent is parent])


def _listed(call: Call, found: list[Comment]) -> Answer:
    sort, body = call.first("sort") or "created-date", call.with_body()
    if sort not in ORDERS:
        raise invalid(f"Provided value {{{sort}}} for 'sort' is not valid.")
    ordered = sorted(found, key=lambda one: one.created if "created" in sort else one.now.at)
    if sort.startswith("-"):
        ordered.reverse()
    return call.v2_page(ordered, lambda one: cloud_shapes.comment(one, body=body))
