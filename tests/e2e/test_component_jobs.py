"""The components' jobs, run in a shell as a runner would: a real checkout, the sandbox GitLab, a real server."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ci_job import CiJob, ci_job
from tests.pipelines import (
    REVIEW,
    environment,
    including,
    job_of,
    needs_ci_local,
    needs_rsync,
    published,
    write_pipeline,
)
from tests.rig import Rig
from tests.sandbox_server import SandboxServer
from tests.tools import ci_local

pytestmark = [needs_ci_local, needs_rsync]

JOB = "trivet-review"
ARTIFACTS = set(job_of(REVIEW)["artifacts"]["paths"])
LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
DEFECTS = {"app.py": "import os\n\nvalue = undefined_name\n", "settings.py": f'TOKEN = "{LEAK}"\n'}
WHERE = {("app.py", 3), ("settings.py", 1)}
HOSTILE = "`touch title`\"; touch quote; '$(touch paren) ${IFS} $[[ inputs.mode ]]"
HOSTILE_BRANCH = "x$(touch${IFS}branch)`touch${IFS}tick`"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """A GitLab that also has Trivet's own project, for all to read."""
    with SandboxServer() as started:
        published(started)
        yield started


def checked_out(sandbox: SandboxServer, folder: Path, iid: int, **given: Any) -> CiJob:
    """A runner's checkout for a pipeline of this merge request, which includes the component."""
    job = ci_job(sandbox, folder / "checkout", iid).checked_out()
    write_pipeline(job.folder, including(REVIEW, ref="main", **given))
    return job


def run(job: CiJob, **variables: str) -> ci_local.Job:
    given = {name: text for name, text in job.variables.items() if name != "TRIVET_ID_TOKEN"}
    return ci_local.run_job(job.folder, JOB, environment(job.folder.parent), given | variables)


def code_quality(job: CiJob) -> set[tuple[str, int]]:
    found = json.loads((job.folder / "gl-code-quality-report.json").read_text("utf-8"))
    return {(one["location"]["path"], one["location"]["lines"]["begin"]) for one in found}


def left(job: CiJob) -> set[str]:
    """The names of what GitLab keeps of the job, empty files apart."""
    kept = ci_local.artifacts(job.folder, JOB)
    return {file.name for file in kept.iterdir() if file.stat().st_size}


def threads(sandbox: SandboxServer, iid: int) -> set[tuple[str, int]]:
    found = sandbox.merge_request_state(iid)["discussions"]
    return {(one["position"]["new_path"], one["position"]["new_line"]) for one in found}


@dataclass(frozen=True)
class Ran:
    """A job that was run. `made`: the names of what is new in its checkout."""

    iid: int
    job: CiJob
    ended: ci_local.Job
    made: set[str]


@pytest.fixture(scope="module")
def given_nothing(sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Neither inputs nor a token, for a merge request whose texts are commands."""
    iid = sandbox.merge_request(HOSTILE, DEFECTS, source=HOSTILE_BRANCH, description=HOSTILE)
    job = checked_out(sandbox, tmp_path_factory.mktemp("nothing"), iid)
    before = set(job.folder.iterdir())
    ended = run(job, CI_MERGE_REQUEST_LABELS=HOSTILE, CI_COMMIT_MESSAGE=HOSTILE)
    return Ran(iid, job, ended, {file.name for file in set(job.folder.iterdir()) - before})


def test_a_job_that_was_given_nothing_reports_and_writes_nothing(
    sandbox: SandboxServer, given_nothing: Ran
) -> None:
    ended, job = given_nothing.ended, given_nothing.job
    assert (ended.code, ended.verdict) == (0, "PASS")
    assert ended.log.splitlines()[0].startswith("trivet: report only")
    assert code_quality(job) == WHERE
    assert left(job) == ARTIFACTS
    assert threads(sandbox, given_nothing.iid) == set()
    assert LEAK not in ended.log


def test_titles_and_branches_that_are_commands_run_none(given_nothing: Ran) -> None:
    assert given_nothing.job.variables["CI_MERGE_REQUEST_TITLE"] == HOSTILE
    assert given_nothing.job.variables["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"] == HOSTILE_BRANCH
    assert given_nothing.ended.verdict == "PASS"
    assert given_nothing.made == {".gitlab-ci-local", *ARTIFACTS}


@pytest.mark.parametrize(
    ("given", "code", "verdict"),
    [
        ({"fail_on": "critical"}, 1, "FAIL"),
        ({"fail_on": "critical", "allowed_exit_codes": [1, 3]}, 1, "WARN"),
        ({"fail_on": "blocker"}, 0, "PASS"),
    ],
    ids=["as severe", "allowed", "less severe"],
)
def test_the_severity_decides_the_exit_code_and_the_reports_are_there_whatever_it_is(
    sandbox: SandboxServer, tmp_path: Path, given: dict[str, Any], code: int, verdict: str
) -> None:
    iid = sandbox.merge_request(files={"app.py": DEFECTS["app.py"]}, source=f"severity-{tmp_path.name}")
    job = checked_out(sandbox, tmp_path, iid, mode="report", **given)
    ended = run(job)
    assert (ended.code, ended.verdict) == (code, verdict)
    assert code_quality(job) == {("app.py", 3)}


def test_a_job_with_a_token_writes_to_the_merge_request(sandbox: SandboxServer, tmp_path: Path) -> None:
    iid = sandbox.merge_request(files=DEFECTS, source="with-a-token")
    job = checked_out(sandbox, tmp_path, iid, fail_on="info")
    token = sandbox.token("trivet")
    ended = run(job, TRIVET_GITLAB__TOKEN=token)
    assert (ended.code, ended.verdict) == (1, "FAIL")
    assert ended.log.splitlines()[0].startswith("trivet: direct mode")
    assert threads(sandbox, iid) == code_quality(job) == WHERE
    assert token not in ended.log


@pytest.mark.parametrize(("allowed", "verdict"), [([3], "WARN"), ([0], "FAIL")])
def test_whether_a_gitlab_that_is_down_fails_the_pipeline_is_an_input(
    sandbox: SandboxServer, tmp_path: Path, allowed: list[int], verdict: str
) -> None:
    iid = sandbox.merge_request(files=DEFECTS, source=f"down-{verdict}")
    job = checked_out(sandbox, tmp_path, iid, mode="direct", allowed_exit_codes=allowed)
    down = {"TRIVET_GITLAB__URL": "http://127.0.0.1:9", "TRIVET_GITLAB__TOKEN": sandbox.token("trivet")}
    ended = run(job, **down)
    assert (ended.code, ended.verdict) == (3, verdict)
    assert "cannot be reached" in ended.log


class WebRig(Rig):
    """`trivet up` with the runs API."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"TRIVET_PUBLIC_URL": self.url}


def test_a_job_without_any_secret_has_its_review_made_by_the_server(tmp_path: Path) -> None:
    with WebRig(tmp_path / "rig") as rig:
        published(rig.sandbox)
        rig.sandbox.drop_hooks()
        iid = rig.sandbox.merge_request(files=DEFECTS, source="by-the-server")
        job = checked_out(rig.sandbox, tmp_path, iid, server=rig.url, fail_on="critical")
        token = ci_job(rig.sandbox, tmp_path, iid, audience=rig.url).id_token
        ended = run(job, TRIVET_ID_TOKEN=token)
        assert (ended.code, ended.verdict) == (1, "FAIL"), ended.log
        assert ended.log.splitlines()[0].startswith("trivet: server mode")
        assert code_quality(job) == threads(rig.sandbox, iid) == WHERE
        assert left(job) == ARTIFACTS
        assert token not in ended.log
