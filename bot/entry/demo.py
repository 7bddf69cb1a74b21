"""`trivet demo`: a sandbox GitLab, Jira and Confluence, and the whole product beside them, without any credentials."""

import base64
import os
import re
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import click

from bot.domain.secrets import Redactor
from bot.entry import listen
from bot.entry.demo_model import VARIABLES, DemoModel, demo_model, model_variables
from bot.entry.demo_sandbox import BOT, PROJECT, SPACE, Sandbox, answers
from bot.entry.demo_tour import FIRST, OPEN, WATCH, Tour
from bot.entry.logs import WARNINGS, start_logging
from bot.entry.supervisor import PYTHON, Child, Supervisor
from bot.errors import PlatformError, TrivetError

T = TypeVar("T")

START_SECONDS: Final = 60.0
STEP_SECONDS: Final = 120.0
MODEL_SECONDS: Final = 300.0  # the same with a model
POLL_SECONDS: Final = 0.1
PROBE_SECONDS: Final = (
    2.0  # a socket is open before its server runs: who asks early waits, and so would Ctrl-C
)
LOG_SHOWN: Final = 3_000  # characters of the log that an error quotes
LOOPBACK: Final = "127.0.0.1"
SANDBOX: Final = ("--seed", "--jira", "cloud", "--confluence", "cloud")
OWN_SETTINGS: Final = re.compile(r"(?:TRIVET_|OPENAI_|ANTHROPIC_).*|.*_PROXY|CI", re.IGNORECASE)

RULES: Final = f"""\
# What Jira's events start (TRIVET_RULES). SHOP and the space {SPACE} belong to {PROJECT}: text may flow between them.
jira:
  - project: SHOP
    gitlab: {PROJECT}
    on: {{event: created}}
    do: [summarize, missing]
  - project: SHOP
    gitlab: {PROJECT}
    on: {{event: transitioned, to: In Progress}}
    do: [branch, draft_merge_request]
  - project: SHOP
    commands: [Developers]
spaces:
  - {{space: {SPACE}, gitlab: {PROJECT}}}
"""

STARTING = "Starting a sandbox GitLab, Jira and Confluence, and Trivet beside them …"
PLAY = (
    "Your turn, the buttons are on the page: push a commit, comment `/trivet review` or `/trivet accept`, merge; write "
    "an issue, move it to In Progress. Ctrl-C stops everything."
)
STOPPING = "\nStopping."
NOT_IN_TIME = "the demo did not get to {what} within {seconds:.0f} seconds"
WITH_LOG = "{error}; the log ends:\n{log}"


def run_demo(*, once: bool, port: int) -> None:
    """Serve until Ctrl-C, or with `once` until the tour is over. Raises TrivetError when something does not come."""
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

    `page` and `hooks` are the listening sockets of the sandbox and of the receiver. They are handed on and stay open,
    so that no port is free in between for somebody else to take.
    """

    def __init__(self, folder: Path, page: socket.socket, hooks: socket.socket, model: DemoModel) -> None:
        self._folder = folder
        self._model = model
        self._log = folder / "demo.log"
        self._page = page
        self._hooks = hooks
        self._sandbox = Sandbox(listen.address(page))
        self._hook = listen.address(hooks)
        self._secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._tracker_secret = secrets.token_urlsafe(32)
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
        self._sandbox.connect(self._hook, self._secret, self._tracker_secret)
        click.echo(OPEN.format(url=self._sandbox.merge_request(FIRST)["web_url"]))
        click.echo(WATCH)
        seconds = MODEL_SECONDS if self._model.is_real else STEP_SECONDS
        Tour(self._sandbox, self._until, seconds, must_propose=not self._model.is_real)()
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
        sandbox = (sys.executable, "-m", "bot.sandbox", *SANDBOX, "--data", str(gitlab))
        self._add("sandbox", sandbox, bare(os.environ), self._page, needed=True)
        users = f"{self._sandbox.url}/sandbox/users"
        self._until(lambda: answers(users, PROBE_SECONDS), START_SECONDS, "the sandbox")
        self._sandbox.act(FIRST, "draft")
        self._add("up", (*PYTHON, "up"), self._environment(), self._hooks)
        ready = f"{self._hook}/readyz"
        self._until(lambda: answers(ready, PROBE_SECONDS), START_SECONDS, "the receiver")

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

    def _environment(self) -> dict[str, str]:
        return bare(os.environ) | self._model.beside(self._sandbox.url) | self._settings()

    def _settings(self) -> dict[str, str]:
        rules = self._folder / "rules.yml"
        rules.write_text(RULES, "utf-8")
        email, token = self._sandbox.account("jira", BOT)
        wiki_email, wiki_token = self._sandbox.account("confluence", BOT)
        return {
            "TRIVET_DATA_DIR": str(self._folder / "data"),
            "TRIVET_LOG_FORMAT": "human",
            "TRIVET_GITLAB__URL": self._sandbox.url,
            "TRIVET_GITLAB__TOKEN": self._sandbox.token(BOT),
            "TRIVET_GITLAB__WEBHOOK_SECRETS": self._secret,
            "TRIVET_GITLAB__PROJECTS": PROJECT,
            "TRIVET_JIRA__URL": f"{self._sandbox.url}/jira",
            "TRIVET_JIRA__DEPLOYMENT": "cloud",
            "TRIVET_JIRA__EMAIL": email,
            "TRIVET_JIRA__TOKEN": token,
            "TRIVET_JIRA__WEBHOOK_SECRETS": self._tracker_secret,
            "TRIVET_CONFLUENCE__URL": f"{self._sandbox.url}/confluence",
            "TRIVET_CONFLUENCE__DEPLOYMENT": "cloud",
            "TRIVET_CONFLUENCE__EMAIL": wiki_email,
            "TRIVET_CONFLUENCE__TOKEN": wiki_token,
            "TRIVET_RULES": str(rules),
        }

    def _log_end(self) -> str:
        return self._log.read_text("utf-8", "replace")[-LOG_SHOWN:] if self._log.exists() else ""

    def _until(self, condition: Callable[[], T | None], seconds: float, what: str) -> T:
        """What the condition answers, once that is something."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            self._supervisor.tend()
            if time.monotonic() > deadline:
                raise PlatformError(NOT_IN_TIME.format(what=what, seconds=seconds))
            if self._supervisor.stop.wait(POLL_SECONDS):
                raise KeyboardInterrupt
        return found


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without anybody's real settings and proxies: the demo speaks to the sandbox alone."""
    kept = (name for name in environ if name not in VARIABLES and not OWN_SETTINGS.fullmatch(name))
    return {name: environ[name] for name in kept}


def _live_in(environment: Mapping[str, str]) -> None:
    """Make it this process's own: what is asked from here is then asked as from the parts that are started."""
    os.environ.clear()
    os.environ.update(environment)
