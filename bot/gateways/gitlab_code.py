"""Reads GitLab projects beside any merge request: the port `CodeReader`. Never writes."""

from collections.abc import Sequence
from urllib.parse import quote

from bot.domain.change import Target
from bot.domain.flow import CodeProject
from bot.domain.releases import MergedRequest, Tag
from bot.errors import Forbidden, PlatformError, Unavailable
from bot.gateways.git import GitCache, GitSnapshot
from bot.gateways.gitlab_accounts import find_account
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_files import Budget, FilesSnapshot, read_branch
from bot.gateways.gitlab_releases import MOST_TAGS, merged_between, newest_tags
from bot.gateways.gitlab_shapes import CodeProjectShape, shaped
from bot.ports import Snapshot


class GitLabCode:
    """One read token on one GitLab. `cache` keeps the bare repositories that snapshots are read from."""

    def __init__(self, api: GitLabApi, cache: GitCache) -> None:
        self._api = api
        self._cache = cache

    def project(self, path: str) -> CodeProject:
        """By its full path; the answer has the present one, for a project may have been renamed since."""
        what = f"project {path}"
        data = shaped(CodeProjectShape, self._api.get(f"/projects/{quote(path, safe='')}", what), what)
        return CodeProject(
            id=data.id,
            path=data.path_with_namespace,
            visibility=data.visibility,
            default_branch=data.default_branch or "",
            web_url=data.web_url,
        )

    def branch(self, project: CodeProject, name: str) -> Snapshot:
        """By git; file by file over the API where git is refused. Raises NotFound, AccessDenied, Unavailable."""
        try:
            repository = self._cache.fetch_branch(
                f"{self._api.url}/{project.path}.git", self._api.token, name
            )
        except Unavailable:
            raise
        except PlatformError:
            return self._branch_by_api(project, name)
        return GitSnapshot(repository, repository.target_tip)

    def username(self, *, username: str = "", email: str = "") -> str:
        """The name is tried first; an address only counts where its owner made it public.

        Nobody, too, where the token may not look people up: who is assigned matters less than the work.
        """
        try:
            account = find_account(self._api, username=username, email=email)
        except Forbidden:
            return ""
        return account.username if account else ""

    def tags(self, project: CodeProject) -> Sequence[Tag]:
        return newest_tags(self._api, project.path, MOST_TAGS)

    def merged(self, project: CodeProject, since: Tag | None, until: str) -> Sequence[MergedRequest]:
        """See `merged_between`. Raises NotFound where there is no such tag or branch."""
        return merged_between(self._api, project, since, until)

    def _branch_by_api(self, project: CodeProject, name: str) -> Snapshot:
        target = Target(project.path, 0, project.id)
        tip = read_branch(self._api, target, name).commit.id
        return FilesSnapshot(self._api, target, tip, Budget())
