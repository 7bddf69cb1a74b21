"""`trivet doctor` as a whole: it ends in every state, in time, with the right exit code and without a secret."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.entry.doctor import examination
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.examination import exit_code, run_doctor
from bot.entry.doctor.looking import Look, looked
from bot.settings import Settings
from tests.model_server import ModelServer, failed
from tests.rig import Rig, clean_environment, free_port

TOKEN = "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P"
JIRA_TOKEN = "ATATT3x" + "Zq8Rt2vLm4Xc7Wn1Kd9P"
PASSWORD = "Xc7Wn1" + "Kd9PzQ"
MARKS = "k3Jq" * 8
KEY = "sk-" + "b7Yd" * 8


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("TRIVET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRIVET_DATA_DIR", str(tmp_path / "data"))


# --- side by side, in time ---


def test_a_look_that_hangs_costs_its_own_line_alone() -> None:
    let_go = threading.Event()

    def hanging() -> Iterator[Check]:
        yield fine("Redis", "answers", "0.3 ms")
        let_go.wait(30)

    began = time.monotonic()
    found = looked([Look("Redis", hanging), Look("Models", lambda: [fine("Models", "one", "answers")])], 0.3)
    let_go.set()
    assert time.monotonic() - began < 5
    assert [(one.topic, one.name, one.state) for one in found] == [
        ("Redis", "answers", "fine"),
        ("Redis", "time", "wrong"),
        ("Models", "one", "fine"),
    ]


def test_a_look_that_breaks_off_is_told_and_no_other_with_it() -> None:
    def broken() -> Iterable[Check]:
        raise ZeroDivisionError("by nothing")

    found = looked([Look("Redis", broken), Look("Models", lambda: [fine("Models", "one", "answers")])], 5)
    assert [(one.topic, one.state) for one in found] == [("Redis", "wrong"), ("Models", "fine")]
    assert "ZeroDivisionError: by nothing" in found[0].said


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([], 0),
        ([fine("a", "b", "c"), note("a", "b", "c")], 0),
        ([wrong("a", "b", "c", "d")], 3),
        ([wrong("a", "b", "c", "d"), wrong("a", "b", "c", "d", is_setting=True)], 2),
    ],
)
def test_the_exit_code_says_whether_a_setting_or_something_else_is_wrong(
    checks: list[Check], code: int
) -> None:
    assert exit_code(checks) == code


# --- in every state ---


def in_this_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    code = run_doctor(as_json=True)
    return code, json.loads(capsys.readouterr().out)


def states(said: dict[str, Any], topic: str) -> dict[str, str]:
    return {one["name"]: one["state"] for one in said["checks"] if one["topic"] == topic}


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and says nothing until the test has ended."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


def everywhere(port: int) -> dict[str, str]:
    """Everything that can be asked is at one place."""
    return {
        "TRIVET_REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{port}/0",
        "TRIVET_GITLAB__URL": f"http://127.0.0.1:{port}",
        "TRIVET_GITLAB__TOKEN": TOKEN,
        "TRIVET_GITLAB__PROJECTS": "acme/shop",
        "TRIVET_JIRA__URL": f"http://127.0.0.1:{port}",
        "TRIVET_JIRA__TOKEN": JIRA_TOKEN,
        "TRIVET_CONFLUENCE__URL": f"http://127.0.0.1:{port}",
        "TRIVET_CONFLUENCE__TOKEN": JIRA_TOKEN,
        "TRIVET_MARK_SECRETS": MARKS,
        "TRIVET_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TRIVET_MODELS": "openai:gpt-stand-in",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
    }


def test_it_ends_in_time_where_everything_hangs(
    silent: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes the two seconds that it is given: they show that one limit holds for all that is asked."""
    monkeypatch.setattr(examination, "SECONDS", 2.0)
    began = time.monotonic()
    code, said = in_this_process(capsys, monkeypatch, everywhere(silent))
    assert time.monotonic() - began < 20
    assert code == 3
    for topic in ("Redis", "Models", "GitLab", "Jira", "Confluence"):
        assert "wrong" in states(said, topic).values(), topic


def test_where_nothing_answers_each_thing_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = in_this_process(capsys, monkeypatch, everywhere(free_port()))
    assert code == 3
    assert said["ok"] is False
    for topic in ("Redis", "Models", "GitLab", "Jira", "Confluence"):
        assert "wrong" in states(said, topic).values(), topic
    assert all(one["cure"] for one in said["checks"] if one["state"] == "wrong")
    assert not [one for one in said["checks"] if one["name"] == "look"]
    for secret in (TOKEN, JIRA_TOKEN, PASSWORD, MARKS, KEY):
        assert secret not in json.dumps(said)


def test_wrong_settings_are_told_and_the_rest_is_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = everywhere(free_port()) | {"TRIVET_PORT": "eighty", "TRIVET_JIRA__URL": "jira"}
    code, said = in_this_process(capsys, monkeypatch, settings)
    assert code == 2
    assert states(said, "Settings")["TRIVET_PORT"] == "wrong"
    assert states(said, "Settings")["TRIVET_JIRA__URL"] == "wrong"
    assert states(said, "Redis") == {"answers": "wrong"}
    assert not states(said, "Jira")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRIVET_REDIS_URL", "redis://:{password}@[redis:6379"),
        ("TRIVET_REDIS_URL", "redis://:{password}@redis:port"),
        ("TRIVET_DATABASE_URL", "postgresql://trivet:{password}@[database/trivet"),
        ("TRIVET_DATABASE_URL", "{password}"),
        ("TRIVET_SENTRY_DSN", "https://{password}@[sentry/42"),
        ("TRIVET_PUBLIC_URL", "https://[trivet"),
        ("TRIVET_GITLAB__URL", "https://[gitlab"),
        ("TRIVET_JIRA__URL", "https://trivet:{password}@jira.example.com:port"),
    ],
)
def test_an_address_that_cannot_be_taken_apart_is_a_wrong_setting_like_others(
    name: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = PASSWORD + "Vm"
    code, said = in_this_process(capsys, monkeypatch, {name: value.format(password=secret)})
    assert code == 2
    assert [one for one in said["checks"] if one["name"] == "look"] == []
    assert secret not in json.dumps(said)


def test_an_address_that_nothing_can_be_told_of_takes_no_other_secret_from_redaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, keys = Settings(gitlab={"token": TOKEN}), {"OPENAI_API_KEY": KEY}
    unread = keys | {"TRIVET_SECRETS_DIR": "/no/such/folder"}
    assert {KEY, TOKEN} <= set(examination._own_secrets(unread, settings))
    monkeypatch.setattr(Settings, "own_secrets", lambda _: urlsplit("https://[odd"))
    assert examination._own_secrets(keys, settings) == [KEY]


def test_a_library_that_is_missing_costs_the_lines_of_what_needs_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise ImportError("No module named 'openai'")

    monkeypatch.setattr(examination, "import_sdks", missing)
    monkeypatch.setitem(sys.modules, "bot.entry.doctor.jira", None)
    code, said = in_this_process(capsys, monkeypatch, everywhere(free_port()))
    assert code == 3
    for topic in ("Models", "Jira"):
        assert states(said, topic) == {"look": "wrong"}
    for topic in ("Machine", "GitLab", "Confluence"):
        assert "look" not in states(said, topic)


def test_with_no_settings_at_all_it_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = in_this_process(capsys, monkeypatch, {})
    assert code == 2
    assert states(said, "Settings")["platforms"] == "wrong"
    assert states(said, "Redis") == {"address": "note"}


def test_a_process_that_only_receives_is_not_asked_for_what_others_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "TRIVET_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "TRIVET_GITLAB__URL": f"http://127.0.0.1:{free_port()}",
        "TRIVET_GITLAB__WEBHOOK_SECRETS": "a-secret-" + "of-a-hook",
        "TRIVET_GITLAB__PROJECTS": "acme/**",
        "TRIVET_MODELS": "openai:gpt-stand-in",
    }
    _, said = in_this_process(capsys, monkeypatch, settings)
    assert states(said, "Settings")["secrets"] == "note"
    assert states(said, "GitLab") == {"tokens": "note"}
    assert not states(said, "Models")
    assert not states(said, "Database")


def test_what_a_server_says_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as server:
        server.reply = lambda _: failed(400, "\x1b[2J\rall is fine \u202e")
        _, said = in_this_process(
            capsys, monkeypatch, {"TRIVET_MODELS": "openai:gpt-stand-in", **server.environ("openai")}
        )
    [found] = [one for one in said["checks"] if one["topic"] == "Models"]
    assert found["said"].isprintable()


# --- the real command ---


def command(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bot", "doctor", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_where_nothing_can_be_read_the_command_still_speaks(tmp_path: Path) -> None:
    environment = clean_environment() | {"TRIVET_SECRETS_DIR": str(tmp_path / "nowhere")}
    done = command(environment, "--json")
    assert done.returncode == 2
    said = json.loads(done.stdout)
    assert states(said, "Settings") == {"TRIVET_SECRETS_DIR": "wrong"}
    assert states(said, "Machine")["git"] == "fine"
    assert "Traceback" not in done.stderr


def test_a_healthy_install_is_healthy_until_its_redis_may_forget(tmp_path: Path) -> None:
    """Takes the ten seconds in which all of Trivet starts: nothing else shows that doctor finds nothing to say."""
    with ModelServer() as server:
        key, url = server.environ("openai").values()
        models = "openai:gpt-stand-in"
        with Rig(tmp_path, TRIVET_MODELS=models, OPENAI_API_KEY=key, OPENAI_BASE_URL=url) as rig:
            rig.wait(lambda: rig.redis().hget("trivet:heard", "sweep"), 60, "the first sweep")
            done = command(rig.environment, "--json")
            said = json.loads(done.stdout)
            assert [one for one in said["checks"] if one["state"] == "wrong"] == []
            assert (done.returncode, said["ok"]) == (0, True)
            assert states(said, "Processes")["work agents"] == "fine"
            assert states(said, "Models") == {"openai:gpt-stand-in": "fine"}
            assert rig.sandbox.token("trivet") not in done.stdout + done.stderr

            rig.redis().config_set("appendonly", "no")
            done = command(rig.environment)
            assert done.returncode == 2
            assert "set `appendonly yes`" in done.stdout
            assert done.stdout.rstrip().splitlines()[-1].startswith("1 thing is wrong")
