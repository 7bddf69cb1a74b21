"""v1: content properties by their key, on Data Center."""

from bot.sandbox.confluence import content_shapes, deeds
from bot.sandbox.confluence.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.confluence.api.properties import TAKEN, checked_key
from bot.sandbox.confluence.model import Comment, Json, Page, Property
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid, no_content


def list_all(call: Call) -> Json:
    owner = _owner(call)
    return call.v1_page(
        list(owner.properties.values()), lambda one: content_shapes.property_of(call.site, one, owner), 10
    )


def one(call: Call) -> Json:
    owner = _owner(call)
    return content_shapes.property_of(call.site, _property(call, owner), owner)


def create(call: Call) -> Json:
    """With the key in the body, or in the path, too."""
    owner, given = _editable(call), call.only(call.given, "key", "value")
    key = checked_key(call.parts.get("key", given.get("key")))
    if given.get("key", key) != key or "value" not in given:
        raise invalid("key and value are required.")
    if key in owner.properties:
        raise Refused(409, TAKEN.format(key=key))
    return _set(call, owner, key)


def update(call: Call) -> Json:
    """A version 1 makes it where it is not there."""
    owner, given = _editable(call), call.only(call.given, "id", "key", "value", "version")
    key = checked_key(call.parts["key"])
    if given.get("key", key) != key or "value" not in given:
        raise invalid("value is required, and the key cannot be changed.")
    before = owner.properties.get(key)
    version = given.get("version")
    if before is None and not (isinstance(version, dict) and version.get("number") == 1):
        raise Refused(404, f"Cannot find property with key : {key}")
    call.next_version(version, before.number if before else 0)
    return _set(call, owner, key)


def delete(call: Call) -> Answer:
    owner = _editable(call)
    deeds.delete_property(call.site, call.me, owner, _property(call, owner).key)
    return NO_CONTENT


def _set(call: Call, owner: Page | Comment, key: str) -> Json:
    made = deeds.set_property(call.site, call.me, owner, key, call.given["value"])
    return content_shapes.property_of(call.site, made, owner)


def _owner(call: Call) -> Page | Comment:
    number = call.parts["id"]
    found = call.site.page(number) or call.site.comment(number)
    page = found.page if isinstance(found, Comment) else found
    if found is None or page is None or not page.seen_by(call.me) or page.status == "trashed":
        raise no_content(number)
    return found


def _editable(call: Call) -> Page | Comment:
    owner = _owner(call)
    allowed = owner.author is call.me if isinstance(owner, Comment) else owner.edited_by(call.me)
    if not allowed:
        raise forbidden(f"Could not update Content with id : {owner.id}")
    return owner


def _property(call: Call, owner: Page | Comment) -> Property:
    key = call.parts["key"]
    if key not in owner.properties:
        raise Refused(404, f"Cannot find property with key : {key}")
    return owner.properties[key]
