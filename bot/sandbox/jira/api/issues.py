"""Issues: reading, editing, moving through the workflow, properties, and the search."""

from typing import Any

from bot.sandbox.jira import deeds, fields, jql, shapes
from bot.sandbox.jira.api.call import NO_CONTENT, Answer, Call, words_or_nothing
from bot.sandbox.jira.jql import QueryRefused
from bot.sandbox.jira.model import Issue, Json, Project
from bot.sandbox.jira.refusals import INVALID_PAYLOAD, JiraRefusal, refused

UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
NO_EDIT = "You do not have permission to edit issues in this project."
SEARCH_KEYS = (
    "jql",
    "nextPageToken",
    "maxResults",
    "fields",
    "expand",
    "properties",
    "fieldsByKeys",
    "failFast",
    "reconcileIssues",
)
PAGE = 50
MOST = 5_000
MOST_CHANGES = 100
EVERYTHING = ("*all", "*navigable")


def one(call: Call) -> Json:
    issue = call.issue
    shown = shapes.issue(call.site, issue, call.user, call.version, _wanted(call.words("fields") or None))
    if "changelog" in call.words("expand"):
        shown["changelog"] = _whole_history(call, issue)
    return shown


def changelog(call: Call) -> Json:
    """Cloud's page of changes, oldest first."""
    return call.page(
        call.issue.history,
        lambda change: shapes.change(call.site, change, call.user, call.version),
        "values",
        MOST_CHANGES,
    )


def edit(call: Call) -> Answer:
    given = call.only("fields", "update", "properties", "historyMetadata", "transition")
    issue = call.permitted("EDIT_ISSUES", NO_EDIT)
    values = fields.resolved(
        call.site,
        issue,
        call.version,
        _screen(issue.project),
        given.get("fields", {}),
        given.get("update", {}),
    )
    deeds.edit(call.site, issue, call.me, values)
    return NO_CONTENT


def edit_meta(call: Call) -> Json:
    issue = call.permitted("EDIT_ISSUES", NO_EDIT)
    screen = _screen(issue.project)
    return {
        "fields": {
            key: shapes.meta(call.site, issue.project, key, key == "summary", call.version) for key in screen
        }
    }


def transitions(call: Call) -> Json:
    issue, expanded = call.issue, "transitions.fields" in call.words("expand")
    allowed = issue.project.allows(call.user, "TRANSITION_ISSUES")
    found = issue.transitions() if allowed else []
    wanted = call.query.get("transitionId")
    return {
        "expand": "transitions",
        "transitions": [
            shapes.transition(call.site, each, call.version, expanded)
            for each in found
            if wanted in (None, each.id)
        ],
    }


def move(call: Call) -> Answer:
    given = call.only("transition", "fields", "update", "historyMetadata", "properties")
    issue = call.issue
    number = _transition_id(given.get("transition"))
    allowed = issue.project.allows(call.user, "TRANSITION_ISSUES")
    found = next((one for one in issue.transitions() if one.id == number and allowed), None)
    if found is None:
        raise refused(400, f"Transition id '{number}' is not valid for this issue.")
    values = fields.resolved(
        call.site, issue, call.version, found.screen, given.get("fields", {}), given.get("update", {})
    )
    deeds.move(call.site, issue, call.me, found, values)
    return NO_CONTENT


def search_removed(call: Call) -> Answer:
    raise refused(410, REMOVED)


def search_jql(call: Call) -> Json:
    """Cloud's search: a token instead of a number of where to go on, and ids only unless `fields` asks for more."""
    asked = _asked(call, SEARCH_KEYS)
    size = _size(asked.get("maxResults", PAGE), least=1)
    query = _query(call, asked.get("jql"))
    if query.test is None:
        raise refused(400, UNBOUNDED)
    start = _start(asked.get("nextPageToken"))
    found = [one for one in query.of(call.site.issues) if one.seen_by(call.user)]
    names = asked.get("fields")
    page: Json = {"issues": [_hit(call, one, names) for one in found[start : start + size]]}
    page["isLast"] = start + size >= len(found)
    return page | ({} if page["isLast"] else {"nextPageToken": f"page-{start + size}"})


def search(call: Call) -> Json:
    """Data Center's search."""
    asked = _asked(call, ("jql", "startAt", "maxResults", "fields", "expand", "validateQuery"))
    start, size = _size(asked.get("startAt", 0)), _size(asked.get("maxResults", PAGE))
    query = _query(call, asked.get("jql"))
    found = [one for one in query.of(call.site.issues) if one.seen_by(call.user)]
    names = asked.get("fields") or ["*all"]
    return {
        "expand": "schema,names",
        "startAt": start,
        "maxResults": size,
        "total": len(found),
        "issues": [_hit(call, one, names) for one in found[start : start + size]],
    }


def _screen(project: Project) -> dict[str, bool]:
    return dict.fromkeys(sorted(project.screen), False)


def _whole_history(call: Call, issue: Issue) -> Json:
    """Cloud tells the newest change first, Data Center the oldest."""
    changes = issue.history[::-1] if call.site.cloud else issue.history
    shown = [shapes.change(call.site, each, call.user, call.version) for each in changes[:MOST_CHANGES]]
    return {"startAt": 0, "maxResults": len(shown), "total": len(changes), "histories": shown}


def _wanted(names: list[str] | None) -> list[str] | None:
    """Field ids, None for all; "-x" takes one from all."""
    if names is None or any(name in EVERYTHING for name in names):
        left_out = {name[1:] for name in names or [] if name.startswith("-")}
        return [key for key in shapes.FIELDS if key not in left_out] if left_out else None
    if all(name.startswith("-") for name in names):
        return [key for key in shapes.FIELDS if f"-{key}" not in names]
    return names


def _hit(call: Call, issue: Issue, names: list[str] | None) -> Json:
    if not names or names == ["id"]:
        return {"id": issue.id}
    return shapes.issue(call.site, issue, call.user, call.version, _wanted(names))


def _transition_id(given: Any) -> str:
    if not isinstance(given, dict) or "id" not in given:
        raise refused(400, "Missing 'transition' identifier")
    if not str(given["id"]).isdigit():
        raise refused(400, "'transition' identifier must be an integer")
    return str(given["id"])


def _asked(call: Call, known: tuple[str, ...]) -> Json:
    """The parameters of a search, from the query or from the body of a POST, which has no unknown ones."""
    if call.body is not None:
        asked = dict(call.only(*known))
    else:
        asked = {key: value for key, value in call.query.items() if key in known}
        if "fields" in asked:
            asked["fields"] = call.words("fields")
    names = asked.get("fields") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise refused(400, INVALID_PAYLOAD)
    for key in ("jql", "nextPageToken"):
        words_or_nothing(asked.get(key))
    return asked


def _size(given: Any, least: int = 0) -> int:
    try:
        size = int(given)
    except (TypeError, ValueError):
        raise refused(400, INVALID_PAYLOAD) from None
    if isinstance(given, bool) or not least <= size <= MOST:
        raise refused(400, f"The value must be between {least} and {MOST}.")
    return size


def _start(token: str | None) -> int:
    if token is None:
        return 0
    number = token.removeprefix("page-")
    if number == token or not number.isdigit():
        raise refused(400, "The provided next page token is invalid or expired.")
    return int(number)


def _query(call: Call, text: str | None) -> jql.Query:
    try:
        return jql.parsed(call.site, call.user, text or "")
    except QueryRefused as error:
        raise JiraRefusal(400, {"errorMessages": [str(error)], "errors": {}}) from None
