"""Repository files over GitLab's API, for where git over HTTP is not to be had: some instances allow SSH only.

A request for every file, so that the number of them is bounded for the two commits of a run together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from bot.domain.change import MergeRequest, Target
from bot.errors import AccessDenied, NotFound, PlatformError, Refused
from bot.gateways.git.objects import tree_path
from bot.gateways.gitlab_api import PER_PAGE, GitLabApi, project_path
from bot.gateways.gitlab_shapes import BranchShape, TreeEntryShape, shaped
from bot.ports import Match, NotSearchable, Snapshot

MAX_REQUESTS = 50
MAX_KEPT = 1_000_000  # bytes of one file; of a larger one only the size is known
MAX_TOTAL = 20_000_000  # bytes of all files kept
FILE_MODES = ("100644", "100755")
FOLDER = "tree"

UNREADABLE = (
    "the files of {project} can be read neither by git ({git}) nor by the API ({api}): "
    "only the diff was reviewed, by the default rules"
)
SPENT = f"the files of {{project}} are read one by one over the API, at most {MAX_REQUESTS} of them"
NOT_SEARCHABLE = "the files of {project} are read one by one over the API: they cannot be searched"


@dataclass(frozen=True, slots=True)
class Trees:
    """The repository at the merge request's head, and at the tip of its target branch."""

    head: Snapshot
    target: Snapshot


@dataclass(slots=True)
class Budget:
    """What a run may still ask for: requests, and bytes to keep."""

    requests: int = MAX_REQUESTS
    kept: int = MAX_TOTAL

    def take_request(self) -> bool:
        self.requests -= 1
        return self.requests >= 0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """`size` in bytes, None where GitLab does not tell it; `content` None where the file is too large to keep."""

    size: int | None
    content: bytes | None


class FilesSnapshot:
    """The port `Snapshot`, one request a file or folder. A file beyond the budget is not there.

    Of a folder the first hundred entries are listed: later pages want keys that GitLab makes up
    (docs.gitlab.com/api/repositories). A symbolic link is not listed, but can be read: the API does not tell it from a
    file, its content is the path it points to.
    """

    def __init__(self, api: GitLabApi, target: Target, commit: str, budget: Budget) -> None:
        self.commit = commit
        self._api = api
        self._target = target
        self._budget = budget
        self._files: dict[str, RemoteFile | None] = {}
        self._folders: dict[str, Sequence[str]] = {}

    def read(self, path: str, limit: int = MAX_KEPT) -> bytes | None:
        file = self._file(path)
        return file.content if file and file.content is not None and len(file.content) <= limit else None

    def size(self, path: str) -> int | None:
        file = self._file(path)
        return file.size if file else None

    def list(self, folder: str = "", limit: int = 200) -> Sequence[str]:
        """Raises PlatformError beyond the budget: a folder that seems empty would tell of files that are not there."""
        if folder not in self._folders:
            self._folders[folder] = sorted(self._names(folder))
        return self._folders[folder][:limit]

    def search(self, text: str, paths: str = "", limit: int = 50) -> Sequence[Match]:
        raise NotSearchable(NOT_SEARCHABLE.format(project=self._target.project))

    def _names(self, folder: str) -> Iterator[str]:
        path = tree_path(folder) if folder else b""
        if path is None:
            return
        if not self._budget.take_request():
            raise PlatformError(SPENT.format(project=self._target.project))
        address, what = f"{project_path(self._target)}/repository/tree", f"a folder of {self._target.project}"
        entries = self._api.pages(address, what, path=path, ref=self.commit, pagination="keyset")
        try:
            for entry in (shaped(TreeEntryShape, item, what) for item in islice(entries, PER_PAGE)):
                if entry.type == FOLDER or entry.mode in FILE_MODES:
                    yield entry.name + "/" * (entry.type == FOLDER)
        except (NotFound, Refused):
            return

    def _file(self, path: str) -> RemoteFile | None:
        if path not in self._files:
            self._files[path] = self._asked(path)
        return self._files[path]

    def _asked(self, path: str) -> RemoteFile | None:
        name = tree_path(path)
        if name is None or not self._budget.take_request():
            return None
        address = f"{project_path(self._target)}/repository/files/{quote(name, safe='')}/raw"
        what = f"a file of {self._target.project}"
        keep = min(MAX_KEPT, self._budget.kept)
        try:
            size, content = self._api.file(address, what, keep, ref=self.commit)
        except (NotFound, Refused):
            return None
        self._budget.kept -= len(content or b"")
        return RemoteFile(size, content)


class UnreadableFiles:
    """The port `Snapshot` where nothing can be read: every question is answered with the reason."""

    def __init__(self, commit: str, reason: str) -> None:
        self.commit = commit
        self._reason = reason

    def read(self, path: str, limit: int = MAX_KEPT) -> bytes | None:
        raise AccessDenied(self._reason)

    def size(self, path: str) -> int | None:
        raise AccessDenied(self._reason)

    def list(self, folder: str = "", limit: int = 200) -> Sequence[str]:
        raise AccessDenied(self._reason)

    def search(self, text: str, paths: str = "", limit: int = 50) -> Sequence[Match]:
        raise AccessDenied(self._reason)


def read_branch(api: GitLabApi, target: Target, branch: str) -> BranchShape:
    """A branch of the target's project. Raises NotFound, AccessDenied, Unavailable."""
    path = f"{project_path(target)}/repository/branches/{quote(branch, safe='')}"
    what = f"branch {branch} of {target.project}"
    return shaped(BranchShape, api.get(path, what), what)


def trees_by_api(api: GitLabApi, request: MergeRequest, git: PlatformError) -> Trees:
    """Both commits over the API; `git` is why not by git. Raises NotFound where the target branch is gone."""
    target = request.target
    try:
        tip = read_branch(api, target, request.target_branch).commit.id
    except AccessDenied as error:
        reason = UNREADABLE.format(project=target.project, git=git, api=error)
        return Trees(UnreadableFiles(request.head, reason), UnreadableFiles("", reason))
    budget = Budget()
    return Trees(FilesSnapshot(api, target, request.head, budget), FilesSnapshot(api, target, tip, budget))
