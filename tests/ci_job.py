"""A CI job as GitLab and its runner make it: variables, and a shallow checkout of nothing but the pipeline's ref."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.canaries import plant
from tests.gitrepos import git
from tests.rig import clean_environment
from tests.sandbox_server import PROJECT, SandboxServer

REFS = {"detached": "head", "merged_result": "merge", "merge_train": "train"}


@dataclass(frozen=True)
class Ended:
    """What a job leaves: its exit code, standard output and standard error."""

    code: int
    out: str
    log: str

    @property
    def first_line(self) -> str:
        return self.log.splitlines()[0]

    @property
    def last_line(self) -> str:
        return self.log.splitlines()[-1]

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    def found(self) -> set[tuple[str, int]]:
        return {(one["path"], one["line"]) for one in self.report["findings"]}


@dataclass(frozen=True)
class CiJob:
    """`folder` holds the checkout. `variables` are the job's, the checkout follows them when it is made."""

    sandbox: SandboxServer
    folder: Path
    variables: Mapping[str, str]

    @property
    def commit(self) -> str:
        return self.variables["CI_COMMIT_SHA"]

    @property
    def head(self) -> str:
        return self.variables["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] or self.commit

    @property
    def base(self) -> str:
        return self.variables["CI_MERGE_REQUEST_DIFF_BASE_SHA"]

    @property
    def id_token(self) -> str:
        return self.variables["TRIVET_ID_TOKEN"]

    def with_(self, **variables: str) -> "CiJob":
        return replace(self, variables={**self.variables, **variables})

    def without(self, *names: str) -> "CiJob":
        return replace(
            self, variables={name: text for name, text in self.variables.items() if name not in names}
        )

    def checked_out(self, depth: int = 20) -> "CiJob":
        """What the runner does before the script. `depth` 0: all history."""
        self.folder.mkdir(parents=True)
        shallow = [f"--depth={depth}"] if depth else []
        ref = self.variables["CI_MERGE_REQUEST_REF_PATH"]
        address = self.variables["CI_REPOSITORY_URL"]
        git(self.folder, "init", "--quiet")
        git(self.folder, "remote", "add", "origin", address)
        git(self.folder, "fetch", "--quiet", *shallow, "origin", f"+{ref}:refs/pipelines/1")
        git(self.folder, "checkout", "--quiet", "--detach", self.commit)
        return self

    def start(self, *words: str, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "review", *words],
            cwd=self.folder,
            env=self.environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def review(self, *words: str, **settings: str) -> Ended:
        return finished(self.start(*words, **settings))

    def environment(self, **settings: str) -> dict[str, str]:
        own = {"TRIVET_DATA_DIR": str(self.folder.parent / "data"), "PYTHONPATH": os.getcwd()}
        given = {name: text for name, text in self.variables.items() if name != "TRIVET_ID_TOKEN"}
        return clean_environment() | given | own | settings


def finished(process: subprocess.Popen[str]) -> Ended:
    with process:
        out, log = process.communicate(timeout=90)
    assert "Traceback" not in log
    return Ended(process.returncode, out, log)


def ci_job(
    sandbox: SandboxServer, folder: Path, iid: int, kind: str = "detached", audience: str = "https://t.test"
) -> CiJob:
    """A job of a new pipeline of the merge request. The ID token is kept back until a test hands it in."""
    order = {"project": PROJECT, "user": "ada", "iid": iid, "kind": kind, "audience": audience}
    pipeline = sandbox.call("POST", "/sandbox/id_token", order)
    request = sandbox.api("GET", f"/projects/{quote(PROJECT, safe='')}/merge_requests/{iid}").body
    merged = kind != "detached"
    branch = (
        f"/projects/{quote(PROJECT, safe='')}/repository/branches/{quote(request['target_branch'], safe='')}"
    )
    tip = sandbox.api("GET", branch).body["commit"]["id"]
    host = sandbox.url.removeprefix("http://")
    variables = {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_SERVER_URL": sandbox.url,
        "CI_PROJECT_ID": str(request["project_id"]),
        "CI_PROJECT_PATH": PROJECT,
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_SHA": pipeline["sha"],
        "CI_JOB_TOKEN": plant(sandbox.token("rita")),
        "CI_REPOSITORY_URL": f"http://gitlab-ci-token:{sandbox.token('rita')}@{host}/{PROJECT}.git",
        "CI_MERGE_REQUEST_IID": str(iid),
        "CI_MERGE_REQUEST_PROJECT_ID": str(request["target_project_id"]),
        "CI_MERGE_REQUEST_PROJECT_PATH": PROJECT,
        "CI_MERGE_REQUEST_PROJECT_URL": f"{sandbox.url}/{PROJECT}",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(request["source_project_id"]),
        "CI_MERGE_REQUEST_REF_PATH": f"refs/merge-requests/{iid}/{REFS[kind]}",
        "CI_MERGE_REQUEST_EVENT_TYPE": kind,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": request["source_branch"],
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": request["sha"] if merged else "",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": request["target_branch"],
        "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": tip if merged else "",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": request["diff_refs"]["base_sha"],
        "CI_MERGE_REQUEST_TITLE": request["title"],
        "CI_MERGE_REQUEST_DESCRIPTION": request["description"] or "",
        "TRIVET_ID_TOKEN": plant(pipeline["id_token"]),
    }
    return CiJob(sandbox, folder, variables)
