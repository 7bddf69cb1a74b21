"""`trivet up` as a person runs it: real processes, looked at from outside. GitLab is not there; that stops nobody."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from redis import Redis

from bot.entry.embedded import redis_url
from bot.entry.up import alone
from bot.errors import UsageError
from tests.rig import COMMANDS, clean_environment, free_port, processes

WRITE, READ = "glpat-" + "w" * 20, "glpat-" + "r" * 20
HOOK, MARKS, OPENAI = "the-hook-" + "secret", "m" * 32, "sk-" + "o" * 24
NOWHERE = "http://127.0.0.1:9"
SECRETS = {
    "TRIVET_GITLAB__TOKEN": WRITE,
    "TRIVET_GITLAB__READ_TOKEN": READ,
    "TRIVET_GITLAB__WEBHOOK_SECRETS": HOOK,
    "TRIVET_MARK_SECRETS": MARKS,
    "OPENAI_API_KEY": OPENAI,
}
EXPECTED = {
    "redis": set(),
    "serve": {HOOK},
    "agents": {READ, MARKS, OPENAI},
    "effects": {WRITE, MARKS},
    "schedule": {READ},
}


class Up:
    """One `trivet up` on a data folder."""

    def __init__(self, folder: Path, **settings: str | None) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.log = folder / "up.log"
        base = {
            "TRIVET_DATA_DIR": str(self.data),
            "TRIVET_PORT": str(self.port),
            "TRIVET_LOG_FORMAT": "json",
            "TRIVET_GITLAB__URL": NOWHERE,
            "TRIVET_GITLAB__PROJECTS": "acme/**",
            "COPY_OF_TOKEN": f"token={WRITE}",
        }
        chosen = {**base, **SECRETS, **settings}
        self.environment = clean_environment() | {key: value for key, value in chosen.items() if value}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "up"], env=self.environment, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ended(self, seconds: float = 40) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return found

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=20) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ready(self) -> None:
        self.until(lambda: self.is_ready() and set(self.parts()) == set(COMMANDS))

    def parts(self) -> dict[str, int]:
        """The process id of each part that runs."""
        mine = [(pid, command) for pid, parent, command in processes() if parent == self.pid]
        return {
            name: pid for name, words in COMMANDS.items() for pid, command in mine if f"{words} " in command
        }

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("up")) as running:
        running.ready()
        yield running


def secrets_in(pid: int) -> set[str]:
    environment = Path(f"/proc/{pid}/environ").read_text()
    return {value for value in SECRETS.values() if value in environment}


def test_each_process_holds_only_its_own_secrets(up: Up) -> None:
    assert {name: secrets_in(pid) for name, pid in up.parts().items()} == EXPECTED


def test_no_secret_stands_in_a_command_line_or_a_log(up: Up) -> None:
    shown = " ".join(command for _, _, command in processes()) + up.said()
    assert not [value for value in SECRETS.values() if value in shown]


def test_a_second_one_on_the_same_data_is_refused(up: Up) -> None:
    environment = up.environment | {"TRIVET_PORT": str(free_port())}
    done = run_up(environment)
    assert done.returncode == 2
    assert last_line(done) == (
        f"another `trivet up` (process {up.pid}) works in {up.data}: "
        "stop it, or choose another TRIVET_DATA_DIR"
    )
    assert up.is_ready()


def test_a_port_in_use_is_one_line_and_no_loop(up: Up, tmp_path: Path) -> None:
    done = run_up(up.environment | {"TRIVET_DATA_DIR": str(tmp_path / "other")})
    assert done.returncode == 2
    assert last_line(done) == f"port {up.port} on 127.0.0.1 is in use: free it, or choose another with --port"


@pytest.mark.parametrize("name", ["agents", "effects", "schedule", "redis"])
def test_what_is_killed_comes_back(up: Up, name: str) -> None:
    before = up.parts()[name]
    os.kill(before, signal.SIGKILL)
    up.until(lambda: up.parts().get(name) not in (None, before))
    up.ready()


def test_a_delivery_during_the_receivers_restart_waits_and_is_answered(up: Up) -> None:
    before = up.parts()["serve"]
    os.kill(before, signal.SIGKILL)
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/healthz", timeout=60) as answer:
        assert answer.status == 200
    assert up.parts()["serve"] != before


def test_a_sweep_beside_it_finds_its_redis_and_says_that_gitlab_is_not_there(up: Up) -> None:
    done = run(up.environment, "sweep")
    assert done.returncode == 3
    assert "GitLab cannot be reached" in done.stderr


def test_its_lines_are_json_all_of_them(up: Up) -> None:
    assert all(json.loads(line) for line in up.said().splitlines())


def test_killed_it_takes_everybody_along_and_starts_again_on_its_data(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in SECRETS.items():
        (folder / name).write_text(value)
    settings: dict[str, str | None] = dict.fromkeys(SECRETS, None) | {"COPY_OF_TOKEN": None}
    with Up(tmp_path, TRIVET_SECRETS_DIR=str(folder), **settings) as up:
        up.ready()
        parts = up.parts()
        assert {name: files_of(pid) for name, pid in parts.items()} == EXPECTED
        remembered(up.data)
        os.kill(up.pid, signal.SIGKILL)
        up.ended()
        up.until(lambda: not running(parts))
    with Up(tmp_path) as again:
        again.ready()
        parts = again.parts()
        assert Redis.from_url(redis_url(again.data)).get("kept") == b"yes"
        os.kill(again.pid, signal.SIGTERM)
        assert again.ended() == 0
        assert not running(parts)


def files_of(pid: int) -> set[str]:
    """What the secret files of a process hold, none of which may stand in its environment."""
    assert secrets_in(pid) == set()
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    folders = [Path(word.partition("=")[2]) for word in words if word.startswith("TRIVET_SECRETS_DIR=")]
    return {file.read_text() for folder in folders for file in folder.iterdir() if file.is_file()}


def remembered(data: Path) -> None:
    client = Redis.from_url(redis_url(data))
    client.set("kept", "yes")
    client.waitaof(1, 0, 5000)
    client.close()


def running(parts: dict[str, int]) -> list[str]:
    return [name for name, pid in parts.items() if Path(f"/proc/{pid}").exists()]


# --- what cannot work ---


def run_up(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return run(environment, "up", *options)


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last sentence. All lines are JSON, as the settings ask for."""
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    return str(lines[-1]["message"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"TRIVET_GITLAB__URL": None}, "TRIVET_GITLAB__URL is not set: tell which GitLab"),
        ({"TRIVET_GITLAB__TOKEN": None}, "TRIVET_GITLAB__TOKEN is not set"),
        ({"TRIVET_DATA_DIR": "/proc/nowhere"}, "the data folder /proc/nowhere cannot be written"),
        ({"TRIVET_GITLAB__WEBHOOK_SECRETS": "whsec_short"}, "TRIVET_GITLAB__WEBHOOK_SECRETS: "),
    ],
)
def test_a_wrong_configuration_ends_it_with_a_sentence(
    tmp_path: Path, settings: dict[str, str | None], sentence: str
) -> None:
    done = run_up(Up(tmp_path, **settings).environment)
    assert done.returncode == 2
    assert sentence in last_line(done)


def test_a_descriptor_that_is_no_socket_ends_it_with_a_sentence(tmp_path: Path) -> None:
    done = run_up(Up(tmp_path).environment, "--fd", "0")
    assert done.returncode == 2
    assert "descriptor 0 is no listening socket" in last_line(done)


def test_what_lets_it_do_nothing_is_warned_of(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        nothing: dict[str, str | None] = {"TRIVET_GITLAB__PROJECTS": None, "TRIVET_PORT": port}
        done = run_up(
            Up(tmp_path, TRIVET_GITLAB__WEBHOOK_SECRETS=None, TRIVET_GITLAB__TOKNE="x", **nothing).environment
        )
    assert "did you mean TRIVET_GITLAB__TOKEN?" in done.stderr
    assert "no project is allowed" in done.stderr
    assert "every delivery is refused" in done.stderr


def test_the_data_folder_is_held_by_one(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(UsageError, match=f"process {os.getpid()}"), alone(tmp_path):
        raise AssertionError("held twice")
    with alone(tmp_path):
        pass
