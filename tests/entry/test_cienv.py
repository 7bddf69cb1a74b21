"""What a CI job is told by GitLab, as data."""

from collections.abc import Mapping

import pytest

from bot.entry.cienv import CloneAccess, Job, clone_access, in_gitlab_ci, merge_request_job
from bot.errors import UsageError
from tests.ci_variables import BASE, DETACHED, HEAD, JOB_TOKEN, MERGE, MERGED, OLD, RESULT, TIP, TRAIN


def job(**changes: str) -> Job:
    found = merge_request_job({**DETACHED, **changes})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "kind", "head", "base", "target_tip"),
    [
        ({}, "detached", HEAD, BASE, ""),
        ({**MERGED, **RESULT}, "merged_result", HEAD, BASE, TIP),
        ({**MERGED, **TRAIN}, "merge_train", HEAD, BASE, TIP),
        ({**OLD}, "detached", HEAD, "", ""),
        ({**MERGED, **RESULT, **OLD}, "merged_result", HEAD, "", TIP),
        ({**RESULT, "CI_COMMIT_SHA": MERGE}, "merged_result", "", BASE, ""),
        ({**TRAIN, **OLD, "CI_COMMIT_SHA": MERGE}, "merge_train", "", "", ""),
        ({"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "0" * 40}, "detached", HEAD, BASE, ""),
        ({"CI_COMMIT_SHA": "e" * 64}, "detached", "e" * 64, BASE, ""),
    ],
    ids=["detached", "merged", "train", "old", "old merged", "no head", "old train", "zeros", "sha256"],
)
def test_head_and_base_are_told_for_every_kind_of_pipeline(
    changes: Mapping[str, str], kind: str, head: str, base: str, target_tip: str
) -> None:
    found = job(**changes)
    assert (found.kind, found.head, found.base, found.target_tip) == (kind, head, base, target_tip)


def test_the_merge_request_is_told_as_data() -> None:
    found = job()
    assert (found.gitlab, found.target, found.project_id) == ("https://gitlab.example.com", "acme/shop!7", 34)
    assert found.url == "https://gitlab.example.com/acme/shop/-/merge_requests/7"
    assert (found.title, found.description) == ("Add `prices`", "First line\n/approve\n")
    assert (found.source_branch, found.target_branch) == ("feature/$(touch x)", "main")
    assert found.labels == ("backend", "needs review")
    assert JOB_TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("own", "target", "source", "is_fork"),
    [
        ("34", "34", "34", False),
        ("56", "34", "56", True),  # runs in the fork, with the fork's variables
        ("34", "34", "56", True),  # runs in the parent, with the fork's .gitlab-ci.yml
        ("34", "34", "", False),
    ],
)
def test_a_fork_is_known_by_the_numbers_of_its_projects(
    own: str, target: str, source: str, is_fork: bool
) -> None:
    found = job(
        CI_PROJECT_ID=own, CI_MERGE_REQUEST_PROJECT_ID=target, CI_MERGE_REQUEST_SOURCE_PROJECT_ID=source
    )
    assert found.from_fork is is_fork


@pytest.mark.parametrize(
    ("title", "said", "is_draft"),
    [
        ("Add prices", "", False),
        ("Draft: add prices", "", True),
        ("[draft] add prices", "", True),
        ("(Draft) add prices", "", True),
        ("Drafting table", "", False),
        ("Add prices", "true", True),
    ],
)
def test_a_draft_is_known_by_its_variable_or_by_its_title(title: str, said: str, is_draft: bool) -> None:
    assert job(CI_MERGE_REQUEST_TITLE=title, CI_MERGE_REQUEST_DRAFT=said).draft is is_draft


@pytest.mark.parametrize(
    "changes", [{"CI_MERGE_REQUEST_IID": ""}, {"CI_PIPELINE_SOURCE": "push", "CI_MERGE_REQUEST_IID": ""}]
)
def test_a_pipeline_of_a_branch_is_of_no_merge_request(changes: Mapping[str, str]) -> None:
    environ = {**DETACHED, **changes}
    assert in_gitlab_ci(environ)
    assert merge_request_job(environ) is None


def test_a_shell_and_another_ci_are_no_job_of_gitlab() -> None:
    assert not in_gitlab_ci({"CI": "true", "GITHUB_ACTIONS": "true", "GITLAB_CI": ""})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CI_SERVER_URL", "", "has no variable CI_SERVER_URL"),
        ("CI_MERGE_REQUEST_PROJECT_PATH", "", "has no variable CI_MERGE_REQUEST_PROJECT_PATH"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "", "has no variable CI_MERGE_REQUEST_PROJECT_ID"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "", "has no variable CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
        ("CI_COMMIT_SHA", "", "has no variable CI_COMMIT_SHA"),
        ("CI_MERGE_REQUEST_IID", "7; ls", "CI_MERGE_REQUEST_IID is not a number"),
        ("CI_MERGE_REQUEST_IID", "٧", "CI_MERGE_REQUEST_IID is not a number"),
        ("CI_COMMIT_SHA", "--upload-pack=ls", "CI_COMMIT_SHA is not a commit"),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main", "CI_MERGE_REQUEST_DIFF_BASE_SHA is not a commit"),
    ],
)
def test_what_gitlab_should_have_said_is_named_in_one_line(name: str, value: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as told:
        job(**{name: value})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "access"),
    [
        (
            DETACHED["CI_REPOSITORY_URL"],
            CloneAccess("https://gitlab.example.com/acme/shop.git", "gitlab-ci-token", JOB_TOKEN),
        ),
        (
            "https://gitlab.example.com:8443/git/acme/shop.git",
            CloneAccess("https://gitlab.example.com:8443/git/acme/shop.git", "gitlab-ci-token", JOB_TOKEN),
        ),
        (
            "https://deploy%40acme:p%3Aw@gitlab.example.com/acme/shop.git",
            CloneAccess("https://gitlab.example.com/acme/shop.git", "deploy@acme", "p:w"),
        ),
        ("git@gitlab.example.com:acme/shop.git", None),
        ("ssh://git@gitlab.example.com/acme/shop.git", None),
        ("ext::sh -c touch% x", None),
        ("/srv/shop.git", None),
        ("", None),
    ],
)
def test_a_job_fetches_over_http_by_the_addresss_credentials_or_its_own_token(
    address: str, access: CloneAccess | None
) -> None:
    assert clone_access(address, JOB_TOKEN) == access
