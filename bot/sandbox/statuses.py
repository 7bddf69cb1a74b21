"""Commit statuses: which pipeline they join, and from which state to which they go.

As GitLab does it (app/services/ci/create_commit_status_service.rb, app/models/commit_status.rb): a status that runs or
waits is changed, by who set it, if its state allows that; beside one that has ended a new one is put, which takes its
place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.sandbox import entities, pipelines
from bot.sandbox.model import Pipeline, Project, State, User
from bot.sandbox.refusals import Refusal, not_found

Json = dict[str, Any]

GOING: Final = ("pending", "running")
LONGEST: Final = 255
EVENTS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "pending": ("enqueue", frozenset({"created"})),
    "running": ("run", frozenset({"created", "pending"})),
    "success": ("success", frozenset({"created", *GOING})),
    "failed": ("drop", frozenset({"created", *GOING})),
    "canceled": ("cancel", frozenset({"created", *GOING})),
    "skipped": ("skip", frozenset({"created", "pending"})),
}
"""For each state to be set: the event that leads there, and the states it starts from."""
NO_TRANSITION: Final = (
    'Cannot transition status via :{event} from :{now} (Reason(s): Status cannot transition via "{event}")'
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A status to be set. `ref` and `pipeline` choose what it joins; None: the newest pipeline of the commit."""

    name: str
    state: str
    ref: str | None = None
    pipeline: int | None = None
    description: str | None = None
    target_url: str | None = None


def put(state: State, project: Project, actor: User, sha: str, wish: Wish) -> Json:
    """The status as it is then. Raises Refusal."""
    pipeline = _pipeline(state, project, sha, wish)
    _check(wish)
    going = [one for one in _of(project, pipeline, wish.name) if _may_be_changed(one, actor)]
    event, starts = EVENTS[wish.state]
    now = going[-1]["status"] if going else "created"
    if now not in starts:
        raise Refusal(400, {"message": NO_TRANSITION.format(event=event, now=now)})
    status = going[-1] if going else _new(state, project, pipeline, actor, wish.name)
    status |= {"status": wish.state, "description": wish.description, "target_url": wish.target_url}
    state.touch()
    return status


def of_commit(project: Project, sha: str, *, every: bool) -> list[Json]:
    """Oldest first; unless `every`, of each name in a pipeline the one that counts."""
    found = [one for one in project.statuses if one["sha"] == sha]
    newest = {(one["pipeline_id"], one["name"]): one["id"] for one in found}
    return [one for one in found if every or one["id"] in newest.values()]


def _pipeline(state: State, project: Project, sha: str, wish: Wish) -> Pipeline:
    """The newest that fits; without one an external one is made, on the first branch that has the commit."""
    fitting = [
        one
        for one in project.pipelines
        if one.sha == sha and wish.ref in (None, one.ref) and wish.pipeline in (None, one.id)
    ]
    if fitting:
        return max(fitting, key=lambda one: one.id)
    if wish.pipeline is not None:
        raise not_found("Pipeline for pipeline_id, sha and ref")
    branch = wish.ref or next(iter(project.repository.branches(holding=sha)), None)
    if branch is None:
        raise not_found("References for commit")
    return pipelines.external(state, project, branch, sha)


def _check(wish: Wish) -> None:
    """docs.gitlab.com/api/commits: description and address have at most 255 characters."""
    for field in ("description", "target_url"):
        if len(getattr(wish, field) or "") > LONGEST:
            raise Refusal(400, {"message": {field: [f"is too long (maximum is {LONGEST} characters)"]}})
    if wish.target_url and not wish.target_url.startswith(("http://", "https://")):
        raise Refusal(400, {"message": {"target_url": ["is blocked: Only allowed schemes are http, https"]}})


def _of(project: Project, pipeline: Pipeline, name: str) -> list[Json]:
    return [one for one in project.statuses if (one["pipeline_id"], one["name"]) == (pipeline.id, name)]


def _may_be_changed(status: Json, actor: User) -> bool:
    return status["status"] in GOING and status["author"]["id"] == actor.id


def _new(state: State, project: Project, pipeline: Pipeline, actor: User, name: str) -> Json:
    status: Json = {
        "id": state.next_id("status"),
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "name": name,
        "pipeline_id": pipeline.id,
        "allow_failure": False,
        "coverage": None,
        "created_at": entities.moment(datetime.now(UTC)),
        "author": entities.user(state, actor),
    }
    project.statuses.append(status)
    return status
