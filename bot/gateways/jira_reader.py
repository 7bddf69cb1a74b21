"""Reads Jira: issues, comments, roles, histories, what changed of late; Cloud and Data Center look alike after it."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

from bot.domain.issue_commands import NamedBy
from bot.domain.issues import Choices, Issue, IssueComment, IssuePerson, StatusChange
from bot.errors import Forbidden
from bot.gateways.jira_api import JiraApi, issue_path, objects, project_path
from bot.gateways.jira_recent import ChangedIssue, recently_changed
from bot.gateways.jira_roles import roles_of
from bot.gateways.jira_shapes import (
    CommentShape,
    FieldShape,
    FieldsShape,
    HistoryShape,
    IssueShape,
    KeyedShape,
    NamedShape,
    PersonShape,
    TypeStatusesShape,
    shaped,
)
from bot.gateways.jira_texts import mentions, named, plain

FIELDS = (
    "summary,description,status,issuetype,project,labels,components,priority,resolution,assignee,reporter,"
    "security,parent,issuelinks,created,updated"
)
FIELD_ID = re.compile(r"customfield_\d+")
MAX_PROJECTS = 50_000
MAX_COMMENTS = 1_000
MAX_HISTORY = 1_000  # entries that are looked through for changes of the status
MAX_MOVES = 100
MAX_PRIORITIES = 200
NOBODY = IssuePerson(id="", name="")
INTERNAL = "sd.public.comment"


class JiraReader:
    """The port `IssueReader` on Jira. What it read of projects and fields it keeps: an object serves one job.

    `me` is whose mentions count, where another account writes; else the token's own.
    """

    def __init__(self, api: JiraApi, me: NamedBy | None = None) -> None:
        self._api = api
        self._named = me

    def address(self, key: str) -> str:
        return self._api.browse(key)

    def me(self) -> IssuePerson:
        return self._me

    def projects(self) -> frozenset[str]:
        return self._projects

    def issue(self, key: str, fields: Sequence[str] = ()) -> Issue:
        what = f"issue {key}"
        asked = {name: self._field_ids(name) for name in fields}
        more = ",".join(field for ids in asked.values() for field in ids)
        data = self._api.get(issue_path(key), what, fields=f"{FIELDS},{more}" if more else FIELDS)
        return self._issue(shaped(IssueShape, data, what), asked, what)

    def comments(self, key: str) -> Sequence[IssueComment]:
        return [self._comment(one) for one in read_comments(self._api, key)]

    def comment(self, key: str, comment: str) -> IssueComment:
        what = f"comment {comment} of {key}"
        path = f"{issue_path(key)}/comment/{quote(comment, safe='')}"
        return self._comment(shaped(CommentShape, self._api.get(path, what, expand="properties"), what))

    def roles(self, project: str, person: IssuePerson) -> frozenset[str]:
        """Reading them takes the right to administer the project; reading groups, the right to browse users."""
        return roles_of(self._api, project, person)

    def choices(self, project: str, fields: Collection[str]) -> Choices:
        return Choices(
            components=self._components(project) if "component" in fields else (),
            priorities=self._priorities(project) if "priority" in fields else (),
        )

    def project_key(self, number: str) -> str:
        what = f"project {number}"
        return shaped(KeyedShape, self._api.get(project_path(number), what), what).key

    def statuses(self, project: str) -> frozenset[str]:
        what = f"the statuses of {project}"
        types = objects(self._api.get(f"{project_path(project)}/statuses", what), what)
        every = (status for one in types for status in shaped(TypeStatusesShape, one, what).statuses)
        return frozenset(status.label.strip().casefold() for status in every)

    def moved(self, key: str) -> Sequence[StatusChange]:
        entries = [shaped(HistoryShape, one, f"the history of {key}") for one in self._history(key)]
        entries.sort(key=lambda entry: entry.created)
        changes = [
            StatusChange(entry.id, item.to, _person(entry.author), entry.created.isoformat())
            for entry in entries
            for item in entry.items
            if item.field == "status"
        ]
        return changes[-MAX_MOVES:]

    def changed(self, projects: Sequence[str], minutes: int) -> Sequence[ChangedIssue]:
        """Issues of these projects that changed in the last minutes, see `recently_changed`.

        Projects that the token does not see now are left out: one of them would make Jira refuse the whole search.
        """
        seen = self._read_projects()
        return recently_changed(self._api, [key for key in projects if key in seen], minutes)

    @cached_property
    def _me(self) -> IssuePerson:
        what = "the bot's own account"
        return shaped(PersonShape, self._api.get("/myself", what), what).person()

    @cached_property
    def _writer(self) -> NamedBy:
        return self._named or NamedBy(self._me.id, self._me.username, self._me.name)

    @cached_property
    def _projects(self) -> frozenset[str]:
        return self._read_projects()

    def _read_projects(self) -> frozenset[str]:
        what = "the list of projects"
        if self._api.is_cloud:
            data: Any = self._api.newest("/project/search", what, "values", MAX_PROJECTS)
        else:
            data = objects(self._api.get("/project", what), what)
        return frozenset(shaped(KeyedShape, one, what).key for one in data)

    @cached_property
    def _fields(self) -> Sequence[FieldShape]:
        what = "the list of fields"
        return [shaped(FieldShape, one, what) for one in objects(self._api.get("/field", what), what)]

    def _field_ids(self, name: str) -> tuple[str, ...]:
        """The fields meant by an id or a name, which several may share; none where there is no such field."""
        if FIELD_ID.fullmatch(name):
            return (name,)
        word = name.strip().casefold()
        return tuple(
            one.id for one in self._fields if word in (one.id.casefold(), one.name.strip().casefold())
        )

    def _issue(self, found: IssueShape, asked: dict[str, tuple[str, ...]], what: str) -> Issue:
        fields = shaped(FieldsShape, found.fields, what)
        links = (shape.link() for shape in fields.links)
        return Issue(
            id=found.id,
            key=found.key,
            project=fields.project.key,
            type=fields.type.label,
            title=fields.summary,
            description=plain(fields.description),
            status=fields.status.status(),
            url=self._api.browse(found.key),
            labels=fields.labels,
            components=tuple(one.label for one in fields.components),
            priority=_label(fields.priority),
            resolution=_label(fields.resolution),
            assignee=_person(fields.assignee),
            reporter=_person(fields.reporter),
            security=(fields.security.label or fields.security.id) if fields.security else None,
            parent=fields.parent.key if fields.parent else "",
            links=tuple(link for link in links if link),
            fields=dict(self._texts(found.fields, asked)),
            created=_moment(fields.created),
            updated=_moment(fields.updated),
        )

    def _texts(self, fields: dict[str, Any], asked: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
        """The texts of further fields, by the name they were asked for."""
        for name, ids in asked.items():
            texts = [text for field in ids if (text := self._text(fields.get(field)))]
            if texts:
                yield name, "\n\n".join(texts)

    def _text(self, value: Any) -> str:
        """A field's value: a text, a number, an option, a person, or several of them as a list of items.

        A string is wiki text on Data Center only; rich texts are objects on Cloud.
        """
        if isinstance(value, list):
            return "\n".join(f"- {text}" for one in value if (text := self._text(one)))
        if isinstance(value, dict) and value.get("type") != "doc":
            known = (value.get(name) for name in ("value", "name", "displayName", "key"))
            return next((text for text in known if isinstance(text, str)), "")
        if isinstance(value, int | float) or (self._api.is_cloud and isinstance(value, str)):
            return str(value)
        return plain(value)

    def _comment(self, found: CommentShape) -> IssueComment:
        properties = {one.key: one.value for one in found.properties}
        internal = properties.get(INTERNAL)
        return IssueComment(
            id=found.id,
            author=_person(found.author) or NOBODY,
            body=plain(named(found.body, self._writer)),
            created=_moment(found.created),
            updated=_moment(found.updated),
            internal=found.public is False
            or (isinstance(internal, dict) and internal.get("internal") is True),
            restricted=found.visibility is not None,
            mentions_us=mentions(found.body, self._writer),
            properties=properties,
        )

    def _components(self, project: str) -> tuple[str, ...]:
        what = f"the components of {project}"
        return _labels(self._api.get(f"{project_path(project)}/components", what), what)

    def _priorities(self, project: str) -> tuple[str, ...]:
        """On Cloud those of the project's own scheme, which takes a scope more than to read all there are."""
        what = f"the priorities of {project}"
        if not self._api.is_cloud:
            return _labels(self._api.get("/priority", what), what)
        number = shaped(KeyedShape, self._api.get(project_path(project), what), what).id
        try:
            found = self._api.newest("/priority/search", what, "values", MAX_PRIORITIES, projectId=number)
        except Forbidden:
            return _labels(self._api.get("/priority", what), what)
        return _labels(found, what)

    def _history(self, key: str) -> Sequence[dict[str, Any]]:
        what = f"the history of {key}"
        if self._api.is_cloud:
            return self._api.newest(f"{issue_path(key)}/changelog", what, "values", MAX_HISTORY)
        data = self._api.get(issue_path(key), what, fields="status", expand="changelog")
        log = data.get("changelog") if isinstance(data, dict) else None
        return objects(log.get("histories") if isinstance(log, dict) else None, what)


def read_comments(api: JiraApi, key: str) -> list[CommentShape]:
    """An issue's comments with their properties, oldest first, the newest thousand."""
    what = f"the comments of {key}"
    found = api.newest(f"{issue_path(key)}/comment", what, "comments", MAX_COMMENTS, expand="properties")
    return sorted((shaped(CommentShape, one, what) for one in found), key=lambda one: one.created)


def _labels(data: Iterable[Any], what: str) -> tuple[str, ...]:
    return tuple(shaped(NamedShape, one, what).label for one in objects(data, what))


def _label(named_thing: NamedShape | None) -> str:
    return named_thing.label if named_thing else ""


def _person(found: PersonShape | None) -> IssuePerson | None:
    return found.person() if found else None


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
