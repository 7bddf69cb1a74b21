"""Comments. Cloud takes their properties along with them; Data Center passes those over."""

from typing import Any

from bot.sandbox.jira import deeds, shapes
from bot.sandbox.jira.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.jira.api.properties import NOT_YOURS, checked
from bot.sandbox.jira.model import Comment, Issue, Json
from bot.sandbox.jira.refusals import INVALID_PAYLOAD, refused

PAGE = {"cloud": 100, "datacenter": 1_048_576}
ORDERS = {"created": False, "+created": False, "-created": True}
KEYS = (
    "body",
    "visibility",
    "properties",
    "id",
    "self",
    "author",
    "updateAuthor",
    "created",
    "updated",
    "jsdPublic",
)
NO_COMMENT = "You do not have permission to comment on this issue."


def list_all(call: Call) -> Json:
    issue, order = call.issue, call.query.get("orderBy", "created")
    if order not in ORDERS:
        raise refused(400, f"The orderBy value '{order}' is not valid.")
    found = [one for one in issue.comments if shapes.may_read(issue, one, call.user)]
    found.sort(key=lambda one: (one.created, int(one.id)), reverse=ORDERS[order])
    return call.page(found, lambda one: _shown(call, issue, one), "comments", PAGE[call.site.deployment])


def one(call: Call) -> Json:
    return _shown(call, call.issue, call.comment)


def create(call: Call) -> Answer:
    given = call.only(*KEYS)
    issue = call.permitted("ADD_COMMENTS", NO_COMMENT)
    body = call.comment_text(given.get("body"))
    visibility = _visibility(call, issue, given.get("visibility"))
    comment = deeds.add_comment(call.site, issue, call.me, body, visibility, _properties(call, given))
    return Answer(_shown(call, issue, comment), 201)


def update(call: Call) -> Json:
    given = call.only(*KEYS)
    issue, comment = _own(call, "EDIT_OWN_COMMENTS")
    body = call.comment_text(given.get("body"))
    visibility = _visibility(call, issue, given.get("visibility"))
    properties = _properties(call, given)
    comment.visibility = visibility
    comment.properties |= properties
    deeds.edit_comment(call.site, issue, call.me, comment, body)
    return _shown(call, issue, comment)


def delete(call: Call) -> Answer:
    issue, comment = _own(call, "DELETE_OWN_COMMENTS")
    deeds.delete_comment(call.site, issue, call.me, comment)
    return NO_CONTENT


def _own(call: Call, permission: str) -> tuple[Issue, Comment]:
    issue, comment = call.issue, call.comment
    if comment.author is not call.me or not issue.project.allows(call.me, permission):
        raise refused(400, NOT_YOURS)
    return issue, comment


def _shown(call: Call, issue: Issue, comment: Comment) -> Json:
    expanded = "properties" in call.words("expand")
    return shapes.comment(call.site, issue, comment, call.user, call.version, expanded)


def _properties(call: Call, given: Json) -> Json:
    """`[{"key", "value"}]`."""
    pairs = given.get("properties") or []
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) and "key" in pair for pair in pairs):
        raise refused(400, INVALID_PAYLOAD)
    values = {str(pair["key"]): checked(str(pair["key"]), pair.get("value")) for pair in pairs}
    return values if call.site.cloud else {}


def _visibility(call: Call, issue: Issue, given: Any) -> Json | None:
    """A role or group that whoever writes is in; by `value`, or on Cloud by `identifier`."""
    if given is None:
        return None
    if not isinstance(given, dict) or given.get("type") not in ("role", "group"):
        raise refused(400, INVALID_PAYLOAD)
    return _role(call, issue, given) if given["type"] == "role" else _group(call, given)


def _role(call: Call, issue: Issue, given: Json) -> Json:
    wanted = given.get("identifier") if call.site.cloud and "identifier" in given else given.get("value")
    found = next((role for role in issue.project.roles if wanted in (role.name, str(role.id))), None)
    if found is None:
        raise refused(400, commentLevel=f"Role: {wanted} does not exist.")
    if not found.has(call.me):
        raise refused(400, commentLevel=f"You are currently not a member of the project role: {found.name}.")
    shown = {"type": "role", "value": found.name}
    return shown | ({"identifier": found.name} if call.site.cloud else {})


def _group(call: Call, given: Json) -> Json:
    wanted = given.get("identifier") if call.site.cloud and "identifier" in given else given.get("value")
    known = {name for person in call.site.people for name in person.groups}
    found = next((name for name in known if wanted in (name, shapes.group_id(name))), None)
    if found is None:
        raise refused(400, commentLevel=f"Group: {wanted} does not exist.")
    if found not in call.me.groups:
        raise refused(400, commentLevel=f"You are currently not a member of the group: {found}.")
    shown = {"type": "group", "value": found}
    return shown | ({"identifier": shapes.group_id(found)} if call.site.cloud else {})
