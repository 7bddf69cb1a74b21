"""`trivet demo`: a sandbox GitLab and the whole product beside it, for a look without any credentials."""

import base64
import html
import json
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from bot.domain.secrets import Redactor
from bot.entry import listen
from bot.entry.demo_model import VARIABLES, DemoModel, demo_model, model_variables
from bot.entry.logs import WARNINGS, start_logging
from bot.entry.supervisor import PYTHON, Child, Supervisor
from bot.errors import PlatformError, TrivetError

START_SECONDS: Final = 60.0
REVIEW_SECONDS: Final = 120.0
MODEL_SECONDS: Final = 300.0  # the same with a model
POLL_SECONDS: Final = 0.1
PROBE_SECONDS: Final = (
    2.0  # a socket is open before its server runs: who asks early waits, and so would Ctrl-C
)
ANSWER_SECONDS: Final = 30.0
LOG_SHOWN: Final = 3_000  # characters of the log that an error quotes
LOOPBACK: Final = "127.0.0.1"
PROJECT: Final = "acme/shop"
BOT: Final = "trivet"
AUTHOR: Final = "ada"
MAINTAINER: Final = "grace"
HOOK: Final = {"merge_requests_events": True, "note_events": True, "emoji_events": True, "push_events": False}
HIDDEN: Final = re.compile(r"<!--.*?-->|</?(?:details|summary|sub)>", re.DOTALL)
BOLD: Final = re.compile(r"\*\*(.+?)\*\*")
INDENT: Final = "    "
OWN_SETTINGS: Final = re.compile(r"(?:TRIVET_|OPENAI_|ANTHROPIC_).*|.*_PROXY|CI", re.IGNORECASE)

STARTING = "Starting a sandbox GitLab and Trivet beside it …"
OPEN = "Open {url}"
WATCH = "Its author marks the merge request as ready; the review appears in a moment, without a reload."
SEEN = "Reviewed {seconds:.1f} s after the delivery: {count} findings on their lines, one summary."
PLAY = "Push a commit, comment `/trivet review`, merge: the buttons are on the page. Ctrl-C stops everything."
STOPPING = "\nStopping."
NOT_IN_TIME = "the demo did not get to {what} within {seconds:.0f} seconds"
SILENT = "the sandbox does not answer {method} {path}: {reason}"
REFUSED = "the sandbox refused {method} {path}: {text}"
WITH_LOG = "{error}; the log ends:\n{log}"


def run_demo(*, once: bool, port: int) -> None:
    """Serve until Ctrl-C, or with `once` until the review is there. Raises TrivetError when it does not come."""
    start_logging("human", Redactor().redact, level=WARNINGS)
    with (
        listen.listen(LOOPBACK, port) as page,
        listen.listen(LOOPBACK, 0) as hooks,
        tempfile.TemporaryDirectory(prefix="trivet-demo-", ignore_cleanup_errors=True) as folder,
    ):
        variables = model_variables(os.environ)
        _live_in(bare(os.environ) | variables)
        model = demo_model(variables)
        click.echo(model.sentence)
        Demo(Path(folder), page, hooks, model).run(once=once)


class Demo:
    """One demonstration in a folder of its own, on the loopback address alone.

    `page` and `hooks` are the listening sockets of GitLab and of the receiver. They are handed on and stay open, so
    that no port is free in between for somebody else to take.
    """

    def __init__(self, folder: Path, page: socket.socket, hooks: socket.socket, model: DemoModel) -> None:
        self._folder = folder
        self._model = model
        self._log = folder / "demo.log"
        self._page = page
        self._hooks = hooks
        self._url = listen.address(page)
        self._hook = listen.address(hooks)
        self._secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._supervisor = Supervisor([])

    def run(self, *, once: bool) -> None:
        with self._supervisor.signals():
            try:
                self._perform(once=once)
            except TrivetError as error:
                raise PlatformError(WITH_LOG.format(error=error, log=self._log_end())) from None
            finally:
                self._supervisor.shut_down()

    def _perform(self, *, once: bool) -> None:
        self._start()
        self._show()
        if once:
            return
        click.echo(PLAY)
        while not self._supervisor.stop.wait(POLL_SECONDS):
            self._supervisor.tend()
        click.echo(STOPPING)

    def _start(self) -> None:
        click.echo(STARTING)
        gitlab = self._folder / "gitlab"
        gitlab.mkdir()
        sandbox = (sys.executable, "-m", "bot.sandbox", "--seed", "--data", str(gitlab))
        self._add("sandbox", sandbox, bare(os.environ), self._page, needed=True)
        self._until(lambda: _answers(f"{self._url}/sandbox/users"), START_SECONDS, "the sandbox")
        self._act("draft")
        self._add("up", (*PYTHON, "up"), self._environment(), self._hooks)
        self._until(lambda: _answers(f"{self._hook}/readyz"), START_SECONDS, "the receiver")

    def _add(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        door: socket.socket,
        *,
        needed: bool = False,
    ) -> None:
        """Start a part that serves on the socket."""
        command = (*command, "--fd", str(door.fileno()))
        descriptors = (door.fileno(),)
        child = Child(name, command, environment, log=self._log, descriptors=descriptors, needed=needed)
        self._supervisor.children.append(child)
        self._supervisor.start(child)

    def _show(self) -> None:
        """Let GitLab tell of the merge request, and print what a person would see of the review."""
        click.echo(OPEN.format(url=self._merge_request()["web_url"]))
        click.echo(WATCH)
        self._connect()
        told = time.monotonic()
        self._act("ready")
        self._until(self._summary, MODEL_SECONDS if self._model.environment else REVIEW_SECONDS, "a review")
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
        self._call("POST", hooks, wanted, self._token(MAINTAINER))

    # what the sandbox says

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
        return (
            bare(os.environ)
            | self._model.environment
            | {
                "TRIVET_DATA_DIR": str(self._folder / "data"),
                "TRIVET_LOG_FORMAT": "human",
                "TRIVET_GITLAB__URL": self._url,
                "TRIVET_GITLAB__TOKEN": self._token(BOT),
                "TRIVET_GITLAB__WEBHOOK_SECRETS": self._secret,
                "TRIVET_GITLAB__PROJECTS": PROJECT,
            }
        )

    def _call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Its answer. Raises PlatformError when there is none, or a refusal."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "PRIVATE-TOKEN": token}
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310 - our loopback
        try:
            text = _read(request, ANSWER_SECONDS)
        except urllib.error.HTTPError as refusal:
            said = refusal.read().decode("utf-8", "replace")[:200]
            raise PlatformError(REFUSED.format(method=method, path=path, text=said)) from None
        except OSError as error:
            raise PlatformError(SILENT.format(method=method, path=path, reason=error)) from None
        return json.loads(text) if text else None

    def _log_end(self) -> str:
        return self._log.read_text("utf-8", "replace")[-LOG_SHOWN:] if self._log.exists() else ""

    def _until(self, condition: Callable[[], Any], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self._supervisor.tend()
            if time.monotonic() > deadline:
                raise PlatformError(NOT_IN_TIME.format(what=what, seconds=seconds))
            if self._supervisor.stop.wait(POLL_SECONDS):
                raise KeyboardInterrupt


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without anybody's real settings and proxies: the demo speaks to the sandbox alone."""
    kept = (name for name in environ if name not in VARIABLES and not OWN_SETTINGS.fullmatch(name))
    return {name: environ[name] for name in kept}


def _live_in(environment: Mapping[str, str]) -> None:
    """Make it this process's own: what is asked from here is then asked as from the parts that are started."""
    os.environ.clear()
    os.environ.update(environment)


def _read(request: urllib.request.Request | str, seconds: float) -> bytes:
    """Without a proxy, whatever the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=seconds) as answer:
        return bytes(answer.read())


def _answers(url: str) -> bool:
    try:
        return bool(_read(url, PROBE_SECONDS))
    except OSError:
        return False


def _is_ours(thread: dict[str, Any]) -> bool:
    return bool(thread["notes"]) and thread["notes"][0]["author"] == BOT


def _line_of(thread: dict[str, Any]) -> str:
    """A thread as a terminal shows it: where it stands, then what it says."""
    where = thread["position"] or {}
    line = where.get("new_line") or where.get("old_line")
    place = f"{where.get('new_path', '')}:{line}" if line else where.get("new_path", "the merge request")
    said = (_wrapped(text) for text in _plain(thread["notes"][0]["body"]).splitlines())
    return "\n".join((click.style(place, fg="cyan"), *said))


def _plain(body: str) -> str:
    """Markdown as a terminal shows it: bold is bold, what HTML hides or spells otherwise is undone."""
    text = html.unescape(HIDDEN.sub("", body.replace("<br>", "\n  ")))
    bold = BOLD.sub(lambda found: click.style(found[1], bold=True), text)
    return re.sub(r"\n{3,}", "\n\n", bold).strip()


def _wrapped(text: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text,
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
