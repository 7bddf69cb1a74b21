"""Projects, their components and roles, and the lists of the whole instance."""

from typing import Any

from bot.sandbox.jira import shapes
from bot.sandbox.jira.api.call import Call
from bot.sandbox.jira.model import PERMISSIONS, Json, Project
from bot.sandbox.jira.refusals import refused

PAGE = 50
GLOBAL = ("ADMINISTER", "USER_PICKER")


def server_info(call: Call) -> Json:
    version = call.site.version
    numbers = [int(part) for part in version.split("-")[0].split(".")]
    return {
        "baseUrl": call.site.url,
        "version": version,
        "versionNumbers": numbers,
        "deploymentType": "Cloud" if call.site.cloud else "Server",
        "buildNumber": 100_287,
        "serverTitle": "Jira",
    }


def my_permissions(call: Call) -> Json:
    """Cloud wants to be told which."""
    wanted = call.words("permissions") or ([] if call.site.cloud else list(PERMISSIONS))
    if not wanted:
        raise refused(400, "The 'permissions' query parameter is required.")
    unknown = [one for one in wanted if one not in (*PERMISSIONS, *GLOBAL)]
    if unknown:
        raise refused(400, f"Unrecognized permission '{unknown[0]}'")
    return {"permissions": {key: _permission(call, key) for key in wanted}}


def _permission(call: Call, key: str) -> Json:
    shown = {"id": key, "key": key, "name": key.replace("_", " ").title(), "type": "PROJECT"}
    return shown | {"description": "", "havePermission": _has(call, key)}


def _has(call: Call, key: str) -> bool:
    """In the project or issue named, or in any project."""
    if key == "ADMINISTER":
        return call.user is not None and call.user.admin
    if key == "USER_PICKER":
        return call.user is not None
    if "issueKey" in call.query:
        return call.issue_named(call.query["issueKey"]).project.allows(call.user, key)
    if "projectKey" in call.query:
        return call.project_named(call.query["projectKey"]).allows(call.user, key)
    return any(project.allows(call.user, key) for project in call.site.projects)


def search(call: Call) -> Json:
    wanted, text = call.words("keys"), call.query.get("query", "").lower()
    found = [
        one
        for one in _readable(call)
        if (not wanted or one.key in wanted) and (text in one.key.lower() or text in one.name.lower())
    ]
    return call.page(found, lambda one: shapes.project(call.site, one, call.version), "values", PAGE)


def list_all(call: Call) -> list[Json]:
    return [shapes.project(call.site, one, call.version) for one in _readable(call)]


def one(call: Call) -> Json:
    return shapes.whole_project(call.site, call.project, call.user, call.version)


def components(call: Call) -> list[Any]:
    return [shapes.named(call.site, "component", part, call.version) for part in call.project.components]


def roles(call: Call) -> Json:
    return shapes.role_addresses(call.site, call.project, call.version)


def role(call: Call) -> Json:
    """Who is in it: only for those who administer the project, or Jira."""
    project = call.project
    if not (call.me.admin or project.allows(call.me, "ADMINISTER_PROJECTS")):
        raise refused(
            403, "You must be an administrator of this project or of Jira to see its roles' members."
        )
    for one_role in project.roles:
        if str(one_role.id) == call.parts["role"]:
            return shapes.role(call.site, project, one_role, call.version)
    raise refused(404, f"Can not find a role with the id: {call.parts['role']}")


def priorities(call: Call) -> list[Any]:
    return [shapes.priority(call.site, one, call.version) for one in call.site.priorities]


def search_priorities(call: Call) -> Json:
    return call.page(
        call.site.priorities, lambda one: shapes.priority(call.site, one, call.version), "values", PAGE
    )


def fields(call: Call) -> list[Json]:
    return [shapes.field(key) for key in shapes.FIELDS]


def statuses(call: Call) -> list[Json]:
    """Of each issue type; here every type has the same workflow."""
    shown = [shapes.status(call.site, one, call.version) for one in call.project.statuses]
    return [shapes.issue_type(call.site, one, call.version) | {"statuses": shown} for one in call.site.types]


def _readable(call: Call) -> list[Project]:
    return [one for one in call.site.projects if one.allows(call.user, "BROWSE_PROJECTS")]
