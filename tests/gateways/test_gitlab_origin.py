"""What a pipeline is of, by GitLab's word, where branches of forks and of the parent share their names."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from bot.domain.change import Target
from bot.errors import Denied
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_origin import Pipeline, origin

HEAD, OTHER = "f" * 40, "c" * 40
TARGET = Target("acme/shop", 7, 1)


@dataclass
class GitLab:
    """Answers for one merge request and one pipeline."""

    source_project: int | None
    ref: str
    sha: str

    def get(self, path: str, what: str, **query: Any) -> dict[str, Any]:
        if "/pipelines/" in path:
            return {"id": 5, "project_id": 1, "ref": self.ref, "sha": self.sha}
        return {
            "iid": 7,
            "project_id": 1,
            "title": "Change the shop",
            "state": "opened",
            "source_branch": "main",
            "target_branch": "main",
            "sha": HEAD,
            "source_project_id": self.source_project,
            "updated_at": "2026-11-20T10:00:00Z",
        }


def asked(gitlab: GitLab) -> str:
    return origin(cast(GitLabApi, gitlab), Pipeline(5, 1, gitlab.sha), TARGET).head


@pytest.mark.parametrize("source_project", [9, None])
def test_a_branch_of_the_parent_named_like_the_forks_is_another_branch(source_project: int | None) -> None:
    with pytest.raises(Denied, match="pipelines of forks"):
        asked(GitLab(source_project, "main", OTHER))


def test_a_branch_pipeline_of_the_source_branch_speaks_of_its_own_commit() -> None:
    assert asked(GitLab(1, "main", OTHER)) == OTHER


def test_a_member_runs_a_forks_change_in_the_parent() -> None:
    assert asked(GitLab(9, "refs/merge-requests/7/head", HEAD)) == HEAD


def test_a_pipeline_of_another_merge_request_is_none_of_this_one() -> None:
    with pytest.raises(Denied):
        asked(GitLab(1, "refs/merge-requests/8/head", OTHER))
