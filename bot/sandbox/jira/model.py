"""What the stand-in Jira holds, in memory: people, projects with a workflow, issues, comments, links, webhooks.

Texts are stored in one form only: Cloud keeps ADF documents, Data Center wiki text.
"""

import itertools
import secrets
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bot.sandbox.model import State

Json = dict[str, Any]
Deployment = Literal["cloud", "datacenter"]
Category = Literal["new", "indeterminate", "done"]
Text = Json | str | None

FIRST_ID = 10_000
CLOUD_VERSION = "1001.0.0-SNAPSHOT"
CENTER_VERSION = "10.3.6"
PERMISSIONS = (
    "BROWSE_PROJECTS",
    "ADD_COMMENTS",
    "EDIT_OWN_COMMENTS",
    "DELETE_OWN_COMMENTS",
    "EDIT_ISSUES",
    "TRANSITION_ISSUES",
    "LINK_ISSUES",
    "ADMINISTER_PROJECTS",
)


@dataclass(frozen=True, slots=True)
class CategoryFacts:
    id: int
    name: str
    color: str


CATEGORIES: dict[Category, CategoryFacts] = {  # as every instance numbers them
    "new": CategoryFacts(2, "To Do", "blue-gray"),
    "indeterminate": CategoryFacts(4, "In Progress", "yellow"),
    "done": CategoryFacts(3, "Done", "green"),
}


@dataclass(slots=True, eq=False)
class Person:
    """`name` is Data Center's user name and how the control API calls people; `account_id` is Cloud's.

    `token`: an API token on Cloud, a personal access token on Data Center, where `token_expires` (ISO 8601) is told.
    `admin`: may administer Jira.
    """

    name: str
    key: str
    account_id: str
    display_name: str
    email: str
    token: str
    groups: list[str] = field(default_factory=list)
    kind: Literal["atlassian", "app", "customer"] = "atlassian"
    admin: bool = False
    time_zone: str = "Etc/UTC"
    token_expires: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A priority, a resolution, an issue type or a component."""

    id: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    id: str
    name: str
    category: Category


@dataclass(slots=True, eq=False)
class Transition:
    """`sources`: the statuses it leaves from, any when empty. `screen`: field id -> whether it is required."""

    id: str
    name: str
    to: Status
    sources: tuple[Status, ...] = ()
    screen: dict[str, bool] = field(default_factory=dict)

    def leaves(self, status: Status) -> bool:
        return not self.sources or status in self.sources


@dataclass(slots=True, eq=False)
class Role:
    id: int
    name: str
    description: str = ""
    people: list[Person] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def has(self, person: Person) -> bool:
        return person in self.people or bool(set(person.groups) & set(self.groups))


@dataclass(slots=True, eq=False)
class Version:
    id: str
    name: str
    description: str = ""
    released: bool = False
    release_date: str | None = None


@dataclass(slots=True, eq=False)
class SecurityLevel:
    """Only these people see the issues that have it."""

    id: str
    name: str
    people: list[Person] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Project:
    """`permissions`: permission -> people. `screen`: the ids of the fields an issue's edit screen has."""

    id: str
    key: str
    name: str
    lead: Person
    statuses: tuple[Status, ...]
    transitions: list[Transition]
    components: list[Named] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    levels: list[SecurityLevel] = field(default_factory=list)
    permissions: dict[str, list[Person]] = field(default_factory=dict)
    screen: set[str] = field(default_factory=set)
    last_number: int = 0

    def allows(self, person: Person | None, permission: str) -> bool:
        return person is not None and person in self.permissions.get(permission, ())

    def role(self, name: str) -> Role | None:
        return next((role for role in self.roles if role.name == name), None)

    def next_key(self) -> str:
        self.last_number += 1
        return f"{self.key}-{self.last_number}"


@dataclass(slots=True, eq=False)
class Comment:
    """`visibility`: None for everybody, else {"type": "role"|"group", "value", "identifier"}."""

    id: str
    author: Person
    body: Text
    created: datetime
    updated: datetime
    update_author: Person
    visibility: Json | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class RemoteLink:
    id: int
    object: Json
    global_id: str | None = None
    relationship: str | None = None
    application: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history. `items`: {field, fieldtype, fieldId, from, fromString, to, toString}."""

    id: str
    author: Person
    created: datetime
    items: tuple[Json, ...]


@dataclass(slots=True, eq=False)
class Issue:
    """`former_keys`: those it had before it was moved. `writes`: (who, what) -> how often, for tests to count.

    `write_times`: seconds of the site's clock, of the writes that its limit counts.
    """

    id: str
    key: str
    project: Project
    type: Named
    summary: str
    status: Status
    reporter: Person
    created: datetime
    updated: datetime
    description: Text = None
    criteria: Text = None
    priority: Named | None = None
    resolution: Named | None = None
    resolved: datetime | None = None
    assignee: Person | None = None
    labels: list[str] = field(default_factory=list)
    components: list[Named] = field(default_factory=list)
    fix_versions: list[Version] = field(default_factory=list)
    security: SecurityLevel | None = None
    comments: list[Comment] = field(default_factory=list)
    links: list[RemoteLink] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    former_keys: list[str] = field(default_factory=list)
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    write_times: deque[float] = field(default_factory=deque)

    def transitions(self) -> list[Transition]:
        return [one for one in self.project.transitions if one.leaves(self.status)]

    def seen_by(self, person: Person | None) -> bool:
        allowed = self.project.allows(person, "BROWSE_PROJECTS")
        return allowed and (self.security is None or person in self.security.people)


@dataclass(slots=True, eq=False)
class Hook:
    """`events`: event names. `jql`: which issues, all when empty."""

    id: int
    name: str
    url: str
    events: list[str]
    owner: Person
    jql: str = ""
    secret: str | None = None
    enabled: bool = True
    exclude_body: bool = False


@dataclass(slots=True, eq=False)
class HookDelivery:
    """One webhook and its tries. `statuses`: of each try, the receiver's status or why there was none."""

    id: int
    hook: Hook
    event: str
    identifier: str
    body: bytes
    at: datetime
    statuses: list[int | str] = field(default_factory=list)
    done: bool = False


@dataclass(slots=True)
class WriteLimits:
    """Writes to one issue: so many in so many seconds (developer.atlassian.com/cloud/jira/platform/rate-limiting)."""

    windows: tuple[tuple[int, float], ...] = ((20, 2.0), (100, 30.0))


class Site:
    """One Jira. Its lock and revision are those of the whole sandbox."""

    def __init__(self, state: "State", deployment: Deployment) -> None:
        self.state = state
        self.deployment = deployment
        self.people: list[Person] = []
        self.projects: list[Project] = []
        self.issues: list[Issue] = []
        self.priorities: list[Named] = []
        self.resolutions: list[Named] = []
        self.types: list[Named] = []
        self.hooks: list[Hook] = []
        self.deliveries: list[HookDelivery] = []
        self.limits = WriteLimits()
        self.retry_seconds: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)
        self.drop_hooks = False
        self.center_version = CENTER_VERSION
        self.clock: Callable[[], float] = time.monotonic
        self.outbox: list[tuple[float, int, HookDelivery]] = []
        self.wake = threading.Condition(state.lock)
        self._counters: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(FIRST_ID))

    @property
    def cloud(self) -> bool:
        return self.deployment == "cloud"

    @property
    def version(self) -> str:
        return CLOUD_VERSION if self.cloud else self.center_version

    @property
    def has_signed_hooks(self) -> bool:
        """Data Center signs since 10, where webhooks moved to an address of their own."""
        return self.cloud or int(self.version.partition(".")[0]) >= 10

    @property
    def url(self) -> str:
        return f"{self.state.url}/jira"

    def next_id(self, kind: str) -> int:
        return next(self._counters[kind])

    def add_person(self, name: str, display_name: str = "", **given: Any) -> Person:
        """`given`: email, token, groups, kind, admin, time_zone."""
        number = self.next_id("person")
        token = given.pop("token", "") or f"sandbox-jira-{name}-{secrets.token_hex(8)}"
        email = given.pop("email", "") or f"{name}@shop.example"
        account = f"712020:{number:08x}-5a6b-4c7d-8e9f-0a1b2c3d4e5f"
        key = f"JIRAUSER{number}"
        person = Person(name, key, account, display_name or name.title(), email, token, **given)
        self.people.append(person)
        return person

    def person(self, name: str) -> Person | None:
        return next((one for one in self.people if one.name == name), None)

    def project(self, key: str) -> Project | None:
        """By key, as it is written or in another case, or by id."""
        wanted = key.upper()
        return next((one for one in self.projects if wanted in (one.key, one.id)), None)

    def issue(self, key: str) -> Issue | None:
        """By id, key, or a key it had before it was moved."""
        wanted = key.upper()
        now = (one for one in self.issues if wanted in (one.key, one.id))
        return next(now, None) or next((one for one in self.issues if wanted in one.former_keys), None)

    def touch(self) -> None:
        self.state.touch()


def now() -> datetime:
    """To the millisecond, as Jira keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
