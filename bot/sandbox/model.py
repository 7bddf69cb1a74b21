"""What the sandbox holds, in memory: people, projects, merge requests, notes, drafts, hooks, and what was seen."""

import itertools
import queue
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bot.sandbox.diffs import DiffLine, Diffs, FileDiff, Paths
from bot.sandbox.faults import Fault
from bot.sandbox.repository import Repository

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from bot.sandbox.confluence.model import Site as Confluence
    from bot.sandbox.jira.model import Site

Json = dict[str, Any]
ReviewerState = Literal["unreviewed", "reviewed", "requested_changes", "approved"]

DRAFT_PREFIXES = ("draft:", "[draft]", "(draft)")
ALL_SCOPES = ("api",)


class Access(IntEnum):
    """GitLab's access levels (docs.gitlab.com/api/members)."""

    NONE = 0
    GUEST = 10
    REPORTER = 20
    DEVELOPER = 30
    MAINTAINER = 40
    OWNER = 50


@dataclass(slots=True, eq=False)
class User:
    """`scopes` are those of the user's tokens: api, read_api, read_repository, read_user.

    `token` is the newest; `older_tokens` are good beside it, until they are revoked. `expires_on`: the ISO date from
    which on they are refused, "" for never. `admin`: of the whole instance.
    """

    id: int
    username: str
    name: str
    token: str
    scopes: tuple[str, ...] = ALL_SCOPES
    bot: bool = False
    public_email: str = ""
    state: Literal["active", "blocked"] = "active"
    expires_on: str = ""
    admin: bool = False
    older_tokens: tuple[str, ...] = ()

    def owns(self, token: str) -> bool:
        tokens = (self.token, *self.older_tokens)
        return any(secrets.compare_digest(one.encode(), token.encode()) for one in tokens)


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a merge request's diff. `base` is the merge base, `start` the target branch's tip then."""

    id: int
    base: str
    start: str
    head: str
    created_at: datetime


@dataclass(slots=True, eq=False)
class Award:
    id: int
    name: str
    user: User
    created_at: datetime
    note: int | None = None


@dataclass(slots=True, eq=False)
class Note:
    """`position` follows the line over pushes, `original_position` stays; `outdated` once the line is gone."""

    id: int
    author: User
    body: str
    created_at: datetime
    updated_at: datetime
    type: Literal["DiffNote", "DiscussionNote"] | None = None
    position: Json | None = None
    original_position: Json | None = None
    line_code: str | None = None
    outdated: bool = False
    system: bool = False
    internal: bool = False
    resolved_by: User | None = None
    resolved_at: datetime | None = None

    @property
    def resolvable(self) -> bool:
        return self.type is not None and not self.system

    def resolve(self, by: User) -> None:
        """One that is resolved already stays as it is (app/models/concerns/resolvable_note.rb)."""
        if self.resolvable and self.resolved_by is None:
            self.resolved_by, self.resolved_at = by, datetime.now(UTC)

    def unresolve(self) -> None:
        self.resolved_by = self.resolved_at = None


@dataclass(slots=True, eq=False)
class Discussion:
    """A thread, or one plain note: GitLab gives both an id of 40 hex digits."""

    id: str
    notes: list[Note]

    @property
    def individual(self) -> bool:
        return self.notes[0].type is None

    @property
    def resolved(self) -> bool | None:
        """None where nothing in it can be resolved."""
        resolvable = [note for note in self.notes if note.resolvable]
        return all(note.resolved_by for note in resolvable) if resolvable else None

    @property
    def resolver(self) -> User | None:
        """Who resolved the last of its notes; None while it is not resolved."""
        done = [note for note in self.notes if note.resolved_at] if self.resolved else []
        return max(done, key=lambda note: (note.resolved_at, note.id)).resolved_by if done else None

    def resolve(self, by: User) -> None:
        for note in self.notes:
            note.resolve(by)

    def unresolve(self) -> None:
        for note in self.notes:
            note.unresolve()


@dataclass(slots=True, eq=False)
class Draft:
    """A note only its author sees until it is published."""

    id: int
    author: User
    note: str
    position: Json | None = None
    discussion: str | None = None
    resolve: bool = False
    commit: str | None = None
    line_code: str | None = None


@dataclass(slots=True, eq=False)
class MergeRequest:
    """`versions` newest last. `preparing`: GitLab has not computed the diff yet, so there are no diff refs."""

    id: int
    iid: int
    project: "Project"
    author: User
    title: str
    description: str
    source_branch: str
    target_branch: str
    created_at: datetime
    updated_at: datetime
    state: Literal["opened", "closed", "merged"] = "opened"
    preparing: bool = False
    versions: list[Version] = field(default_factory=list)
    discussions: list[Discussion] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    reviewers: dict[int, ReviewerState] = field(default_factory=dict)
    approved_by: list[User] = field(default_factory=list)
    merge_commit: str | None = None
    squash_commit: str | None = None
    merged_by: User | None = None
    merged_at: datetime | None = None
    remove_source_branch: bool = False
    fork: "Project | None" = None

    @property
    def source_project(self) -> "Project":
        """Where it comes from; a fork's branch is kept in the target's repository, too, as GitLab has it."""
        return self.fork or self.project

    @property
    def draft(self) -> bool:
        """GitLab reads it off the title (docs.gitlab.com/user/project/merge_requests/drafts)."""
        return self.title.lower().startswith(DRAFT_PREFIXES)

    @property
    def version(self) -> Version:
        return self.versions[-1]

    @property
    def head(self) -> str:
        return self.version.head

    def files(self, version: Version | None = None) -> list[FileDiff]:
        """The changed files of a version, the newest by default."""
        version = version or self.version
        return self.project.diffs.files(version.base, version.head)

    def lines(self, version: Version | None = None) -> dict[Paths, list[DiffLine]]:
        version = version or self.version
        return self.project.diffs.lines(version.base, version.head)

    def notes(self) -> Iterator[Note]:
        for discussion in self.discussions:
            yield from discussion.notes

    def discussion(self, key: str) -> Discussion | None:
        return next((one for one in self.discussions if one.id == key), None)

    def discussion_of(self, note: Note) -> Discussion:
        return next(one for one in self.discussions if note in one.notes)

    @property
    def is_settled(self) -> bool:
        """Whether there are threads that can be resolved, and all of them are."""
        states = [one.resolved for one in self.discussions if one.resolved is not None]
        return bool(states) and all(states)


@dataclass(slots=True, eq=False)
class Hook:
    """`events` are GitLab's flags that are on: "merge_requests_events", "note_events", ...

    `failures` in a row; a hook that is backing off is passed over until `disabled_until`.
    """

    id: int
    url: str
    events: set[str]
    token: str | None = None
    signing_token: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    checks_certificate: bool = True
    template: str = ""
    failures: int = 0
    disabled_until: datetime | None = None


@dataclass(slots=True, eq=False)
class Delivery:
    """One webhook request: kept as sent, so that it can be sent again.

    `status` is None until it was tried, a word where no answer came; `said`: the answer's body, or the error's text.
    """

    id: int
    hook: Hook
    event: str
    key: str
    body: bytes
    at: datetime
    status: int | str | None = None
    said: str = ""


@dataclass(slots=True, eq=False)
class Group:
    """Its members are members of every project below it, and its hooks hear of every one."""

    id: int
    path: str
    members: dict[int, int] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`ref`: as the API tells it, "refs/merge-requests/7/merge" or a branch; `branch`: as ID tokens do.

    An external one was made for a commit status.
    """

    id: int
    ref: str
    branch: str
    sha: str
    source: Literal["push", "merge_request_event", "external"]


@dataclass(slots=True, eq=False)
class Project:
    id: int
    path: str
    visibility: Literal["private", "internal", "public"]
    default_branch: str
    repository: Repository
    diffs: Diffs
    members: dict[int, int] = field(default_factory=dict)
    merge_requests: list[MergeRequest] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    statuses: list[Json] = field(default_factory=list)
    pipelines: list[Pipeline] = field(default_factory=list)
    merge_method: Literal["merge", "ff"] = "merge"
    groups: list[Group] = field(default_factory=list)
    archived: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def namespace(self) -> str:
        return self.path.rpartition("/")[0]

    def access(self, user: User) -> int:
        """The member's level; everybody who is signed in reads and comments like a Reporter where it is not private."""
        open_to_all = Access.NONE if self.visibility == "private" else Access.REPORTER
        return max(self.level(user.id), open_to_all)

    def level(self, user: int) -> int:
        """The level of a member, of this project or of a group above it."""
        above = (group.members.get(user, Access.NONE) for group in self.groups)
        return max(self.members.get(user, Access.NONE), *above, Access.NONE)

    def merge_request(self, iid: int) -> MergeRequest | None:
        return next((one for one in self.merge_requests if one.iid == iid), None)


@dataclass(slots=True)
class Limits:
    """What `/diffs` leaves out, by bytes of patch and number of files (docs.gitlab.com/administration/diff_limits)."""

    collapse_bytes: int = 20_480
    too_large_bytes: int = 204_800
    files: int = 1_000


@dataclass(slots=True)
class Switches:
    """`lax_drafts`: store a draft with a bad position, let publishing answer 500. `drop_hooks`: send no webhooks.

    `auto_disable`: hooks that fail are switched off, which an administrator of a GitLab of one's own has to allow
    (docs.gitlab.com/user/project/integrations/webhooks, "Auto-disabled webhooks"). `premium`: there are hooks of
    groups. `clock`: so many seconds GitLab's clock is ahead.
    """

    lax_drafts: bool = False
    drop_hooks: bool = False
    auto_disable: bool = False
    premium: bool = False
    clock: float = 0


@dataclass(slots=True)
class Seen:
    """What the sandbox witnessed, oldest first: what was run, whom it called, where it pointed, who was told."""

    executed: list[Json] = field(default_factory=list)
    mentions: list[Json] = field(default_factory=list)
    references: list[Json] = field(default_factory=list)
    external: list[Json] = field(default_factory=list)
    notifications: list[Json] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)


class State:
    """The whole instance. Every reader and writer holds `lock`; `revision` grows with every change.

    `jira` and `confluence` are None in a sandbox without one.
    """

    def __init__(self, folder: Path, version: str = "19.2.0", url: str = "http://127.0.0.1") -> None:
        self.folder = folder
        self.version = version
        self.url = url
        self.lock = threading.RLock()
        self.revision = 0
        self.users: list[User] = []
        self.projects: list[Project] = []
        self.groups: list[Group] = []
        self.hook_tests: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        self.limits = Limits()
        self.switches = Switches()
        self.seen = Seen()
        self.faults: list[Fault] = []
        self.closing = False
        self.jira: Site | None = None
        self.confluence: Confluence | None = None
        self.signing_keys: list[RSAPrivateKey] = []
        self.outbox: queue.Queue[Delivery | None] = queue.Queue()
        self._counters: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def next_id(self, kind: str) -> int:
        return next(self._counters[kind])

    def touch(self) -> None:
        with self.lock:
            self.revision += 1

    def at_least(self, *version: int) -> bool:
        """Whether the instance is this version of GitLab or a newer one."""
        return tuple(int(part) for part in self.version.split("-")[0].split(".")) >= version

    def add_user(
        self,
        username: str,
        name: str = "",
        *,
        token: str = "",
        scopes: tuple[str, ...] = ALL_SCOPES,
        bot: bool = False,
        public_email: str = "",
        blocked: bool = False,
        expires_on: str = "",
        admin: bool = False,
    ) -> User:
        """A person (or bot) with one access token; a random one is made when none is given."""
        with self.lock:
            token = token or f"sandbox-{username}-{secrets.token_hex(8)}"
            user = User(self.next_id("user"), username, name or username.title(), token, scopes, bot)
            user.public_email, user.state = public_email, "blocked" if blocked else "active"
            user.expires_on, user.admin = expires_on, admin
            self.users.append(user)
            return user

    def add_project(
        self,
        path: str,
        visibility: Literal["private", "internal", "public"] = "private",
        default_branch: str = "main",
    ) -> Project:
        """A project with an empty bare repository under the data folder."""
        with self.lock:
            repository = Repository.create(self.folder / f"{path}.git", default_branch)
            project = Project(
                self.next_id("project"), path, visibility, default_branch, repository, Diffs(repository)
            )
            project.groups = [group for group in self.groups if path.startswith(f"{group.path}/")]
            self.projects.append(project)
            return project

    def add_group(self, path: str) -> Group:
        """A group above the projects whose paths begin with its own."""
        with self.lock:
            group = Group(self.next_id("group"), path)
            self.groups.append(group)
            for project in self.below(group):
                project.groups.append(group)
            return group

    def below(self, group: Group) -> list[Project]:
        return [one for one in self.projects if one.path.startswith(f"{group.path}/")]

    def user(self, username: str) -> User | None:
        return next((user for user in self.users if user.username == username), None)

    def user_by_id(self, number: int) -> User | None:
        return next((user for user in self.users if user.id == number), None)

    def user_by_token(self, token: str) -> User | None:
        return next((user for user in self.users if user.owns(token)), None)

    def project(self, key: str) -> Project | None:
        """By number or by full path."""
        return next((one for one in self.projects if key in (str(one.id), one.path)), None)

    def group(self, key: str) -> Group | None:
        """By number or by full path."""
        return next((one for one in self.groups if key in (str(one.id), one.path)), None)
