"""The command line from outside: what it prints, where, and with which exit code. No traceback reaches anybody."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import jsonschema
import pytest
from click.testing import CliRunner

from bot.domain.actions import Outcome, Report
from bot.domain.findings import Finding, Severity
from bot.entry import cli
from tests.gitrepos import git, new_repository
from tests.model_replies import as_text
from tests.model_server import ModelServer, answered, failed
from tests.rig import clean_environment
from tests.sandbox_server import SandboxServer

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
MR = "https://gitlab.example.com/acme/shop/-/merge_requests/1"
DEFECT = "import os\n\nvalue = undefined_name\n"
CLEAN = "value = 1\n"


def trivet(
    *words: str, folder: Path | None = None, settings: Mapping[str, str] | None = None, **streams: object
) -> subprocess.CompletedProcess[str]:
    """The real command."""
    environment = clean_environment() | {"PYTHONPATH": str(Path(__file__).parents[2])} | dict(settings or {})
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
    assert ours == {"bot", "bot.entry", "bot.entry.cli", "bot.errors"}


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
    for name in (name for name in os.environ if name.startswith("TRIVET_")):
        monkeypatch.delenv(name)
    assert in_process(words, monkeypatch) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


def in_process(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["trivet", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("redis://127.0.0.1:9/0", 3, "Redis does not answer (ConnectionError): start it"),
        ("127.0.0.1:6379", 2, "TRIVET_REDIS_URL: must be like redis://"),
    ],
)
def test_a_redis_that_is_not_there_is_a_failure_and_a_wrong_address_a_mistake(
    url: str, code: int, sentence: str
) -> None:
    marks = {"TRIVET_MARK_SECRETS": "m" * 20, "TRIVET_REDIS_URL": url}
    done = trivet("work", "effects", settings=marks)
    assert (done.returncode, sentence in done.stderr) == (code, True)


def test_an_error_nobody_foresaw_is_one_redacted_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P"
    monkeypatch.setenv("TRIVET_GITLAB__TOKEN", "own-" + "token-of-ours")

    def broken(*_: object) -> None:
        raise RuntimeError(f"with {token} and own-" + "token-of-ours")

    monkeypatch.setattr(cli, "_local_report", broken)
    assert in_process(["review", "--local"], monkeypatch) == 3
    said = capsys.readouterr().err
    assert said.startswith("trivet: internal error: RuntimeError: with <REDACTED:")
    assert token not in said
    assert "token-of-ours" not in said


# --- review --local ---


def test_a_local_review_prints_its_findings_and_exits_0(checkout: Path) -> None:
    done = trivet("review", "--local", "--base", "main", folder=checkout)
    assert done.returncode == 0
    assert "app.py:3" in done.stdout
    assert "undefined_name" in done.stdout
    assert done.stderr.splitlines()[0] == "trivet: comparing with main"
    assert all(line.startswith("trivet: ") for line in done.stderr.splitlines())


def test_standard_output_is_the_report_alone_and_all_reports_come_from_one_run(
    checkout: Path, tmp_path: Path
) -> None:
    kinds = ("sarif", "codequality", "junit", "json", "markdown")
    words = [word for kind in kinds for word in ("--report", f"{kind}={tmp_path / kind}")]
    done = trivet("review", "--local", "--format", "json", "--fail-on", "critical", *words, folder=checkout)
    assert done.returncode == 1
    report = json.loads(done.stdout)
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
    monkeypatch.setattr(cli, "_local_report", lambda _base: report)
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


def test_a_local_review_opens_no_connection(checkout: Path, tmp_path: Path) -> None:
    """With an audit hook that ends the process at the first one, and a token that must not be needed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "network = ('socket.connect', 'socket.getaddrinfo')\n"
        "sys.addaudithook(lambda event, _: os._exit(99) if event in network else None)\n"
    )
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    settings = {"PYTHONPATH": path, "TRIVET_GITLAB__URL": "http://127.0.0.1:9"}
    done = trivet("review", "--local", "--base", "main", folder=checkout, settings=settings)
    assert done.returncode == 0, done.stderr
    probe = "import socket; socket.create_connection(('127.0.0.1', 9))"
    trapped = subprocess.run([sys.executable, "-c", probe], env=clean_environment() | settings, check=False)
    assert trapped.returncode == 99, "the trap works"


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


def test_a_narrow_character_set_is_no_reason_to_fail(tmp_path: Path) -> None:
    new_repository(tmp_path / "r", bare=False)
    (tmp_path / "r" / "naïve—名.py").write_text("x = 1\n")
    git(tmp_path / "r", "add", ".")
    git(tmp_path / "r", "commit", "--quiet", "-m", "first")
    git(tmp_path / "r", "checkout", "--quiet", "-b", "f")
    (tmp_path / "r" / "naïve—名.py").write_text("x = undefined_name\n")
    done = trivet(
        "review", "--local", "--base", "main", folder=tmp_path / "r", settings={"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0
    assert "undefined_name" in done.stdout


def test_a_terminal_sees_one_line_that_changes_and_is_gone_at_the_end(checkout: Path) -> None:
    leader, follower = pty.openpty()
    done = trivet(
        "review", "--local", "--base", "main", folder=checkout, stderr=follower, settings={"TERM": "xterm"}
    )
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert done.returncode == 0
    assert "checking 1 file" in shown
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[K")


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


def test_a_model_that_finds_nothing_is_exit_0_with_its_price_told(checkout: Path) -> None:
    with ModelServer() as server:
        done = trivet(
            "review", "--local", "--base", "main", folder=checkout, settings=server.environ("ollama")
        )
        assert server.asked
    assert done.returncode == 0
    assert re.search(r"^ollama:\S+: 1 call, [\d,]+ tokens$", done.stdout, re.MULTILINE)


# --- a question ---


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as started:
        yield started


def asked(
    sandbox: SandboxServer, folder: Path, *words: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """`trivet ask` about a merge request of the sandbox that adds `app.py`."""
    made = sandbox.state()["merge_requests"]
    iid = made[0]["iid"] if made else sandbox.merge_request(files={"app.py": DEFECT})
    given = {
        "TRIVET_DATA_DIR": str(folder / "data"),
        "TRIVET_GITLAB__URL": sandbox.url,
        "TRIVET_GITLAB__TOKEN": sandbox.token("trivet"),
    }
    sandbox.clear_requests()
    url = f"{sandbox.url}/acme/shop/-/merge_requests/{iid}"
    return trivet("ask", url, *words, settings=given | settings)


def test_the_answer_to_a_question_is_printed_and_nothing_is_written(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """A process, and the one that reads: what a person sees of an answer, what the model sees of the question."""
    block = {"kind": "paragraph", "text": "The name is never bound.", "items": [], "code": ""}
    with ModelServer() as server:
        server.reply = lambda _: answered({"known": True, "blocks": [block], "places": []})
        done = asked(sandbox, tmp_path, "Why does this fail?", **server.environ("openai"))
        assert "Why does this fail?" in as_text(server.asked[0])
    assert (done.returncode, done.stdout) == (0, "The name is never bound.\n")
    written = [one for one in sandbox.requests() if one["method"] != "GET" and ".git/" not in one["path"]]
    assert written == []


def test_a_question_that_cannot_be_answered_is_no_success(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Two processes, each with the one that reads: the exit codes that a script sees."""
    without = asked(sandbox, tmp_path, "Why?")
    assert (without.returncode, without.stdout) == (2, "")
    assert "no model is configured" in without.stderr
    with ModelServer() as server:
        server.reply = lambda _: failed(401, "Incorrect API key provided", code="invalid_api_key")
        broken = asked(sandbox, tmp_path, "Why?", **server.environ("openai"))
    assert broken.returncode == 3
    assert "OPENAI_API_KEY" in broken.stdout


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
