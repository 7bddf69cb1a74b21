"""Starts the sandbox with a Jira for a test, and speaks to it.

    with JiraServer("cloud") as jira:
        jira.rest("GET", "/rest/api/3/issue/SHOP-12")
        jira.act("SHOP-12", "comment", body="Looks good", user="ada")

It holds project SHOP with SHOP-12 and SHOP-13; people are ada and grace (developers), sam (a customer) and trivet,
the bot.
"""

import base64
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from bot.sandbox.server import Running

Deployment = Literal["cloud", "datacenter"]
API: dict[str, str] = {"cloud": "/rest/api/3", "datacenter": "/rest/api/2"}


@dataclass(frozen=True)
class Reply:
    """`body` is parsed JSON, or text where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class RunningJira:
    """The Jira of a sandbox that runs at the address `root`."""

    def __init__(self, root: str, deployment: Deployment) -> None:
        self.root = root
        self.deployment = deployment

    @property
    def url(self) -> str:
        """What `TRIVET_JIRA__URL` would be."""
        return f"{self.root}/jira"

    @property
    def api(self) -> str:
        return API[self.deployment]

    # --- reading

    def person(self, name: str) -> dict[str, Any]:
        """name, key, account_id, display_name, email, token, groups, ..."""
        return next(one for one in self.call("GET", "/sandbox/jira/people") if one["name"] == name)

    def state(self) -> dict[str, Any]:
        return self.call("GET", "/sandbox/jira/state")

    def issue(self, key: str = "SHOP-12") -> dict[str, Any]:
        """As the state has it, with what was written to it."""
        return next(one for one in self.state()["issues"] if one["key"] == key)

    def requests(self, method: str | None = None, path: str = "") -> list[dict[str, Any]]:
        seen = self.call("GET", "/sandbox/requests")
        return [one for one in seen if method in (None, one["method"]) and path in one["path"]]

    def authorization(self, name: str) -> str:
        person = self.person(name)
        if self.deployment == "datacenter":
            return f"Bearer {person['token']}"
        return "Basic " + base64.b64encode(f"{person['email']}:{person['token']}".encode()).decode()

    def rest(
        self, method: str, path: str, body: Any = None, *, user: str | None = "trivet", **headers: str
    ) -> Reply:
        """One request as this person, nobody when None; `path` begins with `/rest`, or follows the API's root.

        `body` as JSON, or bytes as they are.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        address = self.url + (path if path.startswith("/rest/") else self.api + path)
        given = {"Content-Type": "application/json"} if data is not None else {}
        given |= {"Authorization": self.authorization(user)} if user else {}
        return _sent(urllib.request.Request(address, data, given | headers, method=method))

    def wait_for(self, what: Callable[[dict[str, Any]], Any], timeout: float = 30) -> Any:
        """The first true answer of `what(state)`. Raises AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (found := what(self.state())):
            if time.monotonic() > deadline:
                raise AssertionError(f"the sandbox did not come to it in {timeout} s")
            time.sleep(0.02)
        return found

    # --- acting

    def act(self, key: str, deed: str, **fields: Any) -> dict[str, Any]:
        """`deed`: edit (fields, update), comment (body, role), edit_comment, delete_comment (comment), move (to,
        resolution), project (to), security (level, people), delete, property (name, value); `user` who does it."""
        return self.call("POST", f"/sandbox/jira/issues/{key}/{deed}", fields)

    def create(self, summary: str, **fields: Any) -> str:
        """The key of a new issue; `fields`: project, user, description, criteria, type, labels, ..."""
        return self.call("POST", "/sandbox/jira/issues", {"summary": summary} | fields)["key"]

    def control(self, path: str, **fields: Any) -> Any:
        return self.call("POST", f"/sandbox/jira/{path}", fields)

    def fault(self, **spec: Any) -> None:
        """As `bot.sandbox.faults.Fault` says."""
        self.call("POST", "/sandbox/faults", spec)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control API; its JSON answer. Raises AssertionError with the sandbox's words."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        reply = _sent(urllib.request.Request(self.root + path, data, headers, method=method))
        if reply.status >= 400:
            raise AssertionError(f"{method} {path}: {reply.status} {reply.body}")
        return reply.body


class JiraServer(RunningJira):
    def __init__(
        self,
        deployment: Deployment = "cloud",
        *,
        seed: bool = False,
        webhook: str | None = None,
        secret: str | None = None,
    ) -> None:
        """`seed`: with the demo's GitLab project, too. `webhook`, `secret`: where Jira sends every event."""
        super().__init__("", deployment)
        self._given = {"seeded": seed, "jira": deployment, "jira_webhook": webhook, "jira_secret": secret}
        self._stack = ExitStack()
        self.state_object: Any = None

    def __enter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))
        running = self._stack.enter_context(Running(Path(folder), **self._given))  # type: ignore[arg-type]
        self.state_object = running.state
        self.root = running.state.url
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _sent(request: urllib.request.Request) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return _reply(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _reply(refusal)


def _reply(answer: Any) -> Reply:
    text = answer.read().decode()
    is_json = "json" in (answer.headers["Content-Type"] or "") and text
    return Reply(answer.status, json.loads(text) if is_json else text, answer.headers)


def document(*paragraphs: str) -> dict[str, Any]:
    """An ADF document with a paragraph of each text."""
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}] if text else []}
        for text in paragraphs
    ]
    return {"type": "doc", "version": 1, "content": content}
