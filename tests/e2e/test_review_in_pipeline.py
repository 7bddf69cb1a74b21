"""`trivet review` in CI jobs as GitLab makes them: real clones, the sandbox GitLab, and a real server."""

import itertools
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci_job import CiJob, ci_job, finished
from tests.gitrepos import git
from tests.model_replies import reported, reporting
from tests.model_server import ModelServer
from tests.rig import Rig, free_port
from tests.sandbox_server import PROJECT, SandboxServer

APP = "import os\n\nvalue = undefined_name\n"
KINDS = ("detached", "merged_result", "merge_train")
NAMES = (f"change-{number}" for number in itertools.count(1))
WRITES = ("POST", "PUT", "DELETE", "PATCH")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as started:
        yield started


@pytest.fixture
def change() -> str:
    """The name of a branch, and of the folder it adds."""
    return next(NAMES)


@pytest.fixture
def iid(sandbox: SandboxServer, change: str) -> int:
    """A merge request with one defect, whose target branch has moved on since."""
    found = sandbox.merge_request(files={f"{change}/app.py": APP}, source=change)
    sandbox.push("main", {f"later/{change}.py": "other = undefined_too\n"}, "Later")
    sandbox.clear_requests()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "clone"


def token(sandbox: SandboxServer) -> dict[str, str]:
    return {"TRIVET_GITLAB__TOKEN": sandbox.token("trivet")}


def writes(sandbox: SandboxServer) -> list[str]:
    seen = [one for one in sandbox.requests() if one["method"] in WRITES and ".git/" not in one["path"]]
    return [f"{one['method']} {one['path'].rpartition('/')[2]}" for one in seen]


def threads(sandbox: SandboxServer, iid: int) -> set[tuple[str, int]]:
    found = sandbox.merge_request_state(iid)["discussions"]
    return {(one["position"]["new_path"], one["position"]["new_line"]) for one in found}


# --- report only ---


@pytest.mark.parametrize(
    ("kind", "depth"),
    [("detached", 1), ("detached", 20), ("merged_result", 1), ("merge_train", 1), ("merge_train", 0)],
)
def test_a_job_without_a_token_reports_what_the_merge_request_changes(
    sandbox: SandboxServer, folder: Path, iid: int, change: str, kind: str, depth: int
) -> None:
    job = ci_job(sandbox, folder, iid, kind).checked_out(depth)
    ended = job.review("--format", "json", "--fail-on", "major")
    assert ended.first_line == (
        "trivet: report only (neither TRIVET_SERVER nor TRIVET_GITLAB__TOKEN is set): this job reviews "
        f"{PROJECT}!{iid} by its checks alone, without a model, and writes nothing to GitLab"
    )
    assert ended.code == 1
    assert ended.found() == {(f"{change}/app.py", 3)}
    assert (ended.report["head"], ended.report["target"]) == (job.head, f"{PROJECT}!{iid}")
    assert [one["path"] for one in ended.report["coverage"]] == [f"{change}/app.py"]
    assert ended.report["complaints"] == []
    assert ended.report["url"] == f"{sandbox.url}/{PROJECT}/-/merge_requests/{iid}"
    assert writes(sandbox) == []


def test_a_shallow_clone_is_given_the_missing_commits_and_no_history(
    sandbox: SandboxServer, folder: Path, iid: int
) -> None:
    job = ci_job(sandbox, folder, iid, "merged_result").checked_out(1)
    ended = job.review()
    assert f"it lacks {job.head[:8]} and {job.base[:8]}: fetching just that" in ended.log
    assert git(folder, "rev-list", "--count", job.base) == b"1\n"
    assert git(folder, "rev-parse", "--is-shallow-repository") == b"true\n"
    assert git(folder, "status", "--porcelain") == b""
    assert git(folder, "for-each-ref", "--format=%(refname)") == b"refs/pipelines/1\n"
    again = job.review()
    assert "too shallow" not in again.log


def test_a_clone_with_all_history_keeps_it(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    job = ci_job(sandbox, folder, iid).checked_out(0)
    before = git(folder, "rev-list", "--count", "HEAD")
    assert job.review().code == 0
    assert git(folder, "rev-list", "--count", "HEAD") == before
    assert git(folder, "rev-parse", "--is-shallow-repository") == b"false\n"


def test_a_clone_that_cannot_be_deepened_is_told_of_with_its_cure(
    sandbox: SandboxServer, folder: Path, iid: int
) -> None:
    job = ci_job(sandbox, folder, iid).checked_out(1)
    git(folder, "remote", "set-url", "origin", f"http://127.0.0.1:{free_port()}/{PROJECT}.git")
    ended = job.review()
    assert (ended.code, ended.out) == (3, "")
    assert f"this clone is too shallow, it lacks {job.base[:8]}, and fetching that failed" in ended.last_line
    assert 'set GIT_DEPTH: "0" in the variables of this job' in ended.last_line


def test_without_the_network_a_clone_that_is_deep_enough_is_reviewed_by_the_rules_at_its_base(
    sandbox: SandboxServer, folder: Path, iid: int, change: str
) -> None:
    job = ci_job(sandbox, folder, iid).checked_out(0)
    git(folder, "remote", "set-url", "origin", f"http://127.0.0.1:{free_port()}/{PROJECT}.git")
    ended = job.review("--format", "json")
    assert ended.found() == {(f"{change}/app.py", 3)}
    [complaint] = ended.report["complaints"]
    assert complaint.startswith(
        f"the rules are those of {job.base[:8]}, where the branch began: the tip of main"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_rules_come_from_the_target_branch_as_it_is_now(
    sandbox: SandboxServer, folder: Path, change: str, kind: str
) -> None:
    target = f"{change}-target"
    sandbox.push(target, {"README.md": "# Shop\n"}, start="main")
    sandbox.push(change, {f"{change}/app.py": APP, f"{change}/kept.py": APP}, start=target)
    iid = sandbox.merge_request(source=change, target=target)
    sandbox.push(target, {".trivet.yml": "review: {ignore: ['**/app.py']}\n"})
    ended = ci_job(sandbox, folder, iid, kind).checked_out().review("--format", "json")
    assert ended.found() == {(f"{change}/kept.py", 3)}


def test_a_change_does_not_make_its_own_rules(sandbox: SandboxServer, folder: Path, change: str) -> None:
    files = {f"{change}/app.py": APP, ".trivet.yml": "review: {ignore: ['**']}\n"}
    iid = sandbox.merge_request(files=files, source=change)
    ended = ci_job(sandbox, folder, iid, "merged_result").checked_out().review("--format", "json")
    assert ended.found() == {(f"{change}/app.py", 3)}


@pytest.mark.parametrize("depth", [2, 0])
def test_an_old_gitlab_that_names_neither_head_nor_kind_is_understood_by_the_merge_commit(
    sandbox: SandboxServer, folder: Path, iid: int, change: str, depth: int
) -> None:
    job = ci_job(sandbox, folder, iid, "merged_result")
    head = job.head
    old = job.with_(CI_MERGE_REQUEST_SOURCE_BRANCH_SHA="", CI_MERGE_REQUEST_EVENT_TYPE="").checked_out(depth)
    ended = old.review("--format", "json")
    assert ended.found() == {(f"{change}/app.py", 3)}
    assert ended.report["head"] == head


def test_an_old_gitlab_that_names_no_base_needs_the_history(
    sandbox: SandboxServer, tmp_path: Path, iid: int, change: str
) -> None:
    deep = ci_job(sandbox, tmp_path / "deep", iid).with_(CI_MERGE_REQUEST_DIFF_BASE_SHA="")
    assert deep.checked_out(0).review("--format", "json").found() == {(f"{change}/app.py", 3)}
    shallow = ci_job(sandbox, tmp_path / "shallow", iid).with_(CI_MERGE_REQUEST_DIFF_BASE_SHA="")
    ended = shallow.checked_out(1).review()
    assert ended.code == 2
    assert "GitLab did not say where the merge request's branch began" in ended.last_line


def test_a_model_reads_the_change_where_the_job_has_a_key(
    sandbox: SandboxServer, folder: Path, iid: int, change: str
) -> None:
    sandbox.push(change, {f"{change}/orders.py": "def first(order):\n    return order.items[0]\n"})
    job = ci_job(sandbox, folder, iid, "merged_result").checked_out(1)
    with ModelServer() as model:
        model.reply = reporting(
            reported(f"{change}/orders.py", 2, "    return order.items[0]", title="No first item")
        )
        ended = job.review("--format", "json", **model.environ("openai"))
        asked = json.dumps(model.asked)
    assert f"this job reviews {PROJECT}!{iid} with openai:" in ended.first_line
    assert ended.found() == {(f"{change}/app.py", 3), (f"{change}/orders.py", 2)}
    assert job.variables["CI_MERGE_REQUEST_TITLE"] in asked
    assert sandbox.token("rita") not in asked


def test_a_partial_clone_is_told_of(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    job = ci_job(sandbox, folder, iid).checked_out()
    git(folder, "config", "remote.origin.partialclonefilter", "blob:none")
    ended = job.review()
    assert (ended.code, ended.out) == (2, "")
    assert "this is a partial clone, which lacks contents: take --filter out" in ended.last_line


def test_a_job_without_a_checkout_says_so(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    folder.mkdir()
    ended = ci_job(sandbox, folder, iid).review()
    assert ended.code == 2
    assert ended.last_line == f"trivet: {folder} is not in a git checkout"


@pytest.mark.parametrize(("title", "said"), [("Draft: later", "is a draft"), ("Add it", "")])
def test_a_draft_is_left_alone_as_everywhere(
    sandbox: SandboxServer, folder: Path, iid: int, title: str, said: str
) -> None:
    job = ci_job(sandbox, folder, iid).with_(CI_MERGE_REQUEST_TITLE=title).checked_out()
    ended = job.review("--format", "json")
    assert (said in ended.report["message"], bool(ended.report["findings"])) == (True, not said)


def test_what_people_wrote_reaches_no_shell(
    sandbox: SandboxServer, folder: Path, iid: int, change: str
) -> None:
    job = ci_job(sandbox, folder, iid).checked_out(1)
    hostile = job.with_(
        CI_MERGE_REQUEST_TITLE="`touch title`$(touch title)",
        CI_MERGE_REQUEST_DESCRIPTION="$(touch description)\n```\n; touch description",
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME="$(touch source)",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="--upload-pack=touch target",
    )
    ended = hostile.review("--format", "json")
    assert ended.found() == {(f"{change}/app.py", 3)}
    assert "there is no branch --upload-pack=touch target" in ended.report["complaints"][0]
    assert {one.name for one in folder.iterdir()} == {".git", "README.md", change} | later(folder)


def later(folder: Path) -> set[str]:
    return {"later"} & {one.name for one in folder.iterdir()}


# --- a fork, and no merge request ---


@pytest.mark.parametrize("where", ["CI_PROJECT_ID", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"])
def test_a_forks_pipeline_reports_only_whatever_it_holds(
    sandbox: SandboxServer, folder: Path, iid: int, change: str, where: str
) -> None:
    job = ci_job(sandbox, folder, iid).with_(**{where: "9999"}).checked_out()
    server = {"TRIVET_SERVER": "http://127.0.0.1:9", "TRIVET_ID_TOKEN": job.id_token}
    ended = job.review("--format", "json", **token(sandbox), **server)
    assert ended.first_line.startswith("trivet: report only (the merge request comes from a fork): ")
    assert (ended.code, ended.found()) == (0, {(f"{change}/app.py", 3)})
    assert writes(sandbox) == []


def test_a_pipeline_of_a_branch_has_nothing_to_review(
    sandbox: SandboxServer, folder: Path, iid: int, tmp_path: Path
) -> None:
    job = ci_job(sandbox, folder, iid).with_(CI_MERGE_REQUEST_IID="", CI_PIPELINE_SOURCE="push")
    folder.mkdir()
    file = tmp_path / "quality.json"
    ended = job.review("--fail-on", "info", "--report", f"codequality={file}", **token(sandbox))
    assert (ended.code, ended.log) == (0, "")
    assert ended.out.startswith("done: this pipeline is of no merge request, so there is nothing to do: ")
    assert json.loads(file.read_text()) == []


def test_what_a_job_lacks_is_one_line(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    folder.mkdir()
    ended = ci_job(sandbox, folder, iid).without("CI_MERGE_REQUEST_PROJECT_PATH").review()
    assert (ended.code, ended.out) == (2, "")
    assert ended.log == (
        "trivet: this merge request pipeline has no variable CI_MERGE_REQUEST_PROJECT_PATH: "
        "a GitLab CI job gets it from GitLab\n"
    )


@pytest.mark.parametrize(
    ("words", "settings", "sentence"),
    [
        (["--mode", "server"], {}, "--mode server needs the server's address: --server or TRIVET_SERVER"),
        ([], {"TRIVET_SERVER": "t.test"}, "the server https://t.test is named, but the job has no TRIVET_ID_TOKEN"),
        (["--server", "t.test"], {"TRIVET_ID_TOKEN": "x"}, "TRIVET_ID_TOKEN is not an ID token as GitLab makes"),
        (["--server", "ftp://t"], {}, "ftp://t is not a server's address"),
        (["--mode", "direct"], {"TRIVET_SERVER": "t.test"}, "TRIVET_GITLAB__TOKEN is not set"),
    ],
)  # fmt: skip
def test_a_mode_that_the_job_is_not_equipped_for_is_a_matter_of_configuration(
    sandbox: SandboxServer, folder: Path, iid: int, words: list[str], settings: dict[str, str], sentence: str
) -> None:
    folder.mkdir()
    ended = ci_job(sandbox, folder, iid).review(*words, **settings)
    assert (ended.code, ended.out) == (2, "")
    assert ended.log.startswith(f"trivet: {sentence}")
    assert ended.log.count("\n") == 1


# --- direct ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_with_a_token_comments_on_the_head_and_not_on_the_merge_commit(
    sandbox: SandboxServer, folder: Path, iid: int, change: str, kind: str
) -> None:
    job = ci_job(sandbox, folder, iid, kind).checked_out(1)
    ended = job.review("--format", "json", "--fail-on", "major", **token(sandbox))
    assert ended.first_line == (
        f"trivet: direct mode: this job reviews {PROJECT}!{iid} by its checks alone, without a model, "
        "and comments on it by TRIVET_GITLAB__TOKEN"
    )
    assert (ended.code, ended.report["head"]) == (1, job.head)
    assert threads(sandbox, iid) == {(f"{change}/app.py", 3)}
    [note] = [note for thread in sandbox.merge_request_state(iid)["discussions"] for note in thread["notes"]]
    assert f"head={job.head}" in note["body"]
    assert "mac=none" in note["body"]


def test_the_next_job_at_the_same_head_finds_the_same_and_writes_nothing(
    sandbox: SandboxServer, folder: Path, iid: int, change: str
) -> None:
    job = ci_job(sandbox, folder, iid, "merged_result").checked_out()
    assert job.review("--fail-on", "major", **token(sandbox)).code == 1
    sandbox.clear_requests()
    ended = job.review("--format", "json", "--fail-on", "major", **token(sandbox))
    assert (ended.code, ended.found()) == (1, {(f"{change}/app.py", 3)})
    assert f"{PROJECT}!{iid} is already reviewed at {job.head[:8]}: this job reports once more" in ended.log
    assert writes(sandbox) == []


def test_a_job_whose_commit_is_overtaken_leaves_it_to_the_newer_ones(
    sandbox: SandboxServer, folder: Path, iid: int, change: str
) -> None:
    job = ci_job(sandbox, folder, iid).checked_out()
    newer = sandbox.push(change, {f"{change}/more.py": APP}, "More")
    sandbox.clear_requests()
    ended = job.review("--fail-on", "info", **token(sandbox))
    assert ended.code == 0
    assert ended.out == (
        f"superseded: {PROJECT}!{iid} is at {newer[:8]} by now: the newer commit has a pipeline of its own\n"
    )
    assert writes(sandbox) == []


def test_a_token_that_gitlab_refuses_is_no_success(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    folder.mkdir()
    wrong = "glpat-" + "Wn1Kd9PXc7" + "Zq8Rt2vLm4"
    ended = ci_job(sandbox, folder, iid).review(TRIVET_GITLAB__TOKEN=wrong)
    assert (ended.code, ended.out) == (3, "")
    assert "GitLab does not accept the token (401)" in ended.last_line


def test_a_job_that_is_cancelled_leaves_nothing_behind(
    sandbox: SandboxServer, folder: Path, iid: int
) -> None:
    folder.mkdir()
    with ModelServer() as model:
        model.gate.clear()
        process = ci_job(sandbox, folder, iid).start(**token(sandbox), **model.environ("openai"))
        model.wait_in_flight(1, 60)
        process.send_signal(signal.SIGTERM)
        ended = finished(process)
    assert (ended.code, ended.out, ended.last_line) == (130, "", "trivet: stopped")
    assert writes(sandbox) == []


def test_a_dry_run_only_reports(sandbox: SandboxServer, folder: Path, iid: int, change: str) -> None:
    job = ci_job(sandbox, folder, iid).checked_out()
    ended = job.review("--dry-run", "--format", "json", **token(sandbox))
    assert ended.first_line.startswith("trivet: report only (--dry-run): ")
    assert ended.found() == {(f"{change}/app.py", 3)}
    assert writes(sandbox) == []


def test_names_of_the_template_are_no_misspelt_settings(
    sandbox: SandboxServer, folder: Path, iid: int
) -> None:
    job = ci_job(sandbox, folder, iid).checked_out()
    given = {"TRIVET_SERVER": "", "TRIVET_REVIEW_MODE": "auto", "TRIVET_REVIEW_FAIL_ON": "none"}
    ended = job.review("--fail-on", "none", TRIVET_ID_TOKEN=job.id_token, TRIVET_MODEL="x:y", **given)
    assert ended.code == 0
    assert [line for line in ended.log.splitlines() if "is no setting" in line] == [
        "trivet: TRIVET_MODEL is no setting and is not read: did you mean TRIVET_MODELS?"
    ]


# --- the server ---


class ServerRig(Rig):
    """`trivet up` with the runs API."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"TRIVET_PUBLIC_URL": self.address}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerRig]:
    with ServerRig(tmp_path_factory.mktemp("rig")) as started:
        yield started


def server_job(rig: ServerRig, folder: Path, change: str, kind: str = "detached") -> CiJob:
    iid = rig.sandbox.merge_request(files={f"{change}/app.py": APP}, source=change)
    job = ci_job(rig.sandbox, folder, iid, kind, audience=rig.address)
    folder.mkdir()
    return job.with_(TRIVET_SERVER=rig.address)


def number(job: CiJob) -> int:
    return int(job.variables["CI_MERGE_REQUEST_IID"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_reviews_and_the_job_reports(
    rig: ServerRig, folder: Path, change: str, kind: str, tmp_path: Path
) -> None:
    job = server_job(rig, folder, change, kind)
    file = tmp_path / "quality.json"
    ended = job.review(
        *("--format", "json", "--fail-on", "major", "--report", f"codequality={file}"),
        TRIVET_ID_TOKEN=job.id_token,
    )
    assert ended.first_line == (
        f"trivet: server mode: {rig.address} reviews {PROJECT}!{number(job)}, "
        "this job waits for the report and holds no secret"
    )
    assert (ended.code, ended.found(), ended.report["head"]) == (1, {(f"{change}/app.py", 3)}, job.head)
    assert [one["location"]["path"] for one in json.loads(file.read_text())] == [f"{change}/app.py"]
    assert len(rig.findings(number(job))) == 1
    assert job.id_token not in ended.log + ended.out


def test_a_pipeline_and_a_webhook_on_one_head_make_one_review(
    rig: ServerRig, folder: Path, change: str
) -> None:
    job = server_job(rig, folder, change)
    rig.reviewed(number(job))
    first = job.review("--format", "json", TRIVET_ID_TOKEN=job.id_token)
    again = job.review("--format", "json", TRIVET_ID_TOKEN=job.id_token)
    assert first.report == again.report
    assert first.found() == {(f"{change}/app.py", 3)}
    assert len(rig.findings(number(job))) == 1


def test_a_token_for_another_server_is_refused_in_one_line(rig: ServerRig, folder: Path, change: str) -> None:
    iid = rig.sandbox.merge_request(files={f"{change}/app.py": APP}, source=change)
    job = ci_job(rig.sandbox, folder, iid, audience="https://other.test")
    folder.mkdir()
    ended = job.review("--server", rig.address, TRIVET_ID_TOKEN=job.id_token)
    assert (ended.code, ended.out) == (2, "")
    assert f"{rig.address} refuses the review (401): the ID token is for another audience" in ended.last_line


def test_a_merge_request_of_another_project_is_refused(rig: ServerRig, folder: Path, change: str) -> None:
    job = server_job(rig, folder, change).with_(CI_MERGE_REQUEST_PROJECT_PATH="acme/other")
    ended = job.review(TRIVET_ID_TOKEN=job.id_token)
    assert (ended.code, ended.out) == (2, "")
    assert f"{rig.address} refuses the review (403): " in ended.last_line


def heard(process: subprocess.Popen[str], beginning: str) -> None:
    """Read the log up to a line that begins so."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith(beginning):
            return
    raise AssertionError(f"the job ended with {finished(process)} after {said}")


def test_a_job_that_is_cancelled_leaves_the_run_to_the_server(
    rig: ServerRig, folder: Path, change: str
) -> None:
    rig.sandbox.fault(path="/diffs", method="GET", hang=12, times=1)
    job = server_job(rig, folder, change)
    process = job.start(TRIVET_ID_TOKEN=job.id_token)
    heard(process, "trivet: running")
    process.send_signal(signal.SIGTERM)
    ended = finished(process)
    assert (ended.code, ended.out) == (130, "")
    assert [line for line in ended.log.splitlines() if line] == [
        f"trivet: the run goes on at {rig.address}: what it finds is written to the merge request",
        "trivet: stopped",
    ]
    rig.reviewed(number(job))


def test_a_server_that_is_down_fails_the_job_with_3(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    folder.mkdir()
    job, address = ci_job(sandbox, folder, iid), f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    ended = job.review("--server", address, "--timeout", "0.05", TRIVET_ID_TOKEN=job.id_token)
    assert (ended.code, ended.out) == (3, "")
    assert ended.last_line == f"trivet: {address} cannot be reached (ConnectionError)"
    assert time.monotonic() - began < 20
