"""Commit statuses on GitLab, written where people look, and once (docs.gitlab.com/api/commits).

A status belongs to a pipeline: the newest of its commit, or one that GitLab makes for it, on a branch or tag. So it
goes to the pipeline that the merge request stands on, if that is the head's own, else to the source branch; that of a
release goes to its tag. A finished status
is never changed: another one takes its place (app/services/ci/create_commit_status_service.rb).
"""

from dataclasses import dataclass
from typing import Any, Final

from bot.domain.actions import SetCommitStatus
from bot.domain.change import Target
from bot.domain.visible import on_one_line
from bot.errors import Refused, Unavailable
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_review import read_merge_request
from bot.gateways.gitlab_shapes import CommitStatusShape, MergeRequestShape, shaped

LONGEST: Final = 255  # characters of a description, and of an address
LOCKED: Final = "in progress"  # "Another update to this commit status is in progress"
NO_TRANSITION: Final = "Cannot transition status"  # another writer was faster, or an older one has not ended
PAUSE: Final = 2.0  # seconds

BUSY = "GitLab is just writing another status of {target}"
NO_SOURCE = "the project that {target} comes from is gone: its commits take no status"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a status of a commit goes: to a pipeline, or, where there is none, to a branch."""

    project: int
    commit: str
    branch: str
    pipeline: int | None
    url: str

    def holds(self, status: CommitStatusShape) -> bool:
        if self.pipeline is None:
            return status.ref in (None, self.branch)
        return status.pipeline_id in (None, self.pipeline)

    @property
    def parameters(self) -> dict[str, Any]:
        return {"ref": self.branch} if self.pipeline is None else {"pipeline_id": self.pipeline}


class CommitStatuses:
    """Of the merge requests and tags on one GitLab."""

    def __init__(self, api: GitLabApi) -> None:
        self._api = api

    def set(self, action: SetCommitStatus, target: Target, head: str) -> tuple[bool, str]:
        """Whether it had to be written, and where a person sees it. Raises PlatformError."""
        place = _place(read_merge_request(self._api, target), target, head)
        return self.set_at(action, place, str(target)), place.url

    def set_at(self, action: SetCommitStatus, place: Place, target: str) -> bool:
        """Whether it had to be written. Raises PlatformError."""
        wanted = _wanted(action)
        if self._is_there(wanted, place, target):
            return False
        try:
            self._write(wanted, place, target)
        except Refused as error:
            if LOCKED in error.detail:
                raise Unavailable(BUSY.format(target=target), PAUSE) from None
            if NO_TRANSITION not in error.detail or not self._is_there(wanted, place, target):
                raise
            return False
        return True

    def newest(self, name: str, place: Place, target: str) -> CommitStatusShape | None:
        """The newest of this name, None where there is none."""
        path = f"/projects/{place.project}/repository/commits/{place.commit}/statuses"
        what = f"the statuses of {target}"
        listed = (shaped(CommitStatusShape, item, what) for item in self._api.pages(path, what, name=name))
        here = [one for one in listed if one.name == name and place.holds(one)]
        return max(here, key=lambda one: one.id, default=None)

    def _is_there(self, wanted: dict[str, str], place: Place, target: str) -> bool:
        newest = self.newest(wanted["name"], place, target)
        return newest is not None and _said(newest) == wanted

    def _write(self, wanted: dict[str, str], place: Place, target: str) -> None:
        path = f"/projects/{place.project}/statuses/{place.commit}"
        filled = {name: value for name, value in wanted.items() if value}
        self._api.post(path, f"the status {wanted['name']} of {target}", filled | place.parameters)


def _place(now: MergeRequestShape, target: Target, head: str) -> Place:
    """Of a fork's merge request the commit, and so the status, is in the fork, unless the parent runs its pipeline.

    A pipeline of a merged result has another commit, so that no status of the head can belong to it.
    """
    running = now.head_pipeline if now.head_pipeline and now.head_pipeline.sha == head else None
    project = (running.project_id if running else None) or now.source_project_id
    if project is None:
        raise Refused(NO_SOURCE.format(target=target))
    return Place(project, head, now.source_branch, running.id if running else None, now.web_url)


def _wanted(action: SetCommitStatus) -> dict[str, str]:
    """GitLab's fields. An address that is too long for GitLab is left out."""
    line = on_one_line(action.description)
    return {
        "name": action.name,
        "state": action.state,
        "description": line if len(line) <= LONGEST else line[: LONGEST - 1] + "…",
        "target_url": action.url if len(action.url) <= LONGEST else "",
    }


def _said(status: CommitStatusShape) -> dict[str, str]:
    return {
        "name": status.name,
        "state": status.status,
        "description": status.description or "",
        "target_url": status.target_url or "",
    }
