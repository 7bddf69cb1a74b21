"""What changed on GitLab since a moment: merge requests of any state, the notes on them, and tags. Reads only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from bot.domain.change import Seen, Target, wording
from bot.domain.events import NoteWritten, Person, Project
from bot.domain.notes import THREADED
from bot.domain.releases import Tag
from bot.gateways.gitlab_api import PER_PAGE, GitLabApi, merge_request_path
from bot.gateways.gitlab_releases import newest_tags
from bot.gateways.gitlab_shapes import CodeProjectShape, MergeRequestShape, NoteShape, ProjectShape, shaped

GLOB_SIGNS = frozenset("*?[")
MAX_PROJECTS = 1_000
MAX_CHANGED = 500
MAX_NOTES = 100
MAX_TAGS = 20


@dataclass(frozen=True)
class Changed:
    """One merge request as a list shows it. `updated` is a Unix time, `notes` how many people's notes it has."""

    target: Target
    seen: Seen
    head: str
    draft: bool
    notes: int
    updated: float


class GitLabSweep:
    """Lists what a sweep looks at. `projects` are paths or globs, as in TRIVET_GITLAB__PROJECTS."""

    def __init__(self, api: GitLabApi, projects: tuple[str, ...], serves: Callable[[str], bool]) -> None:
        self._api = api
        self._globs = any(map(_is_glob, projects))
        self._named = [path for path in projects if not _is_glob(path)]
        self._serves = serves

    def projects(self) -> Iterator[str]:
        """The paths to look at: named ones as they are, globs over the projects the token is a member of."""
        yield from self._named
        if not self._globs:
            return
        what = "the bot's projects"
        query: dict[str, Any] = {"membership": True, "simple": True, "archived": False, "order_by": "id"}
        for item in islice(self._api.pages("/projects", what, **query), MAX_PROJECTS):
            path = shaped(ProjectShape, item, what).path_with_namespace
            if path not in self._named and self._serves(path):
                yield path

    def changed(self, project: str, since: float) -> Iterator[Changed]:
        """Merge requests of any state updated since a Unix time, oldest change first, at most `MAX_CHANGED`.

        Raises NotFound, AccessDenied for a project that is gone or closed to us.
        """
        after, known = datetime.fromtimestamp(since, UTC), set[int]()
        while len(known) < MAX_CHANGED:
            page = self._updated(project, after)
            fresh = [item for item in page if item.iid not in known]
            yield from (_changed(item, project) for item in fresh)
            if not fresh or len(page) < PER_PAGE:
                return
            known.update(item.iid for item in fresh)
            after = page[-1].updated_at

    def notes(self, target: Target, since: float) -> Iterator[NoteWritten]:
        """Notes people wrote since a Unix time, newest first, the newest `MAX_NOTES` of the merge request."""
        what = f"the notes of {target}"
        query: dict[str, Any] = {"order_by": "created_at", "sort": "desc"}
        for item in islice(self._api.pages(f"{merge_request_path(target)}/notes", what, **query), MAX_NOTES):
            note = shaped(NoteShape, item, what)
            if note.created_at.timestamp() < since:
                return
            if not note.system and note.author:
                yield _written(note, note.author.id, note.author.username, target)

    def tags(self, project: str) -> Sequence[Tag]:
        """The newest `MAX_TAGS` of a project, newest first, by one request.

        Raises NotFound, AccessDenied for a project that is gone or closed to us.
        """
        return newest_tags(self._api, project, MAX_TAGS)

    def number(self, project: str) -> int:
        """The project's id. Raises NotFound, AccessDenied."""
        what = f"project {project}"
        return shaped(CodeProjectShape, self._api.get(f"/projects/{quote(project, safe='')}", what), what).id

    def _updated(self, project: str, after: datetime) -> list[MergeRequestShape]:
        """The first page from a moment on: later pages would shift whenever something on an earlier one changes."""
        what = f"the merge requests of {project}"
        query: dict[str, Any] = {
            "updated_after": after.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "order_by": "updated_at",
            "sort": "asc",
            "state": "all",
            "scope": "all",
        }
        path = f"/projects/{quote(project, safe='')}/merge_requests"
        items = islice(self._api.pages(path, what, **query), PER_PAGE)
        return [shaped(MergeRequestShape, item, what) for item in items]


def _is_glob(path: str) -> bool:
    return not GLOB_SIGNS.isdisjoint(path)


def _changed(item: MergeRequestShape, project: str) -> Changed:
    return Changed(
        target=Target(project, item.iid, item.project_id),
        seen=Seen(item.state, item.target_branch, wording(item.title, item.description or "")),
        head=item.sha or "",
        draft=item.draft,
        notes=item.user_notes_count or 0,
        updated=item.updated_at.timestamp(),
    )


def _written(note: NoteShape, author_id: int, author_name: str, target: Target) -> NoteWritten:
    return NoteWritten(
        project=Project(id=target.project_id, path=target.project),
        iid=target.iid,
        noteable="MergeRequest",
        note=note.id,
        discussion="",
        author=Person(id=author_id, username=author_name),
        body=note.body or "",
        internal=note.internal,
        threaded=note.type in THREADED,
    )
