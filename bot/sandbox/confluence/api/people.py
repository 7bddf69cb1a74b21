"""v1: people, spaces of Data Center, and what the site says of itself."""

from typing import Any

from bot.sandbox.confluence import content_shapes, shapes
from bot.sandbox.confluence.api.call import Call
from bot.sandbox.confluence.model import Json, Site
from bot.sandbox.confluence.refusals import Refused


def current(call: Call) -> Json:
    return shapes.person(call.site, call.me)


def user(call: Call) -> Json:
    """By `accountId` on Cloud, by `key` or `username` on Data Center."""
    names = {"accountId": "account_id"} if call.site.cloud else {"key": "key", "username": "name"}
    for parameter, attribute in names.items():
        wanted = call.first(parameter)
        if wanted is not None:
            return _found(call, attribute, wanted)
    raise Refused(400, f"One of {', '.join(names)} is required.")


def _found(call: Call, attribute: str, wanted: str) -> Json:
    for one in call.site.people:
        if getattr(one, attribute) == wanted:
            return shapes.person(call.site, one)
    raise Refused(404, f"No user found with {attribute} : {wanted}")


def spaces(call: Call) -> Json:
    keys = call.words("spaceKey")
    found = [one for one in call.site.spaces if one.allows(call.me, "read") and (not keys or one.key in keys)]
    return call.v1_page(found, lambda one: content_shapes.space(call.site, one))


def space(call: Call) -> Json:
    for one in call.site.spaces:
        if one.key == call.parts["key"] and one.allows(call.me, "read"):
            return content_shapes.space(call.site, one)
    raise Refused(404, f"No space found with key : {call.parts['key']}")


def own_tokens(call: Call) -> list[Json]:
    """Data Center's list of the personal access tokens of who asks, without what they are."""
    token = {"id": 1, "name": call.me.name, "createdAt": "2031-01-07T09:00:00.000Z"}
    return [token | ({"expiringAt": call.me.token_expires} if call.me.token_expires else {})]


def manifest(call: Call) -> Json:
    return told_manifest(call.site)


def told_manifest(site: Site) -> Json:
    """What Data Center tells everybody of itself, and nothing else tells."""
    version = {"version": site.center_version, "buildNumber": "9109", "applinksVersion": "10.0.1"}
    return {"name": "Confluence", "typeId": "confluence", "url": site.url} | version


def system_info(call: Call) -> Any:
    if call.site.cloud:
        return {
            "cloudId": "9a1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d",
            "commitHash": "0" * 40,
            "baseUrl": call.site.base,
        }
    return {"version": call.site.center_version, "commitHash": "0" * 40, "baseUrl": call.site.base}
