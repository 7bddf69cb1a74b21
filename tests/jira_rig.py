"""The whole product beside a sandbox GitLab and a sandbox Jira, Cloud or Data Center."""

import select
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from tests.canaries import JIRA_HOOK_SECRET, plant
from tests.jira_server import Deployment, RunningJira
from tests.rig import Rig, free_port
from tests.sandbox_server import PROJECT

MAPPED = f"{{project: SHOP, gitlab: {PROJECT}}}"
RULES = f"""
jira:
  - project: SHOP
    gitlab: {PROJECT}
    on: {{event: transitioned, to: In Progress}}
    do: [branch, draft_merge_request]
  - project: SHOP
    commands: [Developers]
"""
TRIVET_YML = """
link:
  transitions:
    - {on: opened, to: In Review}
    - {on: merged, target_branch: main, to: Done, fields: {resolution: Done}}
"""


class JiraRig(Rig):
    """`rules`: the operator's file; `config`: the repository's `.trivet.yml`."""

    def __init__(
        self,
        folder: Path,
        deployment: Deployment = "cloud",
        *,
        rules: str = RULES,
        config: str = TRIVET_YML,
        **settings: Any,
    ) -> None:
        super().__init__(folder, jira=deployment, **settings)
        self._deployment = deployment
        self._config = config
        self._set_up = False
        self.rules = folder / "rules.yml"
        self.rules.write_text(rules, "utf-8")

    @property
    def jira(self) -> RunningJira:
        return RunningJira(self.sandbox.url, self._deployment)

    @property
    def environment(self) -> dict[str, str]:
        bot = self.jira.person("trivet")
        email = {"TRIVET_JIRA__EMAIL": bot["email"]} if self._deployment == "cloud" else {}
        mine = {
            "TRIVET_JIRA__URL": self.jira.url,
            "TRIVET_JIRA__TOKEN": plant(bot["token"]),
            "TRIVET_JIRA__DEPLOYMENT": self._deployment,
            "TRIVET_JIRA__WEBHOOK_SECRETS": JIRA_HOOK_SECRET,
            "TRIVET_RULES": str(self.rules),
            **email,
        }
        return mine | super().environment

    def start(self) -> None:
        if not self._set_up:
            self._set_up = True
            self.sandbox.push("main", {".trivet.yml": self._config}, "How we link")
            self.jira.control("hooks", url=self.hook.replace("gitlab", "jira"), secret=JIRA_HOOK_SECRET)
        super().start()

    def is_introduced(self) -> bool:
        return super().is_introduced() and self.redis().hget("trivet:identities", "jira") is not None

    # what people see

    def links(self, key: str) -> list[dict[str, Any]]:
        """title, url, summary, relationship, global_id, resolved, status, icon of each remote link."""
        return list(self.jira.issue(key)["links"])

    def comments(self, key: str) -> list[dict[str, Any]]:
        """The bot's comments on an issue."""
        return [one for one in self.jira.issue(key)["comments"] if one["author"]["name"] == "trivet"]

    def status(self, key: str) -> str:
        return str(self.jira.issue(key)["status"]["name"])

    def writes(self, key: str) -> Mapping[str, int]:
        """How often the bot wrote, by kind."""
        return self.jira.issue(key)["writes"].get("trivet", {})  # type: ignore[no-any-return]


class Door:
    """The address of a server that refuses connections while it is closed. `to`: the server's own address."""

    def __init__(self, to: Callable[[], str]) -> None:
        self._to = to
        self._port = free_port()
        self._server: ThreadingTCPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._server = _Doorway(self._port, urlsplit(self._to()).port or 0)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="door", daemon=True).start()

    def close(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Doorway(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, to: int) -> None:
        self.to = to
        super().__init__(("127.0.0.1", port), _Passage)


class _Passage(BaseRequestHandler):
    """One connection, until either side ends it."""

    server: _Doorway

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.to)) as there:
            other = {self.request: there, there: self.request}
            while True:
                for side in select.select(list(other), [], [])[0]:
                    data = side.recv(65_536)
                    if not data:
                        return
                    other[side].sendall(data)
