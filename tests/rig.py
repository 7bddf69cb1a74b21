"""The whole product as a person runs it: the sandbox GitLab, and `trivet up` in processes of its own."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from redis import Redis

from bot.entry.embedded import redis_url
from tests.canaries import HOOK_SECRET, plant, watch
from tests.sandbox_server import PROJECT, SandboxServer

COMMANDS = {
    "redis": "valkey-server",
    "serve": "bot serve",
    "agents": "bot work agents",
    "effects": "bot work effects",
    "schedule": "bot schedule",
}
SETTINGS_PREFIXES = ("TRIVET_", "OPENAI_", "ANTHROPIC_", "MISTRAL_", "OLLAMA_", "VLLM_", "COMPATIBLE_", "CI")


def clean_environment() -> dict[str, str]:
    """The test's environment without settings of the product."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_PREFIXES)}


def free_port() -> int:
    """A loopback port of this test process's own: bound until it ends, so that the kernel gives it to nobody else.

    A server that asks for it by number still gets it, again and again (SO_REUSEADDR on both sockets, as Linux has it).
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])
        holder.detach()
        return port


class Rig:
    """`folder` keeps the data. `sweep`: seconds between sweeps, an hour unless the test is about them."""

    def __init__(
        self,
        folder: Path,
        *,
        sweep: float = 3600,
        version: str = "19.2.0",
        seed: bool = False,
        jira: str | None = None,
        confluence: str | None = None,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.hook = f"http://127.0.0.1:{self.port}/hooks/gitlab"
        self.sandbox = SandboxServer(
            version=version, folder=folder / "sandbox", seed=seed, jira=jira, confluence=confluence
        )
        self._sweep = sweep
        self._settings = settings
        self._up: subprocess.Popen[bytes] | None = None
        self._log = watch(folder / "up.log")

    def __enter__(self) -> Self:
        (self.folder / "sandbox").mkdir(parents=True, exist_ok=True)
        self.sandbox.__enter__()
        try:
            self.sandbox.add_hook(self.hook, HOOK_SECRET)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.sandbox.__exit__()

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment() | {
            "TRIVET_DATA_DIR": str(self.folder / "data"),
            "TRIVET_PORT": str(self.port),
            "TRIVET_SWEEP_SECONDS": str(self._sweep),
            "TRIVET_LOG_FORMAT": "json",
            "TRIVET_GITLAB__URL": self.sandbox.url,
            "TRIVET_GITLAB__TOKEN": plant(self.sandbox.token("trivet")),
            "TRIVET_GITLAB__WEBHOOK_SECRETS": HOOK_SECRET,
            "TRIVET_GITLAB__PROJECTS": "acme/**",
            **self._settings,
        }

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "bot", "up"], env=self.environment, stderr=log, stdout=log
            )
        self.wait(self.is_ready, 60, "the receiver to be ready")
        self.wait(self.is_introduced, 60, "the workers to tell who the bot is")
        if (kept := self.folder / "data" / "mark-secret").exists():
            plant(kept.read_text().strip())

    def stop(self, seconds: float = 40) -> int | None:
        """SIGTERM, as a person's Ctrl-C or a service manager does; the exit code."""
        if self._up is None:
            return None
        self._up.terminate()
        try:
            return self._up.wait(seconds)
        finally:
            self._up.kill()
            self._up.wait()
            self._up = None

    # looking

    @property
    def up_pid(self) -> int:
        assert self._up is not None
        return self._up.pid

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def is_introduced(self) -> bool:
        return self.redis().hget("trivet:identities", "gitlab") is not None

    def redis(self) -> Redis:
        return Redis.from_url(redis_url(self.folder / "data"))

    def get(self, path: str) -> tuple[int, str]:
        return self.send("GET", path)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def wait(self, condition: Callable[[], Any], seconds: float = 60, what: str = "the condition") -> Any:
        """The first true answer. Raises AssertionError with the end of the log."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s for {what}; the log ends:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def unfinished(self) -> int:
        return int(self.redis().zcard("trivet:unfinished"))

    def idle(self, seconds: float = 60) -> None:
        """Wait until no run is under way."""
        self.wait(lambda: self.unfinished() == 0, seconds, "all runs to end")

    def runs(self) -> list[dict[str, str]]:
        client = self.redis()
        found = [client.hgetall(key) for key in client.keys("trivet:run:*")]
        return [{name.decode(): value.decode() for name, value in run.items()} for run in found]

    def kept_turns(self) -> int:
        """The finished model turns of runs that are not over; a turn alone writes what was spent."""
        return self._kept("SELECT count(*) FROM writes WHERE channel = 'spent'")

    def kept_runs(self) -> int:
        """How many runs the agents keep steps of."""
        return self._kept(
            "SELECT count(*) FROM (SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM writes)"
        )

    def _kept(self, query: str) -> int:
        file = self.folder / "data" / "checkpoints.sqlite"
        if not file.exists():
            return 0
        with closing(sqlite3.connect(file, timeout=10)) as connection:
            try:
                [(count,)] = connection.execute(query)
            except sqlite3.OperationalError:  # its tables are being made
                return 0
        return int(count)

    # an outage

    def outages(self) -> dict[str, float]:
        """How long each run that is not over is put back by now, in seconds: 0 where it was not yet."""
        first = {run["id"]: float(run.get("first_outage", 0)) for run in self.runs_under_way()}
        return {name: time.time() - at if at else 0.0 for name, at in first.items()}

    def pauses(self) -> dict[str, float]:
        """Seconds until each run that waits is due."""
        waiting = self.redis().zrange("trivet:waiting", 0, -1, withscores=True)
        return {member.decode().partition(":")[2]: due - time.time() for member, due in waiting}

    def skip_pauses(self) -> None:
        """Let the time pass at once that runs wait for: they are due, and their outage is that much older."""
        client = self.redis()
        for member, due in client.zrange("trivet:waiting", 0, -1, withscores=True):
            run = f"trivet:run:{member.decode().partition(':')[2]}"
            pause = max(due - time.time(), 0)
            if pause and client.hexists(run, "first_outage"):
                client.hincrbyfloat(run, "first_outage", -pause)
            client.zadd("trivet:waiting", {member: time.time()}, xx=True)

    def runs_under_way(self) -> list[dict[str, str]]:
        names = [name.decode() for name in self.redis().zrange("trivet:unfinished", 0, -1)]
        return [{"id": name} | self.run(name) for name in names]

    def run(self, name: str) -> dict[str, str]:
        found = self.redis().hgetall(f"trivet:run:{name}")
        return {field.decode(): value.decode() for field, value in found.items()}

    def report(self, name: str) -> str:
        """The account of a run that is over, as JSON."""
        found = self.redis().get(f"trivet:report:{name}")
        assert isinstance(found, bytes)
        return found.decode()

    # people's view of a merge request

    def review(self, iid: int, project: str = PROJECT) -> dict[str, Any]:
        return self.sandbox.merge_request_state(iid, project)

    def bot_notes(self, iid: int, project: str = PROJECT) -> list[dict[str, Any]]:
        """Every note of the bot, in threads and alone."""
        request = self.review(iid, project)
        threads = [note for thread in request["discussions"] for note in thread["notes"]]
        return [
            note
            for note in (*threads, *request["notes"])
            if note["author"] == "trivet" and not note["system"]
        ]

    def notifications(self, iid: int, project: str = PROJECT) -> list[str]:
        """What people were told of by the bot on a merge request, one word each."""
        ours = {note["id"] for note in self.bot_notes(iid, project)}
        told = self.sandbox.state()["notifications"]
        return [one["kind"] for one in told if ours & set(one["notes"])]

    def summaries(self, iid: int, project: str = PROJECT) -> list[dict[str, Any]]:
        return [note for note in self.bot_notes(iid, project) if "kind=summary" in note["body"]]

    def findings(self, iid: int, project: str = PROJECT) -> list[dict[str, Any]]:
        return [note for note in self.bot_notes(iid, project) if "kind=finding" in note["body"]]

    def reviewed(self, iid: int, project: str = PROJECT, seconds: float = 60) -> None:
        """Wait for the summary at the present head."""

        def summary_at_head() -> bool:
            head = self.review(iid, project)["head"]
            return any(f"head={head}" in note["body"] for note in self.summaries(iid, project))

        self.wait(summary_at_head, seconds, f"a review of !{iid} at its head")

    # killing

    def process(self, name: str) -> int:
        """The process id of a part. Raises AssertionError when it does not run."""
        found = [
            pid for pid, parent, command in processes() if parent == self.up_pid and COMMANDS[name] in command
        ]
        assert found, f"{name} is not running"
        return found[0]

    def children(self, name: str) -> list[int]:
        part = self.process(name)
        return [pid for pid, parent, _ in processes() if parent == part]

    def kill(self, name: str, *, tree: bool = False) -> None:
        """`kill -9` of a part; with `tree` of its job's process, too."""
        victims = [*(self.children(name) if tree else []), self.process(name)]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def processes() -> list[tuple[int, int, str]]:
    """(pid, parent's pid, command line) of every process."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        found.append((int(folder.name), int(stat.rpartition(")")[2].split()[1]), command))
    return found


def as_json(text: str) -> Any:
    return json.loads(text)
