"""Remote links: one for each `globalId`, the last one written counts, and what it leaves out is gone."""

from typing import Any
from urllib.parse import urlsplit

from bot.sandbox.jira import deeds, shapes
from bot.sandbox.jira.api.call import NO_CONTENT, Answer, Call, an_object, words_or_nothing
from bot.sandbox.jira.model import Issue, Json, RemoteLink
from bot.sandbox.jira.refusals import INVALID_PAYLOAD, JiraRefusal, refused

LONGEST_ID = 255
LONGEST_TITLE = 255
NO_LINK = "You do not have permission to link issues in this project."
KEYS = ("globalId", "application", "relationship", "object")
OBJECT_KEYS = {"url", "title", "summary", "icon", "status"}


def list_all(call: Call) -> Any:
    """One link, not a list, where `globalId` asks for it."""
    issue, wanted = call.issue, call.query.get("globalId")
    if wanted is None:
        return [shapes.remote_link(call.site, issue, one, call.version) for one in issue.links]
    return shapes.remote_link(call.site, issue, _by_global_id(issue, wanted), call.version)


def one(call: Call) -> Json:
    return shapes.remote_link(call.site, call.issue, _by_id(call, call.issue), call.version)


def put(call: Call) -> Answer:
    """201 for a new link, 200 for one that was there."""
    given = call.only(*KEYS)
    issue = call.permitted("LINK_ISSUES", NO_LINK)
    told = _checked(given)
    relationship, application = (
        words_or_nothing(given.get("relationship")),
        an_object(given.get("application")),
    )
    before = next(
        (one for one in issue.links if one.global_id and one.global_id == given.get("globalId")), None
    )
    link = before or RemoteLink(call.site.next_id("link"), told)
    link.object, link.global_id = told, given.get("globalId")
    link.relationship, link.application = relationship, application
    (deeds.change_link if before else deeds.add_link)(call.site, issue, call.me, link)
    address = shapes.api(call.site, call.version, f"issue/{issue.key}/remotelink/{link.id}")
    return Answer({"id": link.id, "self": address}, 200 if before else 201)


def delete(call: Call) -> Answer:
    issue = call.permitted("LINK_ISSUES", NO_LINK)
    wanted = call.query.get("globalId")
    if wanted is None:
        raise refused(400, "The 'globalId' query parameter is required.")
    deeds.delete_link(call.site, issue, call.me, _by_global_id(issue, wanted))
    return NO_CONTENT


def delete_one(call: Call) -> Answer:
    issue = call.permitted("LINK_ISSUES", NO_LINK)
    deeds.delete_link(call.site, issue, call.me, _by_id(call, issue))
    return NO_CONTENT


def _by_id(call: Call, issue: Issue) -> RemoteLink:
    for link in issue.links:
        if str(link.id) == call.parts["link"]:
            return link
    raise refused(404, f"A remote issue link with the id '{call.parts['link']}' does not exist.")


def _by_global_id(issue: Issue, wanted: str) -> RemoteLink:
    for link in issue.links:
        if link.global_id == wanted:
            return link
    raise refused(404, f"A remote issue link with the global id '{wanted}' does not exist.")


def _checked(given: Json) -> Json:
    """The link's `object`, with null for what it does not say."""
    told = given.get("object")
    if not isinstance(told, dict) or set(told) - OBJECT_KEYS:
        raise refused(400, INVALID_PAYLOAD)
    errors = _errors(given.get("globalId"), told)
    if errors:
        raise JiraRefusal(400, {"errorMessages": [], "errors": errors})
    summary = words_or_nothing(told.get("summary"))
    shown = {"url": told["url"], "title": told["title"], "summary": summary}
    return shown | {"icon": told.get("icon") or {}, "status": told.get("status") or {"icon": {}}}


def _errors(global_id: Any, told: Json) -> dict[str, str]:
    errors: dict[str, str] = {}
    if global_id is not None and (not isinstance(global_id, str) or len(global_id) > LONGEST_ID):
        errors["globalId"] = "'globalId' is too long. The maximum length is 255 characters."
    if not isinstance(told.get("title"), str) or not told["title"].strip():
        errors["title"] = "'title' is required."
    elif len(told["title"]) > LONGEST_TITLE:
        errors["title"] = "'title' is too long. The maximum length is 255 characters."
    if not told.get("url"):
        errors["url"] = "'url' is required."
    for name, address in _addresses(told).items():
        if address and not _is_address(address):
            errors[name] = f"'{name}' is not a valid URL."
    return errors


def _addresses(told: Json) -> Json:
    icon, status_icon = an_object(told.get("icon")), an_object(an_object(told.get("status")).get("icon"))
    return {
        "url": told.get("url"),
        "iconUrl": icon.get("url16x16"),
        "statusIconUrl": status_icon.get("url16x16"),
        "statusIconLink": status_icon.get("link"),
    }


def _is_address(address: Any) -> bool:
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
    except ValueError:
        return False
    return parts is not None and bool(parts.scheme and parts.netloc) and " " not in str(address)
