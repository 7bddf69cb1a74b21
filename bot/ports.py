"""What the core reads through: Protocols, read only, each as small as its caller needs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain.background import Commit
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.flow import CodeProject
from bot.domain.issues import Choices, Issue, IssueComment, IssuePerson, StatusChange
from bot.domain.notes import Award, Note
from bot.domain.pages import Page, PageComment, PagePerson
from bot.domain.releases import MergedRequest, Tag
from bot.errors import PlatformError


class NotSearchable(PlatformError):
    """The repository is only at hand file by file."""


@dataclass(frozen=True, slots=True)
class Match:
    """One line a search found. `line` is 1-based; `text` is the line without its newline, cut to 400 characters."""

    path: str
    line: int
    text: str


class Snapshot(Protocol):
    """Read-only view of a repository at one commit. Nothing of the repository is ever executed."""

    commit: str

    def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
        """The file's bytes; None when there is no such regular file or it is larger than `limit` bytes."""

    def size(self, path: str) -> int | None:
        """The file's size in bytes, None when there is no such regular file."""

    def list(self, folder: str = "", limit: int = 200) -> Sequence[str]:
        """What the folder holds, sorted, at most `limit` names; a folder's ends with "/". Empty: no such folder."""

    def search(self, text: str, paths: str = "", limit: int = 50) -> Sequence[Match]:
        """Lines that hold `text` literally, in path order, at most `limit`; `paths` is a folder or file to stay in.

        Binary files and files over 1 MB are left out. Raises NotSearchable where this repository cannot be searched.
        """


class IssueReader(Protocol):
    """Reads one issue tracker. Every method may raise AccessDenied and Unavailable."""

    def me(self) -> IssuePerson:
        """The account the token belongs to."""

    def projects(self) -> frozenset[str]:
        """The keys of all projects that the token may see."""

    def issue(self, key: str, fields: Sequence[str] = ()) -> Issue:
        """One issue by key or number; `fields` are further ones to read, by id or name. Raises NotFound."""

    def comments(self, key: str) -> Sequence[IssueComment]:
        """Its comments, oldest first, at most the newest thousand."""

    def comment(self, key: str, comment: str) -> IssueComment:
        """Raises NotFound."""

    def roles(self, project: str, person: IssuePerson) -> frozenset[str]:
        """The names of the project roles a person has, directly or by a group, in lower case."""

    def choices(self, project: str, fields: Collection[str]) -> Choices:
        """What these fields of the project's issues can hold: "component" and "priority"; labels are anything."""

    def project_key(self, number: str) -> str:
        """The key of the project with this number. Raises NotFound."""

    def address(self, key: str) -> str:
        """Where people open an issue; nothing is asked for it."""

    def statuses(self, project: str) -> frozenset[str]:
        """The names of all statuses that issues of the project can have, in lower case."""

    def moved(self, key: str) -> Sequence[StatusChange]:
        """The changes of its status, oldest first, at most the newest hundred."""


class CodeReader(Protocol):
    """Reads a GitLab project beside any merge request."""

    def project(self, path: str) -> CodeProject:
        """Raises NotFound, AccessDenied, Unavailable."""

    def branch(self, project: CodeProject, name: str) -> Snapshot:
        """The repository at the tip of a branch. Raises NotFound."""

    def username(self, *, username: str = "", email: str = "") -> str:
        """The user name of the active account with this name or public e-mail address, "" for none or several."""

    def tags(self, project: CodeProject) -> Sequence[Tag]:
        """The project's tags, the newest hundred, in no certain order."""

    def merged(self, project: CodeProject, since: Tag | None, until: str) -> Sequence[MergedRequest]:
        """The merge requests whose merge is in `until` (a tag or branch) and not in `since`, the latest first.

        Without `since` those that are in `until` at all; never more than the latest 500.
        """


class PageReader(Protocol):
    """Reads one Confluence. Every method may raise AccessDenied and Unavailable."""

    def me(self) -> PagePerson:
        """The account the token belongs to."""

    def page(self, page: str) -> Page:
        """By its id, in whatever status it is. Raises NotFound; a page that may not be seen is not found either."""

    def find(self, space: str, title: str) -> Page | None:
        """The page of this title in a space, archived ones too, never one in the trash; None where there is none."""

    def is_restricted(self, page: Page) -> bool:
        """Whether only some of those who see the space may see the page, by its own or a page above's restriction."""

    def comments(self, page: str) -> Sequence[PageComment]:
        """The comments in its footer that answer no other, oldest first, at most the newest thousand."""

    def remembered(self, page: str, section: str) -> Mapping[str, Any] | None:
        """What the property of a section remembers (see `bot.domain.sections.Kept`), None where there is none."""


class MergeRequestReader(Protocol):
    """Reads one code host."""

    def merge_request(self, target: Target) -> MergeRequest:
        """Raises NotFound, AccessDenied, Unavailable."""

    def change_set(self, request: MergeRequest) -> ChangeSet:
        """Every changed file, read or with a reason why not. Raises NotReady while the diff is being prepared."""

    def notes(self, target: Target) -> Iterable[Note]:
        """All notes of the merge request, oldest first; the host's own may be missing where there are no others."""

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        """The notes of one thread, oldest first; none where it is gone."""

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        """The reactions on one note, at most the first thousand."""

    def snapshot(self, request: MergeRequest) -> Snapshot:
        """The repository at the merge request's head."""

    def snapshot_at(self, request: MergeRequest, commit: str) -> Snapshot:
        """The repository at one of the merge request's commits. Raises NotFound where it cannot be had."""

    def target_branch(self, request: MergeRequest) -> Snapshot:
        """The repository at the tip of the target branch: where rules come from."""

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        """The merge request's commits, newest first, at most 100; empty where they cannot be had cheaply."""

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        """When it got its commits (Unix times), the newest first, at most 100: the last is when it was opened."""

    def is_bot(self, user_id: int) -> bool:
        """Whether an account is a program's own, by what the host says of it; one that is gone is none."""

    def access_level(self, target: Target, user_id: int) -> int:
        """GitLab's access level of a person in the target's project, inherited rights included; 0 for none."""
