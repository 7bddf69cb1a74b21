"""What changed on GitLab since a moment: merge requests of any state, and the notes on them. Reads only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bot.domain.change import Target
from bot.domain.events import NoteWritten, Person, Project
from bot.errors import NotFound
from bot.gateways.gitlab_api import GitLabApi, merge_request_path

GLOB = "*"
MAX_PROJECTS = 1_000
MAX_CHANGED = 500
MAX_NOTES = 100


@dataclass(frozen=True)
class Changed:
    """One merge request as a list shows it. `updated` is a Unix time, `notes` how many people's notes it has."""

    target: Target
    state: str
    head: str
    draft: bool
    notes: int
    updated: float


class GitLabSweep:
    """Lists what a sweep looks at. `projects` are paths or globs, as in TRIVET_GITLAB__PROJECTS."""

    def __init__(self, api: GitLabApi, projects: tuple[str, ...], serves: Callable[[str], bool]) -> None:
        self._api = api
        self._projects = projects
        self._serves = serves

    def projects(self) -> Iterator[str]:
        """The paths to look at: named ones as they are, globs over the projects the token is a member of."""
        yield from (path for path in self._projects if GLOB not in path)
        if not any(GLOB in path for path in self._projects):
            return
        query: dict[str, Any] = {"membership": True, "simple": True, "archived": False, "order_by": "id"}
        for count, item in enumerate(self._api.pages("/projects", "the bot's projects", **query)):
            path = item["path_with_namespace"]
            if path not in self._projects and self._serves(path):
                yield path
            if count >= MAX_PROJECTS:
                return

    def changed(self, project: str, since: float) -> Iterator[Changed]:
        """Merge requests of any state updated since a Unix time, oldest change first, at most `MAX_CHANGED`."""
        moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query: dict[str, Any] = {
            "updated_after": moment,
            "order_by": "updated_at",
            "sort": "asc",
            "state": "all",
            "scope": "all",
        }
        path = f"/projects/{quote(project, safe='')}/merge_requests"
        try:
            for count, item in enumerate(self._api.pages(path, f"the merge requests of {project}", **query)):
                if count >= MAX_CHANGED:
                    return
                yield Changed(
                    target=Target(project, item["iid"], item["project_id"]),
                    state=item["state"],
                    head=item.get("sha") or "",
                    draft=bool(item.get("draft")),
                    notes=int(item.get("user_notes_count") or 0),
                    updated=datetime.fromisoformat(item["updated_at"]).timestamp(),
                )
        except NotFound:
            return

    def notes(self, target: Target, since: float) -> Iterator[NoteWritten]:
        """Notes people wrote since a Unix time, newest first, the newest `MAX_NOTES` of the merge request."""
        query: dict[str, Any] = {"order_by": "created_at", "sort": "desc"}
        notes = self._api.pages(f"{merge_request_path(target)}/notes", f"the notes of {target}", **query)
        for count, item in enumerate(notes):
            if count >= MAX_NOTES or datetime.fromisoformat(item["created_at"]).timestamp() < since:
                return
            if not item.get("system"):
                yield NoteWritten(
                    project=Project(id=target.project_id, path=target.project),
                    iid=target.iid,
                    noteable="MergeRequest",
                    note=item["id"],
                    discussion="",
                    author=Person(id=item["author"]["id"], username=item["author"]["username"]),
                    body=item["body"],
                    internal=bool(item.get("internal")),
                )
