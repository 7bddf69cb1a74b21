"""Jira's answers, reduced to the fields we use and checked once; nothing later sees the raw form.

Sources: developer.atlassian.com/cloud/jira/platform/rest/v3 and docs.atlassian.com/software/jira/docs/api/REST (Data
Center, version 2). A deployment's own fields are "" where the other one has none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BeforeValidator, Field

from bot.domain.issues import Category, IssueLink, IssuePerson, IssueStatus
from bot.gateways import shapes
from bot.gateways.shapes import Number, Shape, Text

CATEGORIES: Mapping[str, Category] = {key: key for key in get_args(Category)}
KINDS: Mapping[str, Literal["app", "customer"]] = {"app": "app", "customer": "customer"}

Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: () if value is None else value)]
S = TypeVar("S", bound=Shape)


class ServerShape(Shape):
    """`displayUrl` is the address with the site's own domain, where it has one."""

    deployment: Text = Field("", alias="deploymentType")
    base_url: Text = Field("", alias="baseUrl")
    display_url: Text = Field("", alias="displayUrl")
    version: Text = ""

    @property
    def site(self) -> str:
        return self.display_url or self.base_url


class PersonShape(Shape):
    """Cloud has `accountId` and `accountType`, Data Center `key` and `name`."""

    account_id: Text = Field("", alias="accountId")
    key: Text = ""
    name: Text = ""
    display_name: Text = Field("", alias="displayName")
    email: Text = Field("", alias="emailAddress")
    account_type: Text = Field("", alias="accountType")

    def person(self) -> IssuePerson:
        return IssuePerson(
            id=self.account_id or self.key or self.name,
            name=self.display_name or self.name,
            username="" if self.account_id else self.name,
            email=self.email,
            kind=KINDS.get(self.account_type, "person"),
        )


class CategoryShape(Shape):
    key: Text = ""


class StatusShape(Shape):
    name: str
    category: CategoryShape | None = Field(None, alias="statusCategory")

    def status(self) -> IssueStatus:
        key = self.category.key if self.category else ""
        return IssueStatus(self.name, CATEGORIES.get(key, "undefined"))


class NamedShape(Shape):
    """A priority, component, type, level, resolution: anything with a name; an option of a field has a `value`."""

    id: Number = ""
    name: Text = ""
    value: Text = ""

    @property
    def label(self) -> str:
        return self.name or self.value


class TypeStatusesShape(Shape):
    """The statuses of one issue type."""

    statuses: tuple[NamedShape, ...] = ()


class KeyedShape(Shape):
    """A project or an issue of which no more is read."""

    id: Number = ""
    key: str


class LinkedFieldsShape(Shape):
    summary: Text = ""
    status: StatusShape | None = None


class LinkedIssueShape(Shape):
    key: str
    fields: LinkedFieldsShape = Field(default_factory=LinkedFieldsShape)


class LinkTypeShape(Shape):
    inward: Text = ""
    outward: Text = ""


class IssueLinkShape(Shape):
    """Either end is told, never both."""

    type: LinkTypeShape = Field(default_factory=LinkTypeShape)
    outward: LinkedIssueShape | None = Field(None, alias="outwardIssue")
    inward: LinkedIssueShape | None = Field(None, alias="inwardIssue")

    def link(self) -> IssueLink | None:
        other = self.outward or self.inward
        if other is None:
            return None
        relation = self.type.outward if self.outward else self.type.inward
        status = other.fields.status.name if other.fields.status else ""
        return IssueLink(relation, other.key, other.fields.summary, status)


class FieldsShape(Shape):
    """`description` is ADF on Cloud, wiki text on Data Center."""

    summary: Text = ""
    description: Any = None
    status: StatusShape
    type: NamedShape = Field(alias="issuetype")
    project: KeyedShape
    labels: Texts = ()
    components: tuple[NamedShape, ...] = ()
    priority: NamedShape | None = None
    resolution: NamedShape | None = None
    assignee: PersonShape | None = None
    reporter: PersonShape | None = None
    security: NamedShape | None = None
    parent: KeyedShape | None = None
    links: tuple[IssueLinkShape, ...] = Field((), alias="issuelinks")
    created: datetime | None = None
    updated: datetime | None = None


class IssueShape(Shape):
    """`key` is the present one, whatever the issue was asked for by."""

    id: Number
    key: str
    fields: dict[str, Any] = Field(default_factory=dict)


class StatusFieldShape(Shape):
    status: StatusShape


class FoundStatusShape(Shape):
    """An issue of which only its status was asked for."""

    fields: StatusFieldShape


class EditableFieldsShape(Shape):
    """A field that the issue's project does not have is not told."""

    labels: Texts = ()
    components: tuple[NamedShape, ...] = ()
    priority: NamedShape | None = None


class EditableShape(Shape):
    fields: EditableFieldsShape


class ChangedFieldsShape(Shape):
    project: KeyedShape
    created: datetime
    updated: datetime


class FoundShape(Shape):
    """A page of a search: Cloud goes on by token, Data Center by number."""

    issues: tuple[IssueShape, ...] = ()
    next_token: Text = Field("", alias="nextPageToken")
    total: int = 0


class VisibilityShape(Shape):
    type: Text = ""
    value: Text = ""
    identifier: Text = ""


class PropertyShape(Shape):
    key: str
    value: Any = None


class CommentShape(Shape):
    """`body` is ADF on Cloud, wiki text on Data Center. `jsdPublic` is told in service projects."""

    id: Number
    author: PersonShape | None = None
    body: Any = None
    created: datetime
    updated: datetime | None = None
    visibility: VisibilityShape | None = None
    public: bool | None = Field(None, alias="jsdPublic")
    properties: tuple[PropertyShape, ...] = ()


class ItemShape(Shape):
    field: Text = ""
    to: Text = Field("", alias="toString")


class HistoryShape(Shape):
    id: Number
    author: PersonShape | None = None
    created: datetime
    items: tuple[ItemShape, ...] = ()


class ActorNameShape(Shape):
    account_id: Text = Field("", alias="accountId")
    key: Text = ""
    name: Text = ""
    group_id: Text = Field("", alias="groupId")


class ActorShape(Shape):
    """Who has a role: on Data Center a user's or group's `name`, on Cloud an account's or a group's ids beside it."""

    type: str
    name: Text = ""
    user: ActorNameShape | None = Field(None, alias="actorUser")
    group: ActorNameShape | None = Field(None, alias="actorGroup")


class RoleShape(Shape):
    name: str
    actors: tuple[ActorShape, ...] = ()


class GroupShape(Shape):
    name: Text = ""
    group_id: Text = Field("", alias="groupId")


class FieldShape(Shape):
    id: str
    name: Text = ""


class SchemaShape(Shape):
    """`type` "array" holds `items`; `custom` names the kind of a field that an administrator made."""

    type: Text = ""
    items: Text = ""
    custom: Text = ""
    system: Text = ""


class ScreenFieldShape(Shape):
    """A field of a transition's or an edit's screen. `allowed` is None where any value goes."""

    name: Text = ""
    required: bool = False
    has_default: bool = Field(False, alias="hasDefaultValue")
    form: SchemaShape = Field(default_factory=SchemaShape, alias="schema")
    allowed: tuple[NamedShape, ...] | None = Field(None, alias="allowedValues")


class TransitionShape(Shape):
    id: Number
    name: Text = ""
    to: StatusShape
    fields: dict[str, ScreenFieldShape] = Field(default_factory=dict)


class TransitionsShape(Shape):
    transitions: tuple[TransitionShape, ...]


class EditShape(Shape):
    fields: dict[str, ScreenFieldShape] = Field(default_factory=dict)


def shaped(shape: type[S], data: Any, what: str) -> S:
    """The answer in its form. Raises PlatformError, which names the first field that does not fit."""
    return shapes.shaped(shape, data, what, "Jira")
