"""Confluence's answers, reduced to the fields we use and checked once; nothing later sees the raw form.

Sources: developer.atlassian.com/cloud/confluence/rest/v2 and /rest/v1, docs.atlassian.com/ConfluenceServer/rest (Data
Center, version 1). A deployment's own fields are "" where the other one has none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BeforeValidator, Field

from bot.domain.pages import PagePerson, Status
from bot.errors import NotFound
from bot.gateways import shapes
from bot.gateways.shapes import Number, Shape, Text

STATUSES: Mapping[str, Status] = {name: name for name in get_args(Status)}
VIEW = "/pages/viewpage.action?pageId={page}"  # on both deployments
GONE = "Confluence no longer has page {page}: it is “{status}”"

NumberOrNone = Annotated[Number, BeforeValidator(lambda value: "" if value is None else value)]
S = TypeVar("S", bound=Shape)


class LinksShape(Shape):
    """`webui` stands below `base`, the site's address; `next` is the following page of a list."""

    webui: Text = ""
    base: Text = ""
    next: Text = ""

    def page(self, page: str) -> str:
        """Where a page is opened, also one in the trash, of which it is not always told."""
        return self.webui or VIEW.format(page=page)


class ListShape(Shape):
    """A page of a list."""

    results: tuple[dict[str, Any], ...]
    links: LinksShape = Field(default_factory=LinksShape, alias="_links")


class PersonShape(Shape):
    """Cloud has `accountId`, Data Center `userKey` and `username`; who is not logged in has none of them."""

    account_id: Text = Field("", alias="accountId")
    key: Text = Field("", alias="userKey")
    username: Text = ""
    name: Text = Field("", alias="displayName")
    public_name: Text = Field("", alias="publicName")

    @property
    def id(self) -> str:
        return self.account_id or self.key or self.username

    def person(self) -> PagePerson:
        username = "" if self.account_id else self.username
        return PagePerson(self.id, self.name or self.public_name or username, username)


class VersionShape(Shape):
    """`authorId` on Cloud, `by` on Data Center."""

    number: int
    message: Text = ""
    author_id: Text = Field("", alias="authorId")
    by: PersonShape | None = None

    @property
    def author(self) -> str:
        return self.author_id or (self.by.id if self.by else "")


class StorageShape(Shape):
    value: str


class BodyShape(Shape):
    storage: StorageShape


class SpaceShape(Shape):
    """`id` is what version 2 knows a space by."""

    id: NumberOrNone = ""
    key: str


class AboveShape(Shape):
    """What a page stands below. `type` is told on Cloud, where it may be a folder or a whiteboard."""

    id: Number
    type: Text = "page"


class CloudPageShape(Shape):
    """A page of version 2."""

    id: Number
    status: str
    title: str
    space: Number = Field(alias="spaceId")
    parent: NumberOrNone = Field("", alias="parentId")
    version: VersionShape
    body: BodyShape
    links: LinksShape = Field(default_factory=LinksShape, alias="_links")


class ContentShape(Shape):
    """A page, blog post, comment or attachment of version 1; `ancestors` from the highest down to the parent."""

    id: Number
    type: str
    status: str
    title: str
    space: SpaceShape
    version: VersionShape
    body: BodyShape
    ancestors: tuple[AboveShape, ...] = ()
    links: LinksShape = Field(default_factory=LinksShape, alias="_links")


class AncestorsShape(Shape):
    ancestors: tuple[AboveShape, ...]


class CloudCommentShape(Shape):
    """A comment in a footer, of version 2."""

    id: Number
    version: VersionShape
    body: BodyShape


class HistoryShape(Shape):
    created: datetime = Field(alias="createdDate")
    created_by: PersonShape | None = Field(None, alias="createdBy")


class PlaceShape(Shape):
    """ "footer", "inline" or "resolved"."""

    location: Text = "footer"


class CommentShape(Shape):
    """A comment of version 1."""

    id: Number
    history: HistoryShape
    version: VersionShape
    body: BodyShape
    place: PlaceShape = Field(default_factory=PlaceShape, alias="extensions")

    @property
    def author(self) -> str:
        """Who wrote it, not who changed it last."""
        return self.history.created_by.id if self.history.created_by else ""


class PeopleShape(Shape):
    """The accounts or groups that a restriction lets in."""

    results: tuple[dict[str, Any], ...]


class AdmittedShape(Shape):
    user: PeopleShape
    group: PeopleShape


class RestrictionShape(Shape):
    """Who alone may do something with a page; nobody is named where everybody may."""

    admitted: AdmittedShape = Field(alias="restrictions")

    @property
    def is_set(self) -> bool:
        return bool(self.admitted.user.results or self.admitted.group.results)


class ChangeShape(VersionShape):
    when: datetime


class FoundShape(Shape):
    """A page as a search of version 1 shows it."""

    id: Number
    space: SpaceShape
    version: ChangeShape


class PropertyShape(Shape):
    """A content property. `version` is what its next version counts from."""

    id: Number
    value: Any = None
    version: VersionShape


def status_of(said: str, page: str) -> Status:
    """Raises NotFound where only an old version, or nothing, is left of a page."""
    if said not in STATUSES:
        raise NotFound(GONE.format(page=page, status=said))
    return STATUSES[said]


def shaped(shape: type[S], data: Any, what: str) -> S:
    """The answer in its form. Raises PlatformError, which names the first field that does not fit."""
    return shapes.shaped(shape, data, what, "Confluence")
