"""What the stand-in Confluence holds, in memory: people, spaces, pages with their versions, comments, webhooks."""

import itertools
import queue
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bot.sandbox.model import State

Json = dict[str, Any]
Flavour = Literal["cloud", "datacenter"]
Status = Literal["current", "archived", "trashed", "draft"]
Operation = Literal["read", "update"]
Resolution = Literal["open", "resolved", "dangling"]

FIRST_ID = 65_601
CENTER_VERSION = "9.2.0"
PERMISSIONS = ("read", "edit", "comment", "delete", "administer")
OPERATIONS = {
    "read": ("read", "space"),
    "edit": ("create", "page"),
    "comment": ("create", "comment"),
    "administer": ("administer", "space"),
}
FLAVOURS: tuple[Flavour, ...] = ("cloud", "datacenter")


@dataclass(slots=True, eq=False)
class Person:
    """`name` is Data Center's user name and how the control API calls people; `account_id` is Cloud's.

    `token`: an API token on Cloud, a personal access token on Data Center, where `token_expires` (ISO 8601) is told.
    `admin`: may administer Confluence.
    """

    name: str
    key: str
    account_id: str
    display_name: str
    email: str
    token: str
    bot: bool = False
    admin: bool = False
    time_zone: str = "Etc/UTC"
    token_expires: str | None = None


@dataclass(slots=True, eq=False)
class Space:
    """`permissions`: permission -> people."""

    id: str
    key: str
    name: str
    author: Person
    created: datetime
    permissions: dict[str, list[Person]] = field(default_factory=dict)

    def allows(self, person: Person | None, permission: str) -> bool:
        return person is not None and person in self.permissions.get(permission, ())

    def operations(self, person: Person | None) -> list[Json]:
        """What a person may do, in the words of both APIs."""
        return [
            {"operation": operation, "targetType": target}
            for permission, (operation, target) in OPERATIONS.items()
            if self.allows(person, permission)
        ]


@dataclass(frozen=True, slots=True)
class Version:
    """One saved state. `body` is storage as Confluence wrote it; a comment's title is that of its page."""

    number: int
    author: Person
    at: datetime
    title: str
    body: str
    message: str = ""
    minor: bool = False


@dataclass(slots=True, eq=False)
class Property:
    id: str
    key: str
    value: Any
    number: int
    author: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where an inline comment hangs: the `ac:ref` of its marker, and the words it was put on."""

    ref: str
    selection: str


@dataclass(slots=True, eq=False)
class Comment:
    """In the footer, or inline where it has an `anchor`. `parent`: the comment that this one replies to."""

    id: str
    page: "Page"
    author: Person
    created: datetime
    versions: list[Version]
    parent: "Comment | None" = None
    anchor: Anchor | None = None
    resolution: Resolution = "open"
    properties: dict[str, Property] = field(default_factory=dict)

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def location(self) -> str:
        top = self
        while top.parent is not None:
            top = top.parent
        return "inline" if top.anchor else "footer"


@dataclass(slots=True, eq=False)
class Page:
    """`allowed`: operation -> those it is restricted to, everybody when empty.

    `writes`: (who, what) -> how often, for tests to count.
    """

    id: str
    space: Space
    author: Person
    created: datetime
    versions: list[Version]
    parent: "Page | None" = None
    status: Status = "current"
    comments: list[Comment] = field(default_factory=list)
    properties: dict[str, Property] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    allowed: dict[Operation, list[Person]] = field(default_factory=lambda: {"read": [], "update": []})
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def title(self) -> str:
        return self.now.title

    def version(self, number: int) -> Version | None:
        return next((one for one in self.versions if one.number == number), None)

    def ancestors(self) -> list["Page"]:
        """The topmost one first."""
        above: list[Page] = []
        one = self.parent
        while one is not None:
            above.insert(0, one)
            one = one.parent
        return above

    def seen_by(self, person: Person | None) -> bool:
        """A read restriction holds for the pages below, too; an update restriction does not."""
        limits = [page.allowed["read"] for page in (self, *self.ancestors())]
        return self.space.allows(person, "read") and all(not limit or person in limit for limit in limits)

    def operations(self, person: Person | None) -> list[Json]:
        """What a person may do to it, who sees it."""
        may = [("read", "page")]
        may += [("update", "page")] if self.edited_by(person) else []
        may += [("create", "comment")] if self.space.allows(person, "comment") else []
        return [{"operation": operation, "targetType": target} for operation, target in may]

    def edited_by(self, person: Person | None) -> bool:
        limit = self.allowed["update"]
        allowed = self.space.allows(person, "edit") and (not limit or person in limit)
        return allowed and self.seen_by(person)


@dataclass(slots=True, eq=False)
class Hook:
    id: int
    name: str
    url: str
    events: list[str]
    owner: Person
    secret: str | None = None
    active: bool = True
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True, eq=False)
class HookDelivery:
    """One webhook, sent once. `status`: the receiver's, or why there was none; None until it was tried."""

    id: int
    hook: Hook
    event: str
    body: bytes
    at: datetime
    status: int | str | None = None


@dataclass(slots=True)
class Limits:
    """`body_bytes`: of storage, beyond which a page is refused. `value_bytes`: of a property's JSON."""

    body_bytes: int = 1_000_000
    value_bytes: int = 32_768


class Site:
    """One Confluence. Its lock and revision are those of the whole sandbox."""

    def __init__(self, state: "State", flavour: Flavour) -> None:
        self.state = state
        self.flavour = flavour
        self.people: list[Person] = []
        self.spaces: list[Space] = []
        self.pages: list[Page] = []
        self.hooks: list[Hook] = []
        self.deliveries: list[HookDelivery] = []
        self.outbox: queue.Queue[HookDelivery | None] = queue.Queue()
        self.limits = Limits()
        self.drop_hooks = False
        self.center_version = CENTER_VERSION
        self._numbers: Iterator[int] = itertools.count(FIRST_ID)

    @property
    def cloud(self) -> bool:
        return self.flavour == "cloud"

    @property
    def has_hooks(self) -> bool:
        """Data Center since 7.7 (developer.atlassian.com/server/confluence/webhooks)."""
        major, minor = self.center_version.split(".")[:2]
        return not self.cloud and (int(major), int(minor)) >= (7, 7)

    @property
    def url(self) -> str:
        """What `TRIVET_CONFLUENCE__URL` would be."""
        return f"{self.state.url}/confluence"

    @property
    def base(self) -> str:
        """What the `webui` links of both APIs follow."""
        return f"{self.url}/wiki" if self.cloud else self.url

    def next_id(self) -> str:
        """Pages, comments, properties and spaces share their numbers."""
        return str(next(self._numbers))

    def add_person(self, name: str, display_name: str = "", **given: Any) -> Person:
        """`given`: email, token, bot, admin, time_zone."""
        number = int(self.next_id())
        token = given.pop("token", "") or f"sandbox-confluence-{name}-{secrets.token_hex(8)}"
        email = given.pop("email", "") or f"{name}@shop.example"
        account = f"712020:{number:08x}-5a6b-4c7d-8e9f-0a1b2c3d4e5f"
        key = f"{number:032x}"
        person = Person(name, key, account, display_name or name.title(), email, token, **given)
        self.people.append(person)
        return person

    def person(self, name: str) -> Person | None:
        return next((one for one in self.people if one.name == name), None)

    def space(self, key: str) -> Space | None:
        """By key or by id."""
        return next((one for one in self.spaces if key in (one.key, one.id)), None)

    def page(self, number: str) -> Page | None:
        return next((one for one in self.pages if one.id == number), None)

    def comment(self, number: str) -> Comment | None:
        return next((one for page in self.pages for one in page.comments if one.id == number), None)

    def children(self, page: Page) -> list[Page]:
        return [one for one in self.pages if one.parent is page]

    def touch(self) -> None:
        self.state.touch()


def now() -> datetime:
    """To the millisecond, as Confluence keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
