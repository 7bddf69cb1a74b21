"""Jira's JSON of people, projects, issues and what hangs on them, as Cloud or Data Center shows it to somebody.

`version` is the API's: in 3 texts are ADF, in 2 wiki text. Webhooks use version 2.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.sandbox.jira import texts
from bot.sandbox.jira.model import (
    CATEGORIES,
    Change,
    Comment,
    Issue,
    Json,
    Named,
    Person,
    Project,
    RemoteLink,
    Role,
    Site,
    Status,
    Transition,
    Version,
)

CRITERIA = "customfield_10042"
CRITERIA_NAME = "Acceptance criteria"
AVATAR_SIZES = ("48x48", "24x24", "16x16", "32x32")
THIN = ("summary", "issuetype", "project", "assignee", "priority", "status")

FIELDS: dict[str, tuple[str, str]] = {  # id -> (name, type); `*` before a type: a list of it
    "summary": ("Summary", "string"),
    "description": ("Description", "string"),
    "issuetype": ("Issue Type", "issuetype"),
    "project": ("Project", "project"),
    "status": ("Status", "status"),
    "priority": ("Priority", "priority"),
    "resolution": ("Resolution", "resolution"),
    "labels": ("Labels", "*string"),
    "components": ("Components", "*component"),
    "fixVersions": ("Fix versions", "*version"),
    "assignee": ("Assignee", "user"),
    "reporter": ("Reporter", "user"),
    "creator": ("Creator", "user"),
    "created": ("Created", "datetime"),
    "updated": ("Updated", "datetime"),
    "resolutiondate": ("Resolved", "datetime"),
    "security": ("Security Level", "securitylevel"),
    "comment": ("Comment", "comments-page"),
    "issuelinks": ("Linked Issues", "*issuelinks"),
    "environment": ("Environment", "string"),
    CRITERIA: (CRITERIA_NAME, "string"),
}


def moment(at: datetime | None) -> str | None:
    """ISO 8601 with milliseconds and an offset that has no colon."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000" if at else None


def api(site: Site, version: int, path: str) -> str:
    return f"{site.url}/rest/api/{version}/{path}"


def browse(site: Site, issue: Issue) -> str:
    return f"{site.url}/browse/{issue.key}"


def person(site: Site, who: Person | None, reader: Person | None = None, version: int = 2) -> Json | None:
    """Cloud keeps e-mail addresses to their owners."""
    if who is None:
        return None
    shown = {
        "avatarUrls": dict.fromkeys(AVATAR_SIZES, f"{site.state.url}/sandbox/static/icon.svg"),
        "displayName": who.display_name,
        "active": True,
        "timeZone": who.time_zone,
    }
    if not site.cloud:
        address = api(site, version, f"user?username={quote(who.name)}")
        names = {"self": address, "name": who.name, "key": who.key, "emailAddress": who.email}
        return names | shown
    own = {"emailAddress": who.email} if who is reader else {}
    address = api(site, version, f"user?accountId={quote(who.account_id, safe='')}")
    return {"self": address, "accountId": who.account_id, "accountType": who.kind} | own | shown


def groups(site: Site, who: Person) -> list[Json]:
    return [group(site, name) for name in who.groups]


def group(site: Site, name: str) -> Json:
    shown = {"name": name, "self": api(site, 2, f"group?groupname={quote(name)}")}
    return shown | {"groupId": group_id(name)} if site.cloud else shown


def group_id(name: str) -> str:
    """Stands for the id that Cloud gives a group."""
    digits = name.encode().hex().ljust(32, "0")[:32]
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def named(site: Site, kind: str, one: Named | None, version: int = 2) -> Json | None:
    """A priority, resolution, issue type or component."""
    if one is None:
        return None
    return {
        "self": api(site, version, f"{kind}/{one.id}"),
        "id": one.id,
        "name": one.name,
        "description": one.description,
    }


def issue_type(site: Site, one: Named, version: int = 2) -> Json:
    shown = named(site, "issuetype", one, version) or {}
    return shown | {"iconUrl": f"{site.url}/images/icons/issuetypes/{one.id}.svg", "subtask": False}


def priority(site: Site, one: Named | None, version: int = 2) -> Json | None:
    if one is None:
        return None
    address = api(site, version, f"priority/{one.id}")
    return {
        "self": address,
        "iconUrl": f"{site.url}/images/icons/priorities/{one.name.lower()}.svg",
        "name": one.name,
        "id": one.id,
    }


def status(site: Site, one: Status, version: int = 2) -> Json:
    facts = CATEGORIES[one.category]
    category = {
        "self": api(site, version, f"statuscategory/{facts.id}"),
        "id": facts.id,
        "key": one.category,
        "colorName": facts.color,
        "name": facts.name,
    }
    return {
        "self": api(site, version, f"status/{one.id}"),
        "description": "",
        "iconUrl": f"{site.url}/",
        "name": one.name,
        "id": one.id,
        "statusCategory": category,
    }


def version_of(site: Site, project: Project, one: Version, version: int = 2) -> Json:
    shown = {
        "self": api(site, version, f"version/{one.id}"),
        "id": one.id,
        "description": one.description,
        "name": one.name,
        "archived": False,
        "released": one.released,
        "projectId": int(project.id),
    }
    return shown | ({"releaseDate": one.release_date} if one.release_date else {})


def project(site: Site, one: Project, version: int = 2) -> Json:
    return {
        "self": api(site, version, f"project/{one.id}"),
        "id": one.id,
        "key": one.key,
        "name": one.name,
        "projectTypeKey": "software",
        "avatarUrls": dict.fromkeys(AVATAR_SIZES, f"{site.state.url}/sandbox/static/icon.svg"),
    }


def whole_project(site: Site, one: Project, reader: Person | None, version: int) -> Json:
    return project(site, one, version) | {
        "description": "",
        "lead": person(site, one.lead, reader, version),
        "components": [named(site, "component", part, version) for part in one.components],
        "issueTypes": [issue_type(site, kind, version) for kind in site.types],
        "versions": [version_of(site, one, release, version) for release in one.versions],
        "roles": role_addresses(site, one, version),
    }


def role_addresses(site: Site, one: Project, version: int) -> dict[str, str]:
    return {role.name: api(site, version, f"project/{one.id}/role/{role.id}") for role in one.roles}


def role(site: Site, of: Project, one: Role, version: int) -> Json:
    people = [_user_actor(site, one, number, who) for number, who in enumerate(one.people)]
    members = [_group_actor(site, one, number, name) for number, name in enumerate(one.groups, len(people))]
    return {
        "self": api(site, version, f"project/{of.id}/role/{one.id}"),
        "name": one.name,
        "id": one.id,
        "description": one.description,
        "actors": people + members,
    }


def _user_actor(site: Site, one: Role, number: int, who: Person) -> Json:
    shown = {
        "id": one.id * 100 + number,
        "displayName": who.display_name,
        "type": "atlassian-user-role-actor",
    }
    return shown | ({"actorUser": {"accountId": who.account_id}} if site.cloud else {"name": who.name})


def _group_actor(site: Site, one: Role, number: int, name: str) -> Json:
    shown = {"id": one.id * 100 + number, "displayName": name, "type": "atlassian-group-role-actor"}
    if not site.cloud:
        return shown | {"name": name}
    named_group = {"displayName": name, "groupId": group_id(name), "name": name}
    return shown | {"name": name, "actorGroup": named_group}


def field(key: str) -> Json:
    name = FIELDS[key][0]
    return {
        "id": key,
        "key": key,
        "name": name,
        "custom": key == CRITERIA,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": ["cf[10042]", name] if key == CRITERIA else [key],
        "schema": schema(key),
    }


def schema(key: str) -> Json:
    kind = FIELDS[key][1]
    if kind.startswith("*"):
        return {"type": "array", "items": kind[1:], "system": key}
    if key == CRITERIA:
        custom = "com.atlassian.jira.plugin.system.customfieldtypes:textarea"
        return {"type": kind, "custom": custom, "customId": 10042}
    return {"type": kind, "system": key}


def issue(
    site: Site, one: Issue, reader: Person | None, version: int, wanted: Iterable[str] | None = None
) -> Json:
    """`wanted`: field ids, all when None."""
    fields = issue_fields(site, one, reader, version)
    chosen = fields if wanted is None else {key: fields[key] for key in wanted if key in fields}
    return {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": one.id,
        "self": api(site, version, f"issue/{one.id}"),
        "key": one.key,
        "fields": chosen,
    }


def issue_fields(site: Site, one: Issue, reader: Person | None, version: int) -> Json:
    reporter = person(site, one.reporter, reader, version)
    comments = [one_comment for one_comment in one.comments if may_read(one, one_comment, reader)]
    return {
        "summary": one.summary,
        "description": texts.shown(one.description, version),
        "issuetype": issue_type(site, one.type, version),
        "project": project(site, one.project, version),
        "status": status(site, one.status, version),
        "priority": priority(site, one.priority, version),
        "resolution": named(site, "resolution", one.resolution, version),
        "resolutiondate": moment(one.resolved),
        "labels": list(one.labels),
        "components": [named(site, "component", part, version) for part in one.components],
        "fixVersions": [version_of(site, one.project, release, version) for release in one.fix_versions],
        "versions": [],
        "assignee": person(site, one.assignee, reader, version),
        "reporter": reporter,
        "creator": reporter,
        "created": moment(one.created),
        "updated": moment(one.updated),
        "security": security(site, one, version),
        "issuelinks": [],
        "subtasks": [],
        "attachment": [],
        "environment": None,
        "duedate": None,
        CRITERIA: texts.shown(one.criteria, version),
        "comment": {
            "comments": [comment(site, one, each, reader, version) for each in comments],
            "maxResults": len(comments),
            "total": len(comments),
            "startAt": 0,
        },
    }


def thin_issue(site: Site, one: Issue) -> Json:
    """What Cloud sends along with a comment."""
    fields = issue_fields(site, one, None, 2)
    return {
        "id": one.id,
        "self": api(site, 2, one.id),
        "key": one.key,
        "fields": {key: fields[key] for key in THIN},
    }


def security(site: Site, one: Issue, version: int) -> Json | None:
    if one.security is None:
        return None
    level = one.security
    address = api(site, version, f"securitylevel/{level.id}")
    return {"self": address, "id": level.id, "description": "", "name": level.name}


def may_read(one: Issue, note: Comment, reader: Person | None) -> bool:
    """A comment for a role or group is read by its members, and by its author."""
    if note.visibility is None or reader is note.author:
        return True
    if reader is None:
        return False
    if note.visibility["type"] == "group":
        return note.visibility["value"] in reader.groups
    role_named = one.project.role(note.visibility["value"])
    return role_named is not None and role_named.has(reader)


def comment(
    site: Site, of: Issue, one: Comment, reader: Person | None, version: int, properties: bool = False
) -> Json:
    shown: Json = {
        "self": api(site, version, f"issue/{of.id}/comment/{one.id}"),
        "id": one.id,
        "author": person(site, one.author, reader, version),
        "body": texts.shown(one.body, version),
        "updateAuthor": person(site, one.update_author, reader, version),
        "created": moment(one.created),
        "updated": moment(one.updated),
    }
    if one.visibility:
        shown["visibility"] = dict(one.visibility)
    if site.cloud:
        shown["jsdPublic"] = True
    if properties:
        shown["properties"] = [{"key": key, "value": value} for key, value in one.properties.items()]
    return shown


def remote_link(site: Site, of: Issue, one: RemoteLink, version: int) -> Json:
    address = api(site, version, f"issue/{of.key}/remotelink/{one.id}")
    shown: Json = {"id": one.id, "self": address, "application": one.application, "object": one.object}
    if one.global_id is not None:
        shown["globalId"] = one.global_id
    if one.relationship is not None:
        shown["relationship"] = one.relationship
    return shown


def change(site: Site, one: Change, reader: Person | None, version: int) -> Json:
    return {
        "id": one.id,
        "author": person(site, one.author, reader, version),
        "created": moment(one.created),
        "items": [dict(item) for item in one.items],
    }


def transition(site: Site, one: Transition, version: int, fields: bool) -> Json:
    shown: Json = {
        "id": one.id,
        "name": one.name,
        "to": status(site, one.to, version),
        "hasScreen": bool(one.screen),
        "isGlobal": not one.sources,
        "isInitial": False,
        "isConditional": False,
    }
    if fields:
        shown["fields"] = {
            key: meta(site, None, key, required, version) for key, required in one.screen.items()
        }
    return shown


def meta(site: Site, of: Project | None, key: str, required: bool, version: int) -> Json:
    """What a screen says of one field."""
    kind = schema(key)
    shown: Json = {
        "required": required,
        "schema": kind,
        "name": FIELDS[key][0],
        "key": key,
        "hasDefaultValue": False,
        "operations": ["add", "set", "remove"] if kind["type"] == "array" else ["set"],
    }
    values = _allowed_values(site, of, key, version)
    return shown if values is None else shown | {"allowedValues": values}


def _allowed_values(site: Site, of: Project | None, key: str, version: int) -> list[Any] | None:
    match key:
        case "priority":
            return [priority(site, one, version) for one in site.priorities]
        case "resolution":
            return [named(site, "resolution", one, version) for one in site.resolutions]
        case "components" if of:
            return [named(site, "component", one, version) for one in of.components]
        case "fixVersions" if of:
            return [version_of(site, of, one, version) for one in of.versions]
    return None
