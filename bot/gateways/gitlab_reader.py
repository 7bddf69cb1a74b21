"""Reads merge requests from GitLab: the port `MergeRequestReader`. Never writes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from urllib.parse import quote

from bot.domain.background import Commit
from bot.domain.change import ChangeSet, DiffRefs, MergeRequest, Target
from bot.domain.events import Person
from bot.domain.notes import Award, Note
from bot.errors import NotFound, NotReady, PlatformError, Unavailable
from bot.gateways.git import GitCache, GitRepository, GitSnapshot
from bot.gateways.gitlab_api import GitLabApi, merge_request_path, project_path
from bot.gateways.gitlab_diff import DiffSources, change_set
from bot.gateways.gitlab_files import Trees, trees_by_api
from bot.gateways.gitlab_shapes import (
    AccountShape,
    AwardShape,
    CommitShape,
    DiscussionShape,
    MemberShape,
    MergeRequestShape,
    NoteShape,
    UserShape,
    VersionShape,
    shaped,
)
from bot.gateways.http import TooLarge
from bot.ports import Snapshot

PREPARING = "GitLab is still preparing the diff of {target}"
PREPARE_SECONDS = 2.0
ZEROS = "0" * 40
MOST_COMMITS = 100
MOST_AWARDS = 1_000
MOST_PUSHES = 100
NO_GIT = "earlier commits of {target} are only to be had by git, which is refused"


class GitLabReader:
    """One read token on one GitLab. `cache` keeps the bare repositories that snapshots are read from."""

    def __init__(self, api: GitLabApi, cache: GitCache) -> None:
        self._api = api
        self._cache = cache
        self._repositories: dict[tuple[str, int, str], GitRepository] = {}
        self._trees: dict[tuple[str, int, str], Trees] = {}
        self._without_notes: Target | None = None

    def me(self) -> Person:
        """The account the token belongs to."""
        what = "the token's own user"
        user = shaped(UserShape, self._api.get("/user", what), what)
        return Person(id=user.id, username=user.username)

    def merge_request(self, target: Target) -> MergeRequest:
        what = f"merge request {target}"
        data = shaped(MergeRequestShape, self._api.get(merge_request_path(target), what), what)
        request = _merge_request(data, target)
        self._without_notes = request.target if data.user_notes_count == 0 else None
        return request

    def notes(self, target: Target) -> Iterator[Note]:
        """Page after page: only one is held at a time.

        None are asked for where the merge request, read right before, said that nobody has written any.
        """
        if self._without_notes == target:
            self._without_notes = None
            return
        what = f"the discussions of {target}"
        for item in self._api.pages(f"{merge_request_path(target)}/discussions", what):
            thread = shaped(DiscussionShape, item, what)
            yield from (_note(note, thread) for note in thread.notes)

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        what = f"a thread of {target}"
        path = f"{merge_request_path(target)}/discussions/{quote(thread, safe='')}"
        try:
            found = shaped(DiscussionShape, self._api.get(path, what), what)
        except NotFound:
            return ()
        return tuple(_note(note, found) for note in found.notes)

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        """None on a note that is gone."""
        what = f"the reactions on note {note} of {target}"
        found = self._api.pages(f"{merge_request_path(target)}/notes/{note}/award_emoji", what)
        try:
            shapes = [shaped(AwardShape, item, what) for item in islice(found, MOST_AWARDS)]
        except NotFound:
            return ()
        return tuple(Award(one.name, one.user.id, one.user.username) for one in shapes)

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        """One request. Nothing where their messages are too much for one answer."""
        what = f"the commits of {request.target}"
        found = self._api.pages(f"{merge_request_path(request.target)}/commits", what)
        try:
            shapes = [shaped(CommitShape, item, what) for item in islice(found, MOST_COMMITS)]
        except TooLarge:
            return ()
        return tuple(Commit(one.id, one.message or "", one.author_name or "") for one in shapes)

    def access_level(self, target: Target, user_id: int) -> int:
        path, what = f"{project_path(target)}/members/all/{user_id}", f"member {user_id} of {target.project}"
        try:
            member = shaped(MemberShape, self._api.get(path, what), what)
        except NotFound:
            return 0
        return member.access_level if member.state == "active" else 0

    def change_set(self, request: MergeRequest) -> ChangeSet:
        """Raises NotReady until GitLab has computed the diff of the present head."""
        refs = request.refs
        if refs is None or refs.head != request.head:
            raise NotReady(PREPARING.format(target=request.target), PREPARE_SECONDS)
        sources = DiffSources(self._api, request.target, refs, lambda: self._repository(request))
        return change_set(sources, refs, request.changes_count)

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        """By the versions of its diff (docs.gitlab.com/api/merge_requests): one a push. One request."""
        what = f"the versions of {request.target}"
        found = self._api.pages(f"{merge_request_path(request.target)}/versions", what)
        shapes = [shaped(VersionShape, item, what) for item in islice(found, MOST_PUSHES)]
        return tuple(sorted((one.created_at.timestamp() for one in shapes), reverse=True))

    def is_bot(self, user_id: int) -> bool:
        what = f"the account {user_id}"
        try:
            return shaped(AccountShape, self._api.get(f"/users/{user_id}", what), what).bot
        except NotFound:
            return False

    def snapshot(self, request: MergeRequest) -> Snapshot:
        return self._read(request).head

    def snapshot_at(self, request: MergeRequest, commit: str) -> Snapshot:
        """By git, fetched where it is not there yet. Raises NotFound, also where git is refused."""
        self._read(request)
        repository = self._repositories.get(_key(request))
        if repository is None:
            raise NotFound(NO_GIT.format(target=request.target))
        repository.fetch_commit(commit, self._api.token)
        return GitSnapshot(repository, commit)

    def target_branch(self, request: MergeRequest) -> Snapshot:
        return self._read(request).target

    def _read(self, request: MergeRequest) -> Trees:
        """By git; over the API where git is refused. Raises NotFound for a target branch that is gone."""
        key = _key(request)
        if key not in self._trees:
            try:
                self._trees[key] = self._trees_by_git(request)
            except Unavailable:
                raise
            except PlatformError as refusal:
                self._trees[key] = trees_by_api(self._api, request, refusal)
        return self._trees[key]

    def _trees_by_git(self, request: MergeRequest) -> Trees:
        repository = self._repository(request)
        return Trees(GitSnapshot(repository, request.head), GitSnapshot(repository, repository.target_tip))

    def _repository(self, request: MergeRequest) -> GitRepository:
        key, target = _key(request), request.target
        if key not in self._repositories:
            url = f"{self._api.url}/{target.project}.git"
            self._repositories[key] = self._cache.fetch(
                url, self._api.token, iid=target.iid, head=request.head, target_branch=request.target_branch
            )
        return self._repositories[key]


def _key(request: MergeRequest) -> tuple[str, int, str]:
    return request.target.project, request.target.iid, request.head


def _merge_request(data: MergeRequestShape, target: Target) -> MergeRequest:
    """`target` as GitLab names it now: a project may have been renamed since."""
    path = data.references.full.rpartition("!")[0] or target.project
    refs = _refs(data)
    return MergeRequest(
        target=replace(target, project=path, project_id=data.project_id),
        title=data.title,
        description=data.description or "",
        state=data.state,  # type: ignore[arg-type]  # a state GitLab invents is not "opened", which is what counts
        draft=data.draft,
        author=data.author.username if data.author else "",
        source_branch=data.source_branch,
        target_branch=data.target_branch,
        head=data.sha or (refs.head if refs else ""),
        refs=refs,
        web_url=data.web_url,
        labels=data.labels,
        changes_count=data.changes_count or "",
        author_id=data.author.id if data.author else 0,
    )


def _refs(data: MergeRequestShape) -> DiffRefs | None:
    given = data.diff_refs
    shas = (given.base_sha, given.start_sha, given.head_sha) if given else ()
    known = [sha for sha in shas if sha and sha != ZEROS]
    return DiffRefs(*known) if len(known) == 3 else None


def _note(data: NoteShape, thread: DiscussionShape) -> Note:
    place, resolver = data.position, data.resolved_by
    return Note(
        id=data.id,
        author_id=data.author.id if data.author else 0,
        body=data.body or "",
        discussion=thread.id,
        system=data.system,
        resolved=data.resolved if data.resolvable else None,
        path=place.new_path if place else None,
        new_line=place.new_line if place else None,
        old_line=place.old_line if place else None,
        author=data.author.username if data.author else "",
        resolver_id=resolver.id if resolver else 0,
        resolver=resolver.username if resolver else "",
        threaded=not thread.individual_note,
        internal=data.internal,
    )
