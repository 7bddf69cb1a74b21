"""`trivet review` against the sandbox GitLab, and what it shares with a local review."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, Report
from bot.domain.secrets import Redactor
from bot.entry import apart
from bot.entry import shell as shell_module
from bot.entry.accounts import Accounts
from bot.entry.local import review_local
from bot.entry.progress import Progress
from bot.entry.unqueued import propose_here
from bot.errors import NotReady, PlatformError, Superseded, Unavailable
from bot.gateways.git import GitCache
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_reader import GitLabReader
from bot.gateways.local import LocalReader
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.settings import Settings
from tests.canaries import plant
from tests.gitrepos import git
from tests.model_replies import reported, reporting
from tests.model_server import ModelServer
from tests.rig import clean_environment, processes
from tests.sandbox_server import PROJECT, SandboxServer

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
APP, SECRET = "import os\n\nvalue = undefined_name\n", f'TOKEN = "{LEAK}"\n'
NAMES = (f"change-{number}" for number in itertools.count(1))
WRITES = ("POST", "PUT", "DELETE", "PATCH")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as started:
        yield started


@pytest.fixture(autouse=True)
def quiet(sandbox: SandboxServer) -> None:
    sandbox.clear_faults()
    sandbox.clear_requests()


@pytest.fixture
def change() -> str:
    """The name of a branch, and of the folder it adds."""
    return next(NAMES)


@pytest.fixture
def iid(sandbox: SandboxServer, change: str) -> int:
    """A merge request of the test's own, with two defects."""
    files = {f"{change}/app.py": APP, f"{change}/settings.py": SECRET}
    found = sandbox.merge_request(files=files, source=change)
    sandbox.clear_requests()
    return found


class Shell:
    """A person's shell: settings, and a data folder."""

    def __init__(self, sandbox: SandboxServer, folder: Path) -> None:
        self.sandbox = sandbox
        self.settings = {
            "TRIVET_DATA_DIR": str(folder / "data"),
            "TRIVET_GITLAB__URL": sandbox.url,
            "TRIVET_GITLAB__TOKEN": plant(sandbox.token("trivet")),
        }

    def start(self, iid: int | str, *words: str, **settings: str) -> subprocess.Popen[str]:
        url = f"{self.sandbox.url}/{PROJECT}/-/merge_requests/{iid}"
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "review", url, *words],
            env=clean_environment() | self.settings | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def review(self, iid: int | str, *words: str, **settings: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        return finished(self.start(iid, *words, **settings))


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=90)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture
def shell(sandbox: SandboxServer, tmp_path: Path) -> Shell:
    return Shell(sandbox, tmp_path)


def writes(sandbox: SandboxServer) -> list[str]:
    """What was written since the last look, git's own POSTs for reading apart."""
    seen = [one for one in sandbox.requests() if one["method"] in WRITES and ".git/" not in one["path"]]
    sandbox.clear_requests()
    return [f"{one['method']} {one['path'].rpartition('/')[2]}" for one in seen]


def drafts(sandbox: SandboxServer, iid: int) -> list[Any]:
    answer = sandbox.api("GET", f"/projects/acme%2Fshop/merge_requests/{iid}/draft_notes")
    found: list[Any] = answer.body
    return found


def until(condition: Callable[[], Any], seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.02)
    return found


def child_of(process: subprocess.Popen[str]) -> int | None:
    """The process of the reading half."""
    found = [
        pid for pid, parent, command in processes() if parent == process.pid and "bot propose" in command
    ]
    return found[0] if found else None


# --- reading and writing ---


def test_a_dry_run_reads_reports_and_writes_nothing(
    sandbox: SandboxServer, shell: Shell, iid: int, change: str
) -> None:
    code, out, err = shell.review(iid, "--dry-run", "--format", "json", "--fail-on", "blocker")
    assert code == 1
    report = json.loads(out)
    assert {one["path"] for one in report["findings"]} == {
        f"{change}/app.py",
        f"{change}/settings.py",
    }
    assert {one["reason"] for one in report["outcomes"]} == {"dry run: not written"}
    assert LEAK not in out + err
    assert writes(sandbox) == []
    assert drafts(sandbox, iid) == []
    assert f"trivet: reading {PROJECT}!{iid}" in err.splitlines()


def dismissed(sandbox: SandboxServer, iid: int, path: str) -> None:
    """Ada leaves the finding in this file alone."""
    threads = sandbox.merge_request_state(iid)["discussions"]
    thread = next(one for one in threads if one["position"]["new_path"] == path)
    sandbox.comment(iid, "Won't fix, it is a demo.", discussion=thread["id"])
    project = sandbox.client("ada").projects.get(PROJECT, lazy=True)
    found = project.mergerequests.get(iid, lazy=True).discussions.get(thread["id"])
    found.resolved = True
    found.save()
    sandbox.clear_requests()


@pytest.mark.parametrize("tokens", ["one for both", "another that reads", "none that writes"])
def test_a_dry_run_leaves_out_what_people_dismissed_as_the_real_run_does(
    sandbox: SandboxServer, shell: Shell, iid: int, change: str, tmp_path: Path, tokens: str
) -> None:
    """Three processes: the report, the report file and the exit code that a script sees."""
    assert shell.review(iid)[0] == 0
    dismissed(sandbox, iid, f"{change}/settings.py")
    given = {
        "one for both": {},
        "another that reads": {"TRIVET_GITLAB__READ_TOKEN": sandbox.token("rita")},
        "none that writes": {
            "TRIVET_GITLAB__TOKEN": "",
            "TRIVET_GITLAB__READ_TOKEN": plant(sandbox.token("trivet")),
        },
    }[tokens]
    quality = tmp_path / "quality.json"
    words = ["--format", "json", "--fail-on", "blocker", "--report", f"codequality={quality}"]
    code, out, err = shell.review(iid, "--dry-run", *words, **given)
    assert code == 0, err
    tried = Report.model_validate_json(out)
    assert [one.path for one in tried.findings] == [f"{change}/app.py"]
    assert [one["location"]["path"] for one in json.loads(quality.read_text())] == [f"{change}/app.py"]
    assert writes(sandbox) == []
    done = Report.model_validate_json(shell.review(iid, *words)[1])
    assert fingerprints(done) == fingerprints(tried)


def test_a_dry_run_asks_a_model_no_more_than_the_real_run(
    sandbox: SandboxServer, shell: Shell, iid: int, change: str
) -> None:
    """Two reviews: what the first one read at this head is known to the second."""
    sandbox.push(change, {f"{change}/orders.py": "def first(order):\n    return order.items[0]\n"})
    defect = reported(f"{change}/orders.py", 2, "    return order.items[0]", title="No first item")
    with ModelServer() as model:
        model.reply = reporting(defect)
        keys = model.environ("openai")
        first = Report.model_validate_json(shell.review(iid, "--format", "json", **keys)[1])
        tried = Report.model_validate_json(shell.review(iid, "--dry-run", "--format", "json", **keys)[1])
        again = Report.model_validate_json(shell.review(iid, "--format", "json", **keys)[1])
    assert first.model_calls > 0
    assert tried.model_calls == again.model_calls < first.model_calls
    assert fingerprints(tried) == fingerprints(again) == fingerprints(first)


def test_a_dry_run_makes_no_mark_secret(shell: Shell, iid: int) -> None:
    assert shell.review(iid, "--dry-run")[0] == 0
    assert not (Path(shell.settings["TRIVET_DATA_DIR"]) / "mark-secret").exists()


def test_a_review_is_published_and_a_second_run_writes_nothing(
    sandbox: SandboxServer, shell: Shell, iid: int, change: str
) -> None:
    code, out, _ = shell.review(iid)
    assert code == 0
    assert "undefined_name" in out
    assert writes(sandbox) == ["POST draft_notes", "POST draft_notes", "POST bulk_publish"]
    threads = sandbox.merge_request_state(iid)["discussions"]
    assert {(one["position"]["new_path"], one["position"]["new_line"]) for one in threads} == {
        (f"{change}/app.py", 3),
        (f"{change}/settings.py", 1),
    }
    code, out, _ = shell.review(iid, "--format", "json")
    assert code == 0
    assert {one["result"] for one in json.loads(out)["outcomes"]} == {"unchanged"}
    assert writes(sandbox) == []


def test_the_process_that_reads_holds_no_write_token_and_ends_with_its_parent(
    sandbox: SandboxServer, shell: Shell, iid: int, tmp_path: Path
) -> None:
    write, read = sandbox.token("trivet"), sandbox.token("rita")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "TRIVET_GITLAB__TOKEN").write_text(write)
    sandbox.fault(path=f"merge_requests/{iid}", method="GET", user="rita", hang=30)
    process = shell.start(
        iid,
        TRIVET_SECRETS_DIR=str(tmp_path / "secrets"),
        TRIVET_GITLAB__READ_TOKEN=read,
        CI_GITLAB_TOKEN=write,
    )
    child = until(lambda: child_of(process))
    held = until(lambda: Path(f"/proc/{child}/environ").read_text())
    assert write not in held
    assert "TRIVET_SECRETS_DIR" not in held
    assert f"TRIVET_GITLAB__READ_TOKEN={read}" in held
    assert write in Path(f"/proc/{process.pid}/environ").read_text()
    process.send_signal(signal.SIGTERM)
    code, out, err = finished(process)
    assert (code, out, err.splitlines()[-1]) == (130, "", "trivet: stopped")
    assert not Path(f"/proc/{child}").exists()
    assert writes(sandbox) == []


def test_stopped_between_drafts_and_publish_it_leaves_no_drafts(
    sandbox: SandboxServer, shell: Shell, iid: int
) -> None:
    sandbox.fault(path=f"merge_requests/{iid}/draft_notes$", method="POST", hang=2, times=9, after=1)
    process = shell.start(iid)
    until(lambda: drafts(sandbox, iid))
    process.send_signal(signal.SIGINT)
    code, _, err = finished(process)
    assert (code, err.splitlines()[-1]) == (130, "trivet: stopped")
    until(lambda: not drafts(sandbox, iid))
    assert "POST bulk_publish" not in writes(sandbox)
    assert sandbox.merge_request_state(iid)["discussions"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_a_model_thinks_it_ends_at_once(
    sandbox: SandboxServer, shell: Shell, iid: int, number: signal.Signals
) -> None:
    with ModelServer() as model:
        model.gate.clear()
        process = shell.start(iid, **model.environ("openai"))
        model.wait_in_flight(1, 60)
        child = child_of(process)
        process.send_signal(number)
        code, _, err = finished(process)
    assert (code, err.splitlines()[-1]) == (130, "trivet: stopped")
    assert not Path(f"/proc/{child}").exists()
    assert writes(sandbox) == []


class Failing:
    """Effects that end as told, on a GitLab that may be down when asked to take something back."""

    def __init__(self, applying: BaseException, discarding: BaseException | None = None) -> None:
        self.applying = applying
        self.discarding = discarding

    def apply(self, *_: object, **__: object) -> list[Any]:
        raise self.applying

    def discard(self, *_: object) -> None:
        if self.discarding:
            raise self.discarding


def applied(applying: BaseException, discarding: BaseException | None = None) -> Report:
    report = Report(run="shell", agent="review", target="acme/shop!1")
    made = Proposal(
        run="shell", agent="review", project="", project_id=0, iid=0, head="", actions=(), report=report
    )
    return shell_module.applied(made, Failing(applying, discarding), Progress())  # type: ignore[arg-type]


def test_a_lost_answer_says_that_the_same_command_mends_it() -> None:
    with pytest.raises(PlatformError, match="GitLab failed; run the same command again"):
        applied(Unavailable("GitLab failed"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PlatformError("GitLab is down")])
def test_drafts_that_cannot_be_taken_back_are_told_of(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        applied(KeyboardInterrupt(), error)
    assert "the next review takes them away" in capsys.readouterr().err


def test_a_push_in_the_middle_is_no_failure() -> None:
    report = applied(Superseded("acme/shop!1 moved on"))
    assert (report.state, report.message) == ("superseded", "acme/shop!1 moved on")


def test_a_reading_process_that_breaks_is_told_of_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PYTHON", (sys.executable, "-c", "raise SystemExit(9)"))
    with pytest.raises(PlatformError, match="ended with code 9"):
        apart.propose_apart(shell_request(1, PROJECT), Accounts(), Settings())


# --- nothing to read, nothing to write ---


@pytest.mark.parametrize(
    ("settings", "code", "sentence"),
    [
        ({"TRIVET_GITLAB__TOKEN": "glpat-" + "expired" * 3}, 3, "does not accept the token (401)"),
        ({"TRIVET_GITLAB__TOKEN": ""}, 2, "TRIVET_GITLAB__TOKEN is not set"),
        ({"TRIVET_DATA_DIR": "/proc/nowhere"}, 2, "the data folder /proc/nowhere cannot be written"),
    ],
)
def test_what_is_wrong_with_the_token_or_the_folder_is_one_sentence(
    shell: Shell, settings: Mapping[str, str], code: int, sentence: str
) -> None:
    ended, out, err = shell.review(1, **settings)
    assert (ended, out) == (code, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_gitlab_that_is_down_is_exit_3(shell: Shell) -> None:
    nowhere = "http://127.0.0.1:9"
    shell.settings["TRIVET_GITLAB__URL"] = nowhere
    command = [sys.executable, "-m", "bot", "review", f"{nowhere}/{PROJECT}/-/merge_requests/1"]
    environment = clean_environment() | shell.settings
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_merge_request_that_is_gone_is_exit_3_and_one_sentence(shell: Shell) -> None:
    code, out, err = shell.review(4711)
    assert (code, out) == (3, "")
    assert f"merge request {PROJECT}!4711" in err.splitlines()[-1]
    assert err.count("(404)") == 1


def test_a_merged_one_is_left_alone_and_said_so(sandbox: SandboxServer, shell: Shell, iid: int) -> None:
    sandbox.act(iid, "merge", user="grace")
    sandbox.clear_requests()
    code, out, _ = shell.review(iid)
    assert code == 0
    assert f"{PROJECT}!{iid} is merged: there is nothing to review" in out
    assert writes(sandbox) == []


# --- in a job without a mark secret ---


def test_a_job_writes_unsigned_marks_and_the_next_one_leaves_the_same_head_alone(
    sandbox: SandboxServer, shell: Shell, iid: int
) -> None:
    assert shell.review(iid, CI="true")[0] == 0
    state = sandbox.merge_request_state(iid)
    notes = [note for thread in state["discussions"] for note in thread["notes"]] + state["notes"]
    marks = [note["body"] for note in notes if "trivet:v1" in note["body"]]
    assert len(marks) == 3
    assert all("mac=none" in body for body in marks)
    sandbox.clear_requests()
    code, out, _ = shell.review(iid, CI="true")
    assert code == 0
    assert "is already reviewed at" in out
    assert writes(sandbox) == []


# --- the same findings everywhere ---


def shell_request(iid: int = 0, project: str = "") -> JobRequest:
    return JobRequest(agent="review", project=project, project_id=0, iid=iid, trigger="shell", key="test")


def fingerprints(report: Report) -> set[str]:
    return {finding.fingerprint for finding in report.findings}


def test_a_local_review_finds_what_the_review_on_gitlab_finds(
    sandbox: SandboxServer, tmp_path: Path, iid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    token = sandbox.token("trivet")
    reader = GitLabReader(GitLabApi(sandbox.url, token, "the token"), GitCache(tmp_path / "cache"))
    means = Means(reader=reader, agent=AGENTS["review"], redactor=Redactor([token]))
    made = propose_here(shell_request(iid, PROJECT), means)
    there = made if isinstance(made, Report) else made.report
    cloned(sandbox, tmp_path / "clone", iid)
    monkeypatch.chdir(tmp_path / "clone")
    here = review_local(Settings(), "origin/main")
    assert here.head == there.head
    assert len(fingerprints(there)) == 2
    assert fingerprints(here) == fingerprints(there)


def test_a_models_findings_are_the_same_in_a_checkout_and_on_gitlab(
    sandbox: SandboxServer, shell: Shell, tmp_path: Path, iid: int, change: str
) -> None:
    sandbox.push(change, {f"{change}/orders.py": "def first(order):\n    return order.items[0]\n"})
    cloned(sandbox, tmp_path / "clone", iid)
    defect = reported(f"{change}/orders.py", 2, "    return order.items[0]", title="No first item")
    with ModelServer() as model:
        model.reply = reporting(defect)
        keys = model.environ("openai")
        code, out, err = shell.review(iid, "--dry-run", "--format", "json", **keys)
        there = Report.model_validate_json(out)
        words = ["--local", "--base", "origin/main", "--format", "json"]
        environment = clean_environment() | {"TRIVET_DATA_DIR": str(tmp_path / "data")} | keys
        done = subprocess.run(
            [sys.executable, "-m", "bot", "review", *words],
            env=environment,
            cwd=tmp_path / "clone",
            capture_output=True,
            text=True,
        )
    assert (code, done.returncode) == (0, 0), err + done.stderr
    here = Report.model_validate_json(done.stdout)
    assert "No first item" in [finding.title for finding in there.findings]
    assert fingerprints(here) == fingerprints(there)
    assert (here.model_calls, here.failures) == (there.model_calls, ()) == (2, ())


def cloned(sandbox: SandboxServer, folder: Path, iid: int) -> None:
    """A person's clone with the merge request checked out."""
    host = sandbox.url.removeprefix("http://")
    git(
        folder.parent,
        "clone",
        "--quiet",
        f"http://oauth2:{sandbox.token('ada')}@{host}/{PROJECT}.git",
        folder.name,
    )
    git(folder, "fetch", "--quiet", "origin", f"refs/merge-requests/{iid}/head")
    git(folder, "checkout", "--quiet", "FETCH_HEAD")


class Preparing(LocalReader):
    """GitLab right after a push: the diff is not there at first."""

    tries = 0

    def change_set(self, request: Any) -> Any:
        self.tries += 1
        if self.tries < 3:
            raise NotReady("the diff is being prepared", 0.01)
        return super().change_set(request)


def test_a_diff_that_is_being_prepared_is_waited_for(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "first")
    reader = Preparing(tmp_path, "main")
    made = propose_here(shell_request(), Means(reader=reader, agent=AGENTS["review"], redactor=Redactor()))
    assert not isinstance(made, Report)
    assert reader.tries == 3
