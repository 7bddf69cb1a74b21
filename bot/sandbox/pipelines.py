"""Pipelines of branches and of merge requests, as far as the API and ID tokens tell of them; nothing is run.

A merge request's pipeline runs on its head, or on a merge of it with the target branch as it is then
(docs.gitlab.com/ci/pipelines/merge_request_pipelines, /merged_results_pipelines, /merge_trains).
"""

from datetime import UTC, datetime
from typing import Any, Final

from bot.sandbox import entities
from bot.sandbox.model import MergeRequest, Pipeline, Project, State, User
from bot.sandbox.refusals import bad_parameter, bad_request

KINDS: Final = {"detached": "head", "merged_result": "merge", "merge_train": "train"}


def of_branch(state: State, project: Project, branch: str) -> Pipeline:
    sha = project.repository.branch(branch)
    if sha is None:
        raise bad_request("Reference not found")
    return _kept(project, Pipeline(state.next_id("pipeline"), branch, branch, sha, "push"))


def external(state: State, project: Project, branch: str, sha: str) -> Pipeline:
    """One that GitLab makes to hold a commit status."""
    return _kept(project, Pipeline(state.next_id("pipeline"), branch, branch, sha, "external"))


def head(state: State, request: MergeRequest) -> dict[str, Any] | None:
    """The newest pipeline of the merge request, wherever it runs, or of its source branch."""
    own = f"refs/merge-requests/{request.iid}/"
    found = [(one, request.project) for one in request.project.pipelines if one.ref.startswith(own)]
    found += [
        (one, request.source_project)
        for one in request.source_project.pipelines
        if one.ref == request.source_branch or (request.fork and one.ref.startswith(own))
    ]
    newest = max(found, key=lambda pair: pair[0].id, default=None)
    return None if newest is None else as_json(state, newest[1], newest[0])


def of_merge_request(
    state: State, project: Project, request: MergeRequest, actor: User, kind: str
) -> Pipeline:
    """`project`: where it runs, the merge request's own or the fork it comes from."""
    if kind not in KINDS:
        raise bad_parameter("kind does not have a valid value")
    ref = f"refs/merge-requests/{request.iid}/{KINDS[kind]}"
    sha = request.head if kind == "detached" else _merged(request, actor, ref)
    number = state.next_id("pipeline")
    return _kept(project, Pipeline(number, ref, request.source_branch, sha, "merge_request_event"))


def _merged(request: MergeRequest, actor: User, ref: str) -> str:
    """A merge commit that is on no branch."""
    repository = request.project.repository
    tip = repository.branch(request.target_branch) or ""
    sha = repository.merge_commit(
        tip, request.head, "Merge result\n", actor.name, f"{actor.username}@example.test"
    )
    repository.set_ref(ref, sha)
    return sha


def _kept(project: Project, pipeline: Pipeline) -> Pipeline:
    project.pipelines.append(pipeline)
    return pipeline


def as_json(state: State, project: Project, pipeline: Pipeline) -> dict[str, Any]:
    """docs.gitlab.com/api/pipelines."""
    return {
        "id": pipeline.id,
        "iid": project.pipelines.index(pipeline) + 1,
        "project_id": project.id,
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "status": "running",
        "source": pipeline.source,
        "created_at": entities.moment(datetime.now(UTC)),
        "web_url": f"{state.url}/{project.path}/-/pipelines/{pipeline.id}",
    }
