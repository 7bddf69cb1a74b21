"""`trivet demo`: a sandbox GitLab and every process of the product, for a look without any credentials."""

import base64
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import quote

import click

from bot.domain.secrets import Redactor
from bot.entry.embedded import free_port
from bot.entry.logs import start_logging
from bot.entry.up import Child, Supervisor, processes
from bot.errors import PlatformError
from bot.settings import load_settings

START_SECONDS: Final = 60.0
REVIEW_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1
PROJECT: Final = "acme/shop"
BOT: Final = "trivet"
AUTHOR: Final = "ada"
MAINTAINER: Final = "grace"
HOOK: Final = {"merge_requests_events": True, "note_events": True, "emoji_events": True, "push_events": False}
HIDDEN: Final = re.compile(r"<!--.*?-->|</?(?:details|summary|sub|br)>", re.DOTALL)
OWN_SETTINGS: Final = ("TRIVET_", "OPENAI_", "ANTHROPIC_")

OPEN = "Open {url}"
WATCH = "Its author marks the merge request as ready; the review appears in a moment, without a reload."
SEEN = "Reviewed {seconds:.1f} s after the delivery: {count} findings on their lines, one summary."
PLAY = "Push a commit, comment `/trivet review`, merge: the buttons are on the page. Ctrl-C stops everything."
NO_START = "the demo did not start within {seconds:.0f} seconds; its log ends:\n{log}"
NO_REVIEW = "no review appeared within {seconds:.0f} seconds; the log ends:\n{log}"


def run_demo(*, once: bool, port: int) -> None:
    """Serve until Ctrl-C, or with `once` until the review is there. Raises PlatformError when it does not come."""
    with tempfile.TemporaryDirectory(prefix="trivet-demo-") as folder:
        Demo(Path(folder), port or free_port()).run(once=once)


class Demo:
    """One demonstration in a folder of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{port}"
        self._hook_port = free_port()
        self._secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        sandbox = [
            sys.executable,
            "-m",
            "bot.sandbox",
            "--seed",
            "--port",
            str(port),
            "--data",
            str(folder / "gitlab"),
        ]
        self._log = folder / "demo.log"
        (folder / "gitlab").mkdir()
        child = Child("sandbox", sandbox, _bare(), ready=self._wait_for_sandbox, log=self._log)
        self._supervisor = Supervisor([child])

    def run(self, *, once: bool) -> None:
        start_logging("human", Redactor([self._secret]).redact, level=30)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            self._start()
            self._show(stop)
            if not once:
                click.echo(PLAY)
                while not stop.wait(POLL_SECONDS):
                    self._supervisor.tend()
        finally:
            self._supervisor.shut_down()

    def _start(self) -> None:
        self._supervisor.children[0].start()
        self._act("draft")
        environment = self._environment()
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        for child in processes(load_settings(), environment):
            child.log = self._log
            self._supervisor.children.append(child)
            child.start()
        self._until(self._is_listening, START_SECONDS, NO_START)

    def _show(self, stop: Event) -> None:
        """Let GitLab tell of the merge request, and print what a person would see of the review."""
        request = self._merge_request()
        click.echo(OPEN.format(url=request["web_url"]))
        click.echo(WATCH)
        self._connect()
        told = time.monotonic()
        self._act("ready")
        self._until(lambda: stop.is_set() or self._summary(), REVIEW_SECONDS, NO_REVIEW)
        if stop.is_set():
            return
        seconds = time.monotonic() - told
        threads = [thread for thread in self._merge_request()["discussions"] if _is_ours(thread)]
        click.echo("\n" + SEEN.format(seconds=seconds, count=len(threads)) + "\n")
        for thread in threads:
            click.echo(_line_of(thread) + "\n")
        click.echo(_plain(self._summary()) + "\n")

    def _connect(self) -> None:
        """A project hook that signs, made as a maintainer makes it."""
        hooks = f"/api/v4/projects/{quote(PROJECT, safe='')}/hooks"
        wanted = HOOK | {"url": f"{self._hook}/hooks/gitlab", "signing_token": self._secret}
        token = self._token(MAINTAINER)
        self._call("POST", hooks, wanted, token)

    # what the sandbox and the receiver say

    @property
    def _hook(self) -> str:
        return f"http://127.0.0.1:{self._hook_port}"

    def _wait_for_sandbox(self) -> None:
        self._until(lambda: self._call("GET", "/sandbox/state"), START_SECONDS, NO_START)

    def _is_listening(self) -> bool:
        with suppress(OSError):
            return bool(_get(f"{self._hook}/readyz"))
        return False

    def _act(self, action: str) -> None:
        """As the merge request's author."""
        self._call("POST", f"/sandbox/merge_requests/1/{action}", {"project": PROJECT, "user": AUTHOR})

    def _merge_request(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", "/sandbox/state")["merge_requests"][0]
        return found

    def _summary(self) -> str:
        notes = self._merge_request()["notes"]
        return next((note["body"] for note in notes if note["author"] == BOT and not note["system"]), "")

    def _token(self, username: str) -> str:
        users = self._call("GET", "/sandbox/users")
        return next(str(user["token"]) for user in users if user["username"] == username)

    def _environment(self) -> dict[str, str]:
        return _bare() | {
            "TRIVET_DATA_DIR": str(self._folder / "data"),
            "TRIVET_PORT": str(self._hook_port),
            "TRIVET_LOG_FORMAT": "human",
            "TRIVET_GITLAB__URL": self._url,
            "TRIVET_GITLAB__TOKEN": self._token(BOT),
            "TRIVET_GITLAB__WEBHOOK_SECRETS": self._secret,
            "TRIVET_GITLAB__PROJECTS": PROJECT,
        }

    def _call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "PRIVATE-TOKEN": token}
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310 - our own loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            raise PlatformError(
                f"the sandbox refused {method} {path}: {refusal.read().decode()[:200]}"
            ) from None
        except OSError:
            return None
        return json.loads(text) if text else None

    def _log_end(self) -> str:
        return self._log.read_text("utf-8", "replace")[-3000:] if self._log.exists() else ""

    def _until(self, condition: Callable[[], Any], seconds: float, complaint: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self._supervisor.tend()
            if time.monotonic() > deadline:
                raise PlatformError(complaint.format(seconds=seconds, log=self._log_end()))
            time.sleep(POLL_SECONDS)


def _bare() -> dict[str, str]:
    """The environment without anybody's real settings: the demo speaks to the sandbox alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback
        return bytes(answer.read())


def _is_ours(thread: dict[str, Any]) -> bool:
    return bool(thread["notes"]) and thread["notes"][0]["author"] == BOT


def _line_of(thread: dict[str, Any]) -> str:
    """A thread as a terminal shows it: where it stands, then what it says."""
    where = thread["position"] or {}
    line = where.get("new_line") or where.get("old_line")
    place = f"{where.get('new_path', '')}:{line}" if line else where.get("new_path", "the merge request")
    return f"{place}\n" + "\n".join(f"    {text}" for text in _plain(thread["notes"][0]["body"]).splitlines())


def _plain(body: str) -> str:
    text = HIDDEN.sub("", body)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
