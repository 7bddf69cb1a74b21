"""Reads merge requests from GitLab: the port `MergeRequestReader`. Never writes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.domain.change import ChangeSet, DiffRefs, FileChange, MergeRequest, Target
from bot.domain.diff import file_change, parse_sections
from bot.domain.events import Person
from bot.domain.notes import Note
from bot.errors import NotFound, NotReady, PlatformError, Unavailable
from bot.gateways.git import GitCache, GitRepository, GitSnapshot
from bot.gateways.gitlab_api import GitLabApi, merge_request_path, project_path

PREPARING = "GitLab is still preparing the diff of {target}"
PREPARE_SECONDS = 2.0
MAX_FILES = 3_000
MAX_RAW_BYTES = 64_000_000
OVERFLOW = "GitLab lists {listed} of {count} changed files; the rest was not read"
EMPTY_SHAS = frozenset(("", "0" * 40))


class GitLabReader:
    """One read token on one GitLab. `cache` keeps the bare repositories that snapshots are read from."""

    def __init__(self, api: GitLabApi, cache: GitCache) -> None:
        self._api = api
        self._cache = cache
        self._repositories: dict[tuple[str, int, str], GitRepository] = {}

    def me(self) -> Person:
        """The account the token belongs to."""
        user = self._api.get("/user", "the token's own user")
        return Person(id=user["id"], username=user["username"])

    def merge_request(self, target: Target) -> MergeRequest:
        data = self._api.get(merge_request_path(target), f"merge request {target}")
        return _merge_request(data, target)

    def notes(self, target: Target) -> Sequence[Note]:
        path = f"{merge_request_path(target)}/discussions"
        threads = self._api.pages(path, f"the discussions of {target}")
        return [_note(note, thread["id"]) for thread in threads for note in thread["notes"]]

    def access_level(self, target: Target, user_id: int) -> int:
        path = f"{project_path(target)}/members/all/{user_id}"
        try:
            member = self._api.get(path, f"member {user_id} of {target.project}")
        except NotFound:
            return 0
        return int(member["access_level"]) if member.get("state", "active") == "active" else 0

    def change_set(self, request: MergeRequest) -> ChangeSet:
        refs = _ready(request)
        items = self._diff_items(request.target)
        listed = [_readable(item) for item in items[:MAX_FILES]]
        files = tuple(self._complete(request, refs, self._overflow(request, refs, listed)))
        return ChangeSet(refs=refs, files=files, omitted=_omitted(len(items), len(files)))

    def snapshot(self, request: MergeRequest) -> GitSnapshot:
        repository = self._repository(request)
        return GitSnapshot(repository, request.head)

    def target_branch(self, request: MergeRequest) -> GitSnapshot:
        repository = self._repository(request)
        return GitSnapshot(repository, repository.target_tip)

    def _repository(self, request: MergeRequest) -> GitRepository:
        target = request.target
        key = (target.project, target.iid, request.head)
        if key not in self._repositories:
            url = f"{self._api.url}/{target.project}.git"
            self._repositories[key] = self._cache.fetch(
                url, self._api.token, iid=target.iid, head=request.head, target_branch=request.target_branch
            )
        return self._repositories[key]

    def _diff_items(self, target: Target) -> list[dict[str, Any]]:
        """`/diffs`, 100 a page; instances before 18.x answer 500 to more than 30 (gitlab-org/gitlab#427168)."""
        path = f"{merge_request_path(target)}/diffs"
        what = f"the diff of {target}"
        try:
            return list(self._api.pages(path, what))
        except Unavailable as error:
            if "(500)" not in str(error):
                raise
            return list(self._api.pages(path, what, per_page=30))

    def _overflow(self, request: MergeRequest, refs: DiffRefs, listed: list[FileChange]) -> list[FileChange]:
        """Where GitLab lists fewer files than it counts ("1000+"), the rest comes from git."""
        if request.changes_count.isdigit() and int(request.changes_count) <= len(listed):
            return listed
        if not request.changes_count:
            return listed
        known = {file.new_path for file in listed}
        found = _tolerated(partial(self._git_diff, request, refs, None))
        return [*listed, *(file for file in found if file.new_path not in known)][:MAX_FILES]

    def _complete(self, request: MergeRequest, refs: DiffRefs, files: list[FileChange]) -> list[FileChange]:
        """Fill in the files GitLab collapsed or found too large: from `raw_diffs`, then from git."""
        for source in (self._raw_diffs, self._git_diff):
            missing = frozenset(file.new_path for file in files if file.unread)
            if not missing:
                break
            files = _filled(files, _tolerated(partial(source, request, refs, missing)))
        return files

    def _raw_diffs(
        self, request: MergeRequest, _refs: DiffRefs, paths: frozenset[str]
    ) -> Iterable[FileChange]:
        what = f"the raw diff of {request.target}"
        chunks = _bounded(self._api.stream(f"{merge_request_path(request.target)}/raw_diffs", what))
        return [file for file in parse_sections(chunks) if file.new_path in paths]

    def _git_diff(
        self, request: MergeRequest, refs: DiffRefs, paths: frozenset[str] | None
    ) -> Iterable[FileChange]:
        repository = self._repository(request)
        repository.fetch_commit(refs.base, self._api.token)
        return [
            file for file in repository.diff(refs.base, refs.head) if paths is None or file.new_path in paths
        ]


def _merge_request(data: Mapping[str, Any], target: Target) -> MergeRequest:
    refs = data.get("diff_refs") or {}
    shas = [refs.get(f"{name}_sha") or "" for name in ("base", "start", "head")]
    path = str((data.get("references") or {}).get("full", "")).rpartition("!")[0] or target.project
    return MergeRequest(
        target=replace(target, project=path, project_id=data["project_id"]),
        title=data["title"],
        description=data.get("description") or "",
        state=data["state"],
        draft=bool(data.get("draft", data.get("work_in_progress", False))),
        author=(data.get("author") or {}).get("username", ""),
        source_branch=data["source_branch"],
        target_branch=data["target_branch"],
        head=data.get("sha") or shas[2],
        refs=None if EMPTY_SHAS & set(shas) else DiffRefs(*shas),
        web_url=data.get("web_url", ""),
        labels=tuple(data.get("labels") or ()),
        changes_count=str(data.get("changes_count") or ""),
    )


def _note(data: Mapping[str, Any], discussion: str) -> Note:
    position = data.get("position") or {}
    return Note(
        id=data["id"],
        author_id=(data.get("author") or {}).get("id", 0),
        body=data.get("body") or "",
        discussion=discussion,
        system=bool(data.get("system")),
        resolved=data.get("resolved") if data.get("resolvable") else None,
        path=position.get("new_path"),
        new_line=position.get("new_line"),
        old_line=position.get("old_line"),
    )


def _ready(request: MergeRequest) -> DiffRefs:
    """The refs, once GitLab has computed them for the present head."""
    if request.refs is None or request.refs.head != request.head:
        raise NotReady(PREPARING.format(target=request.target), PREPARE_SECONDS)
    return request.refs


def _readable(item: Mapping[str, Any]) -> FileChange:
    try:
        return file_change(item)
    except ValueError as error:
        raise PlatformError(f"GitLab sent a diff that cannot be read: {error}") from None


def _omitted(count: int, read: int) -> str | None:
    return OVERFLOW.format(listed=read, count=count) if count > read else None


def _filled(files: Iterable[FileChange], better: Iterable[FileChange]) -> list[FileChange]:
    """The files, those without hunks replaced by what a fallback knows of them (same path, same status)."""
    found = {(file.new_path, file.status): file for file in better if not file.unread}
    return [found.get((file.new_path, file.status), file) if file.unread else file for file in files]


def _tolerated(read: Callable[[], Iterable[FileChange]]) -> Iterable[FileChange]:
    """A fallback that the platform does not offer leaves the files unread, which the report then says."""
    try:
        return read()
    except Unavailable:
        raise
    except (PlatformError, ValueError):
        return ()


def _bounded(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """At most `MAX_RAW_BYTES`; what lies beyond stays unread."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > MAX_RAW_BYTES:
            return
        yield chunk
