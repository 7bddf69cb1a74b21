"""Entity properties of issues and comments: JSON of at most 32,768 characters under a key."""

import json
from typing import Any

from bot.sandbox.jira import deeds, shapes
from bot.sandbox.jira.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.jira.model import Json
from bot.sandbox.jira.refusals import refused

LONGEST = 32_768
LONGEST_KEY = 255
NO_EDIT = "You do not have permission to edit issues in this project."
NOT_YOURS = "You do not have the permission for this comment."


def issue_keys(call: Call) -> Json:
    return _keys(call, call.issue.properties, f"issue/{call.issue.id}")


def issue_property(call: Call) -> Json:
    return _one(call, call.issue.properties)


def set_issue_property(call: Call) -> Answer:
    issue = call.permitted("EDIT_ISSUES", NO_EDIT)
    key, value = call.parts["key"], checked(call.parts["key"], call.body)
    status = 200 if key in issue.properties else 201
    deeds.set_property(call.site, issue, call.me, key, value)
    return Answer({}, status)


def delete_issue_property(call: Call) -> Answer:
    issue = call.permitted("EDIT_ISSUES", NO_EDIT)
    _one(call, issue.properties)
    deeds.delete_property(call.site, issue, call.me, call.parts["key"])
    return NO_CONTENT


def comment_keys(call: Call) -> Json:
    return _keys(call, _comment(call)[1].properties, f"comment/{call.parts['comment']}")


def comment_property(call: Call) -> Json:
    return _one(call, _comment(call)[1].properties)


def set_comment_property(call: Call) -> Answer:
    """Only on one's own comments."""
    issue, comment = _own_comment(call)
    key, value = call.parts["key"], checked(call.parts["key"], call.body)
    status = 200 if key in comment.properties else 201
    deeds.set_comment_property(call.site, issue, call.me, comment, key, value)
    return Answer({}, status)


def delete_comment_property(call: Call) -> Answer:
    _, comment = _own_comment(call)
    _one(call, comment.properties)
    del comment.properties[call.parts["key"]]
    return NO_CONTENT


def checked(key: str, value: Any) -> Any:
    """The value, when it may be stored under this key."""
    if not key or len(key) > LONGEST_KEY:
        raise refused(400, "The property key must be between 1 and 255 characters long.")
    if value is None:
        raise refused(400, "The property value is empty or not a valid JSON.")
    if len(json.dumps(value, ensure_ascii=False)) > LONGEST:
        raise refused(400, f"The property value length must be less than {LONGEST} characters.")
    return value


def _comment(call: Call) -> Any:
    """(issue, comment) of the path, which names the comment only."""
    for issue in call.site.issues:
        if issue.seen_by(call.user) and any(one.id == call.parts["comment"] for one in issue.comments):
            return issue, call.comment_of(issue)
    raise refused(404, f"Can not find a comment for the id: {call.parts['comment']}.")


def _own_comment(call: Call) -> Any:
    issue, comment = _comment(call)
    if comment.author is not call.me:
        raise refused(403, NOT_YOURS)
    return issue, comment


def _keys(call: Call, properties: Json, path: str) -> Json:
    address = shapes.api(call.site, call.version, path)
    return {"keys": [{"self": f"{address}/properties/{key}", "key": key} for key in properties]}


def _one(call: Call, properties: Json) -> Json:
    key = call.parts["key"]
    if key not in properties:
        raise refused(404, f"The property with key '{key}' does not exist.")
    return {"key": key, "value": properties[key]}
