"""The command line from outside: what it prints, where, and with which exit code. No traceback reaches anybody.

A process costs some two seconds for what it imports: several tests look at one run where they can, and what does not
need a process runs in the test's own.
"""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO

import jsonschema
import pytest
from click.testing import CliRunner

from bot.domain.actions import Outcome, Report
from bot.domain.findings import Finding, Severity
from bot.entry import cli
from bot.entry.cli import agents
from tests.gitrepos import git, new_repository
from tests.model_replies import as_text
from tests.model_server import ModelServer, answered, failed
from tests.rig import clean_environment
from tests.sandbox_server import SandboxServer

REPOSITORY = str(Path(__file__).parents[2])
COMMANDS = (
    "ask",
    "config",
    "connect",
    "demo",
    "doctor",
    "eval",
    "findings",
    "health",
    "link",
    "pages",
    "review",
    "schedule",
    "serve",
    "sweep",
    "triage",
    "up",
    "web",
    "work",
)
HEAVY = (
    "pydantic",
    "redis",
    "rq",
    "gitlab",
    "requests",
    "fastapi",
    "uvicorn",
    "langgraph",
    "structlog",
    "yaml",
    "re2",
    "openai",
    "anthropic",
)
OF_THE_COMMAND_LINE = (
    "bot.entry.cli",
    "bot.entry.cli.agents",
    "bot.entry.cli.edge",
    "bot.entry.cli.given",
    "bot.entry.cli.options",
    "bot.entry.cli.processes",
    "bot.entry.cli.runs",
    "bot.entry.cli.setup",
    "bot.entry.cli.told",
)
MR = "https://gitlab.example.com/acme/shop/-/merge_requests/1"
DEFECT = "import os\n\nvalue = undefined_name\n"
CLEAN = "value = 1\n"


def trivet(
    *words: str, folder: Path | None = None, settings: Mapping[str, str] | None = None, **streams: object
) -> subprocess.CompletedProcess[str]:
    """The real command."""
    environment = clean_environment() | {"PYTHONPATH": REPOSITORY} | dict(settings or {})
    pipes: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        [sys.executable, "-m", "bot", *words],
        env=environment,
        cwd=folder,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        **pipes,
    )
    assert "Traceback" not in (done.stderr or "")
    return done


def in_process(
    words: list[str], monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str] | None = None
) -> int:
    """The exit code of the same command in this process; with `settings` they are all that it is given."""
    if settings is not None:
        only_given(settings, monkeypatch)
    monkeypatch.setattr(sys, "argv", ["trivet", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def only_given(settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    for name, value in {"PYTHONPATH": REPOSITORY, **settings}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`feature` adds a defect to `main`."""
    folder = tmp_path_factory.mktemp("checkout") / "shop"
    new_repository(folder, bare=False)
    (folder / "app.py").write_text(CLEAN)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "checkout", "--quiet", "-b", "feature")
    (folder / "app.py").write_text(DEFECT)
    git(folder, "commit", "--quiet", "--all", "-m", "second")
    return folder


# --- help ---


def test_help_names_every_command_and_the_exit_codes() -> None:
    done = trivet("--help")
    assert done.returncode == 0
    listed = [
        line.split()[0]
        for line in done.stdout.partition("Commands:")[2].splitlines()
        if line.startswith("  ")
    ]
    assert tuple(word for word in listed if word in COMMANDS) == COMMANDS
    assert "  propose " not in done.stdout
    assert "3 a platform or a model failed" in " ".join(done.stdout.split())
    assert "Usage: trivet " in done.stdout
    assert "..." not in done.stdout.replace("COMMAND [ARGS]...", "")


@pytest.mark.parametrize(
    "words", [*((name,) for name in COMMANDS), ("config", "check"), ("config", "schema")]
)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.trivet, [*words, "--help"], prog_name="trivet")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"trivet {words[0]}" in result.output


def test_a_tags_job_whose_notes_a_server_writes_ends_well_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the script of templates/pages.yml calls it, with nothing but the server's address."""
    file = tmp_path / "trivet-pages.json"
    words = ["pages", "--mode", "auto", "--report", f"json={file}", "--release", "v1.4.0"]
    job = {"GITLAB_CI": "true", "CI_COMMIT_TAG": "v1.4.0", "CI_PROJECT_PATH": "acme/shop"}
    given = job | {"CI_SERVER_URL": "https://gitlab.test", "TRIVET_SERVER": "https://t.test"}
    assert in_process(words, monkeypatch, given) == 0
    said = capsys.readouterr()
    assert said.out.startswith(
        "done: the server https://t.test writes the release notes of v1.4.0 by its webhook"
    )
    assert said.err == ""
    assert json.loads(file.read_text("utf-8"))["target"] == "release notes v1.4.0 of acme/shop"


def test_a_tags_job_that_shall_write_its_notes_here_needs_a_confluence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = {"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/shop", "CI_SERVER_URL": "https://gitlab.test"}
    words = ["pages", "--mode", "direct", "--release", "v1.4.0"]
    assert in_process(words, monkeypatch, job | {"TRIVET_SERVER": "https://t.test"}) == 2
    assert "TRIVET_CONFLUENCE__URL is not set" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom bot.entry import cli\n"
        "try:\n    cli.trivet.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "click" in loaded
    assert not loaded & set(HEAVY)
    ours = {name for name in done.stderr.split() if name.startswith("bot")}
    assert ours == {"bot", "bot.entry", "bot.errors", *OF_THE_COMMAND_LINE}


# --- usage ---


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["review"], "give either the address of a merge request, or --local"),
        (["review", "--local", "https://gitlab.example.com/a/b/-/merge_requests/1"], "give either"),
        (
            ["review", "https://gitlab.example.com/a/b/-/merge_requests/1", "--base", "main"],
            "--base goes with --local",
        ),
        (["review", "--local", "--format", "xml"], "'xml' is not one of"),
        (["review", "--local", "--fail-on", "huge"], "'huge' is not one of"),
        (["review", "--local", "--report", "xml=a"], "KIND one of codequality, sarif, json, markdown, junit"),
        (["review", "--local", "--report", "sarif"], "is not KIND=FILE"),
        (
            ["review", "--local", "--report", "sarif=/dir/does/not/exist/x.sarif"],
            "does not exist: make it first",
        ),
        (["review", "--local", "--report", "sarif=/"], "cannot be written"),
        (["review", "nonsense"], "nonsense is not the address of a merge request"),
        (["findings", "nonsense"], "nonsense is not the address of a merge request"),
        (["findings", MR, "--format", "sarif"], "'sarif' is not one of"),
        (["ask", "nonsense", "Why?"], "nonsense is not the address of a merge request"),
        (["ask", MR], "Missing argument 'QUESTION'"),
        (["config", "check", "/no/such/file"], "/no/such/file does not exist"),
        (["work", "nothing"], "'nothing' is not one of"),
        (["work", "agents", "--processes", "0"], "0 is not in the range"),
        (["demo", "--port", "70000"], "70000 is not in the range"),
        (["nope"], "No such command 'nope'"),
        (["serve"], "TRIVET_REDIS_URL is not set"),
        (["work", "agents"], "TRIVET_REDIS_URL is not set"),
        (["sweep"], "TRIVET_REDIS_URL is not set"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_exit_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_process(words, monkeypatch, settings={}) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("redis://127.0.0.1:9/0", 3, "Redis does not answer (ConnectionError): start it"),
        ("127.0.0.1:6379", 2, "TRIVET_REDIS_URL: must be like redis://"),
    ],
)
def test_a_redis_that_is_not_there_is_a_failure_and_a_wrong_address_a_mistake(
    url: str,
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marks = {"TRIVET_MARK_SECRETS": "m" * 20, "TRIVET_REDIS_URL": url}
    assert in_process(["work", "effects"], monkeypatch, marks) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_an_error_nobody_foresaw_is_one_redacted_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P"
    monkeypatch.setenv("TRIVET_GITLAB__TOKEN", "own-" + "token-of-ours")

    def broken(*_: object) -> None:
        raise RuntimeError(f"with {token} and own-" + "token-of-ours")

    monkeypatch.setattr(agents, "local_report", broken)
    assert in_process(["review", "--local"], monkeypatch) == 3
    said = capsys.readouterr().err
    assert said.startswith("trivet: internal error: RuntimeError: with <REDACTED:")
    assert token not in said
    assert "token-of-ours" not in said


# --- review --local ---


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with which a process ends at the first connection, by an audit hook, and a GitLab not to be asked."""
    folder = tmp_path_factory.mktemp("trap")
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "network = ('socket.connect', 'socket.getaddrinfo')\n"
        "sys.addaudithook(lambda event, _: os._exit(99) if event in network else None)\n"
    )
    path = os.pathsep.join((str(folder), REPOSITORY))
    return {"PYTHONPATH": path, "TRIVET_GITLAB__URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def reviewed(checkout: Path, trap: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return trivet("review", "--local", "--base", "main", folder=checkout, settings=trap)


def test_a_local_review_prints_its_findings_and_exits_0(
    reviewed: subprocess.CompletedProcess[str],
) -> None:
    assert reviewed.returncode == 0
    assert "app.py:3" in reviewed.stdout
    assert "undefined_name" in reviewed.stdout
    assert reviewed.stderr.splitlines()[0] == "trivet: comparing with main"
    assert all(line.startswith("trivet: ") for line in reviewed.stderr.splitlines())


def test_a_local_review_opens_no_connection(
    reviewed: subprocess.CompletedProcess[str], trap: dict[str, str]
) -> None:
    assert reviewed.returncode == 0, reviewed.stderr
    probe = "import socket; socket.create_connection(('127.0.0.1', 9))"
    trapped = subprocess.run([sys.executable, "-c", probe], env=clean_environment() | trap, check=False)
    assert trapped.returncode == 99, "the trap works"


def test_standard_output_is_the_report_alone_and_all_reports_come_from_one_run(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    kinds = ("sarif", "codequality", "junit", "json", "markdown")
    files = [word for kind in kinds for word in ("--report", f"{kind}={tmp_path / kind}")]
    words = ["review", "--local", "--format", "json", "--fail-on", "critical", *files]
    assert in_process(words, monkeypatch, settings={}) == 1
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    report = json.loads(said.out)
    (finding,) = report["findings"]
    assert report["target"] == "shop: the changes since main"
    assert json.loads((tmp_path / "json").read_text()) == report
    (issue,) = json.loads((tmp_path / "codequality").read_text())
    assert issue["fingerprint"] == finding["fingerprint"]
    (run,) = json.loads((tmp_path / "sarif").read_text())["runs"]
    assert run["results"][0]["ruleId"] == finding["rule"]
    assert "<failure" in (tmp_path / "junit").read_text()
    assert "undefined_name" in (tmp_path / "markdown").read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(kinds)


@pytest.mark.parametrize(("floor", "code"), [("blocker", 0), ("critical", 1), ("info", 1)])
def test_fail_on_decides_the_exit_code(
    checkout: Path,
    floor: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(checkout)
    assert in_process(["review", "--local", "--base", "main", "--fail-on", floor], monkeypatch) == code
    assert "undefined_name" in capsys.readouterr().out


REVIEWED = Report(run="r", agent="review", target="shop", state="done")
SEVERE = Finding(
    rule="sql-injection", severity=Severity.CRITICAL, path="a.py", line=1, title="A name becomes SQL"
)
OUT = "openai:small refused: 2 files were not reviewed by the model"


@pytest.mark.parametrize(
    ("said", "words", "code"),
    [
        ({}, [], 0),
        ({"failures": (OUT,)}, [], 3),
        ({"failures": (OUT,), "findings": (SEVERE,)}, [], 3),
        ({"failures": (OUT,), "findings": (SEVERE,)}, ["--fail-on", "blocker"], 3),
        ({"failures": (OUT,), "findings": (SEVERE,)}, ["--fail-on", "critical"], 1),
        ({"outcomes": (Outcome(key="summary", result="failed", reason="503"),)}, [], 3),
        ({"outcomes": (Outcome(key="summary", result="refused", reason="moved"),)}, [], 0),
        ({"state": "failed", "message": "GitLab does not answer."}, [], 3),
        ({"state": "superseded", "message": "It is merged."}, [], 0),
    ],
)
def test_what_failed_is_never_exit_0_and_takes_nothing_from_what_was_found(
    said: dict[str, object],
    words: list[str],
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = REVIEWED.model_copy(update=said)
    monkeypatch.setattr(agents, "local_report", lambda _base: report)
    file = tmp_path / "report.json"
    assert in_process(["review", "--local", "--report", f"json={file}", *words], monkeypatch) == code
    assert (OUT in capsys.readouterr().out) == bool(report.failures)
    assert Report.model_validate_json(file.read_text()) == report


def test_outside_of_a_checkout_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert in_process(["review", "--local"], monkeypatch) == 2
    assert "is not in a git checkout" in capsys.readouterr().err


def test_a_reader_that_goes_away_changes_neither_reports_nor_exit_code(
    checkout: Path, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = ("--fail-on", "critical", "--report", f"json={tmp_path / 'r.json'}")
    try:
        done = trivet("review", "--local", "--base", "main", *words, folder=checkout, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert "BrokenPipe" not in done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["findings"]


def test_output_that_cannot_be_written_is_a_failure(checkout: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = trivet("config", "schema", stdout=full)
    assert (done.returncode, done.stderr) == (3, "trivet: standard output: No space left on device\n")


def test_a_device_takes_a_report_and_stays_a_device(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    words = ["review", "--local", "--base", "main", "--report", "sarif=/dev/null"]
    assert in_process(words, monkeypatch) == 0
    assert Path("/dev/null").is_char_device()
    assert "undefined_name" in capsys.readouterr().out


def test_a_report_on_a_full_disk_is_a_failure_after_the_review_is_shown(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    words = ["review", "--local", "--base", "main", "--report", "sarif=/dev/full"]
    assert in_process(words, monkeypatch) == 3
    said = capsys.readouterr()
    assert "undefined_name" in said.out
    assert (
        said.err.splitlines()[-1] == "trivet: the report /dev/full cannot be written: No space left on device"
    )


@pytest.mark.parametrize("narrow", ["ascii", "latin-1"])
def test_a_narrow_character_set_is_no_reason_to_fail(
    narrow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """click writes UTF-8 where a stream is ASCII; any other stream is ours to see to."""
    new_repository(tmp_path / "r", bare=False)
    (tmp_path / "r" / "naïve—名.py").write_text("x = 1\n")
    git(tmp_path / "r", "add", ".")
    git(tmp_path / "r", "commit", "--quiet", "-m", "first")
    git(tmp_path / "r", "checkout", "--quiet", "-b", "f")
    (tmp_path / "r" / "naïve—名.py").write_text("x = undefined_name\n")
    monkeypatch.chdir(tmp_path / "r")
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding=narrow, write_through=True))
    words = ["review", "--local", "--base", "main"]
    assert in_process(words, monkeypatch, {"PYTHONIOENCODING": narrow}) == 0
    assert b"undefined_name" in written.getvalue()


# --- being stopped ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_receiver_that_is_told_to_stop_ends_well(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "bot", "serve", "--port", "0"]
    settings = {"TRIVET_REDIS_URL": f"unix://{tmp_path}/none.sock", "TRIVET_LOG_FORMAT": "json"}
    environment = clean_environment() | settings
    pipe, merged = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=merged, text=True) as process:
        try:
            assert process.stdout is not None
            wait_for_listener(process.stdout)
            process.send_signal(number)
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, "Traceback" in said) == (0, False)


def wait_for_listener(output: IO[str]) -> None:
    """Until the process says that it listens, which is when it reacts to signals as a server does."""
    said = ""
    for line in output:
        said += line
        if '"listening"' in line:
            return
    raise AssertionError(f"it never came to serve:\n{said}")


# --- configuration ---


def test_a_right_configuration_is_fine_and_a_wrong_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".trivet.yml").write_text("review: {min_severity: major}\n")
    assert in_process(["config", "check"], monkeypatch) == 0
    assert capsys.readouterr().out == ".trivet.yml is fine\n"
    Path("other.yml").write_text("review: {min_sevrity: major}\n")
    assert in_process(["config", "check", "other.yml"], monkeypatch) == 2
    assert 'did you mean "min_severity"?' in capsys.readouterr().err


def test_the_schema_is_one_that_editors_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process(["config", "schema"], monkeypatch) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"review": {"drafts": True}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"review": {"drafs": True}}, schema)


# --- a model ---


def test_a_model_that_fails_is_exit_3_and_standard_output_stays_the_report(checkout: Path) -> None:
    with ModelServer() as server:
        server.reply = lambda _: failed(401, "Incorrect API key provided", code="invalid_api_key")
        words = ("review", "--local", "--base", "main", "--format", "json")
        done = trivet(*words, folder=checkout, settings=server.environ("openai"))
    report = Report.model_validate_json(done.stdout)
    assert done.returncode == 3
    assert [finding.rule for finding in report.findings] == ["python/F821"]
    assert len(report.failures) == 1
    assert "OPENAI_API_KEY" in report.failures[0]


@dataclass(frozen=True)
class Watched:
    """A review with a model at a terminal. `shown`: what the terminal got. `asked`: how often the model was."""

    code: int
    out: str
    shown: str
    asked: int


@pytest.fixture(scope="module")
def watched(checkout: Path) -> Watched:
    leader, follower = pty.openpty()
    with ModelServer() as server:
        settings = {"TERM": "xterm", **server.environ("ollama")}
        words = ("review", "--local", "--base", "main")
        done = trivet(*words, folder=checkout, stderr=follower, settings=settings)
        asked = len(server.asked)
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    return Watched(done.returncode, done.stdout, shown, asked)


def test_a_model_that_finds_nothing_is_exit_0_with_its_price_told(watched: Watched) -> None:
    assert watched.asked
    assert watched.code == 0
    assert re.search(r"^ollama:\S+: 1 call, [\d,]+ tokens$", watched.out, re.MULTILINE)


def test_a_terminal_sees_one_line_that_changes_and_is_gone_at_the_end(watched: Watched) -> None:
    assert watched.code == 0
    assert "checking 1 file" in watched.shown
    assert "\n" not in watched.shown
    assert "Traceback" not in watched.shown
    assert watched.shown.endswith("\r\x1b[K")


# --- a question ---


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as started:
        yield started


@pytest.fixture
def given(sandbox: SandboxServer, tmp_path: Path) -> dict[str, str]:
    return {
        "TRIVET_DATA_DIR": str(tmp_path / "data"),
        "TRIVET_GITLAB__URL": sandbox.url,
        "TRIVET_GITLAB__TOKEN": sandbox.token("trivet"),
    }


@pytest.fixture(scope="module")
def url(sandbox: SandboxServer) -> str:
    """Of a merge request of the sandbox that adds `app.py`."""
    return f"{sandbox.url}/acme/shop/-/merge_requests/{sandbox.merge_request(files={'app.py': DEFECT})}"


def test_the_answer_to_a_question_is_printed_and_nothing_is_written(
    sandbox: SandboxServer, url: str, given: dict[str, str]
) -> None:
    """A process, and the one that reads: what a person sees of an answer, what the model sees of the question."""
    block = {"kind": "paragraph", "text": "The name is never bound.", "items": [], "code": ""}
    sandbox.clear_requests()
    with ModelServer() as server:
        server.reply = lambda _: answered({"known": True, "blocks": [block], "places": []})
        done = trivet("ask", url, "Why does this fail?", settings=given | server.environ("openai"))
        assert "Why does this fail?" in as_text(server.asked[0])
    assert (done.returncode, done.stdout) == (0, "The name is never bound.\n")
    written = [one for one in sandbox.requests() if one["method"] != "GET" and ".git/" not in one["path"]]
    assert written == []


def test_a_question_that_cannot_be_answered_is_no_success(
    url: str, given: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Twice the process that reads: the exit codes that a script sees."""
    monkeypatch.setattr("bot.entry.lifeline.stoppable", lambda: None)
    assert in_process(["ask", url, "Why?"], monkeypatch, given) == 2
    without = capfd.readouterr()
    assert without.out == ""
    assert "no model is configured" in without.err
    with ModelServer() as server:
        server.reply = lambda _: failed(401, "Incorrect API key provided", code="invalid_api_key")
        assert in_process(["ask", url, "Why?"], monkeypatch, given | server.environ("openai")) == 3
    broken = capfd.readouterr()
    assert "OPENAI_API_KEY" in broken.out
    assert "Traceback" not in without.err + broken.err


def test_a_program_gets_an_answer_with_the_account_of_its_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(run="r", agent="ask", target="acme/shop!1", answer="Because of **this**.", state="done")
    monkeypatch.setattr("bot.entry.shell.ask_about", lambda *_: report)
    monkeypatch.setattr("bot.entry.lifeline.stoppable", lambda: None)
    monkeypatch.setenv("TRIVET_GITLAB__URL", "https://gitlab.example.com")
    for form, shown in (("text", "Because of **this**.\n"), ("markdown", "Because of **this**.\n")):
        assert in_process(["ask", MR, "Why?", "--format", form], monkeypatch) == 0
        assert capsys.readouterr().out == shown
    assert in_process(["ask", MR, "Why?", "--format", "json"], monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "Because of **this**."
