"""v2: content properties of pages and comments, each with a version of its own."""

from typing import Any

from bot.sandbox.confluence import cloud_shapes, deeds
from bot.sandbox.confluence.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.confluence.model import Comment, Json, Page, Property
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid, no_content

LONGEST_KEY = 255
TAKEN = "A property with the key '{key}' already exists for this content."


def of_page(call: Call) -> Answer:
    return _listed(call, call.page)


def of_comment(call: Call) -> Answer:
    return _listed(call, call.comment)


def page_property(call: Call) -> Json:
    return cloud_shapes.property_of(_named(call, call.page))


def comment_property(call: Call) -> Json:
    return cloud_shapes.property_of(_named(call, call.comment))


def create_on_page(call: Call) -> Json:
    return _create(call, call.editable(call.page))


def create_on_comment(call: Call) -> Json:
    return _create(call, _own(call))


def update_on_page(call: Call) -> Json:
    return _update(call, call.editable(call.page))


def update_on_comment(call: Call) -> Json:
    return _update(call, _own(call))


def delete_on_page(call: Call) -> Answer:
    return _delete(call, call.editable(call.page))


def delete_on_comment(call: Call) -> Answer:
    return _delete(call, _own(call))


def checked_key(given: Any) -> str:
    if not isinstance(given, str) or not given or len(given) > LONGEST_KEY:
        raise invalid(f"key is required and has at most {LONGEST_KEY} characters.")
    return given


def _own(call: Call) -> Comment:
    one = call.comment
    if one.author is not call.me:
        raise forbidden("Only its author may edit a comment.")
    return one


def _listed(call: Call, owner: Page | Comment) -> Answer:
    wanted = call.first("key")
    found = [one for one in owner.properties.values() if wanted in (None, one.key)]
    return call.v2_page(found, cloud_shapes.property_of)


def _named(call: Call, owner: Page | Comment) -> Property:
    number = call.checked_id(call.parts["property"])
    for one in owner.properties.values():
        if one.id == number:
            return one
    raise no_content(number)


def _create(call: Call, owner: Page | Comment) -> Json:
    given = call.only(call.given, "key", "value")
    key = checked_key(given.get("key"))
    if "value" not in given:
        raise invalid("value is required.")
    if key in owner.properties:
        raise Refused(409, TAKEN.format(key=key))
    return cloud_shapes.property_of(deeds.set_property(call.site, call.me, owner, key, given["value"]))


def _update(call: Call, owner: Page | Comment) -> Json:
    """The key stays as it is."""
    one, given = _named(call, owner), call.only(call.given, "key", "value", "version")
    if given.get("key") != one.key or "value" not in given:
        raise invalid("key and value are required, and the key cannot be changed.")
    call.next_version(call.only(given.get("version"), "number", "message"), one.number)
    return cloud_shapes.property_of(deeds.set_property(call.site, call.me, owner, one.key, given["value"]))


def _delete(call: Call, owner: Page | Comment) -> Answer:
    deeds.delete_property(call.site, call.me, owner, _named(call, owner).key)
    return NO_CONTENT
