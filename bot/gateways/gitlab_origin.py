"""Where a pipeline comes from, by GitLab's own account: an ID token's word for it has been wrong before.

Tokens of forks' pipelines carried claims of the parent project (gitlab-org/gitlab#548165), so that what a token says of
project, commit and merge request is compared with what the API says.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain.change import Target
from bot.errors import Denied, NotFound
from bot.gateways.gitlab_api import GitLabApi, merge_request_path, project_path
from bot.gateways.gitlab_shapes import MergeRequestShape, PipelineShape, shaped

MERGE_REQUEST_REF: Final = re.compile(r"refs/merge-requests/(\d{1,18})/(head|merge|train)")

NO_MERGE_REQUEST = "{target} does not exist, or this server may not see it"
FOREIGN = (
    "pipeline {pipeline} is none of {target} in {project}: pipelines of forks run in direct mode without a token, or a "
    "member runs the pipeline in the parent project"
)


NOT_ITS_PIPELINE = "pipeline {pipeline} is none of {project}: pipelines of forks start no work on issues"


@dataclass(frozen=True)
class Pipeline:
    """What a token says of the pipeline its job belongs to."""

    id: int
    project_id: int
    sha: str


@dataclass(frozen=True)
class Origin:
    """The merge request a pipeline is of, as it is named now, and the head the pipeline speaks of.

    The head may be one that the merge request has left, or that GitLab does not show there yet: the run finds out.
    """

    target: Target
    head: str


def origin(api: GitLabApi, pipeline: Pipeline, target: Target) -> Origin:
    """What a pipeline is to review, if it is one of this merge request. Raises Denied, PlatformError.

    Two requests.
    """
    found = _merge_request(api, target)
    path = found.references.full.rpartition("!")[0] or target.project
    named = Target(path, found.iid, found.project_id)
    told = _pipeline(api, pipeline, named, _foreign(pipeline, named))
    if (told.project_id, told.sha) != (pipeline.project_id, pipeline.sha):
        raise _foreign(pipeline, named)
    return Origin(named, _head(told, pipeline, found, named))


def check_project(api: GitLabApi, pipeline: Pipeline, project: str) -> None:
    """Make sure that the project of this full path has this pipeline. Raises Denied, PlatformError. One request."""
    denied = Denied(403, NOT_ITS_PIPELINE.format(pipeline=pipeline.id, project=project))
    told = _pipeline(api, pipeline, Target(project, 0, 0), denied)
    if (told.project_id, told.sha) != (pipeline.project_id, pipeline.sha):
        raise denied


def _head(told: PipelineShape, pipeline: Pipeline, found: MergeRequestShape, named: Target) -> str:
    """Of a merge of the head only GitLab knows which head it was: the present one is taken."""
    ref = MERGE_REQUEST_REF.fullmatch(told.ref)
    is_branch = found.source_project_id == found.project_id and told.ref == found.source_branch
    ours = int(ref[1]) == found.iid if ref else is_branch
    if not ours and told.sha != found.sha:
        raise _foreign(pipeline, named)
    is_merge = ref is not None and ref[2] != "head"
    return (found.sha or told.sha) if is_merge else told.sha


def _merge_request(api: GitLabApi, target: Target) -> MergeRequestShape:
    what = f"merge request {target}"
    try:
        return shaped(MergeRequestShape, api.get(merge_request_path(target), what), what)
    except NotFound:
        raise Denied(422, NO_MERGE_REQUEST.format(target=target)) from None


def _pipeline(api: GitLabApi, pipeline: Pipeline, target: Target, denied: Denied) -> PipelineShape:
    what = f"pipeline {pipeline.id} of {target.project}"
    try:
        return shaped(PipelineShape, api.get(f"{project_path(target)}/pipelines/{pipeline.id}", what), what)
    except NotFound:
        raise denied from None


def _foreign(pipeline: Pipeline, target: Target) -> Denied:
    return Denied(403, FOREIGN.format(pipeline=pipeline.id, target=target, project=target.project))
