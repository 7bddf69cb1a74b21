"""What a test says to the Jira or the Confluence of a sandbox alike: requests of its API, and of the control API."""

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


@dataclass(frozen=True)
class Reply:
    """`body` is parsed JSON, or text where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class RunningPlatform:
    """The platform of a sandbox that runs at the address `root`; `name` is its folder there: "jira"."""

    name: str

    def __init__(self, root: str, deployment: Deployment) -> None:
        self.root = root
        self.deployment = deployment

    @property
    def cloud(self) -> bool:
        return self.deployment == "cloud"

    @property
    def url(self) -> str:
        """What the setting of its address would be."""
        return f"{self.root}/{self.name}"

    def address(self, path: str) -> str:
        """Where a path of its API is."""
        raise NotImplementedError

    # --- reading

    def person(self, name: str) -> dict[str, Any]:
        """name, key, account_id, display_name, email, token, ..."""
        return next(one for one in self.call("GET", f"/sandbox/{self.name}/people") if one["name"] == name)

    def state(self) -> dict[str, Any]:
        return self.call("GET", f"/sandbox/{self.name}/state")

    def requests(self, method: str | None = None, path: str = "") -> list[dict[str, Any]]:
        seen = self.call("GET", "/sandbox/requests")
        return [one for one in seen if method in (None, one["method"]) and path in one["path"]]

    def authorization(self, name: str) -> str:
        person = self.person(name)
        if not self.cloud:
            return f"Bearer {person['token']}"
        return "Basic " + base64.b64encode(f"{person['email']}:{person['token']}".encode()).decode()

    def rest(
        self, method: str, path: str, body: Any = None, *, user: str | None = "trivet", **headers: str
    ) -> Reply:
        """One request as this person, nobody when None. `body` as JSON, or bytes as they are."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} if data is not None else {}
        given |= {"Authorization": self.authorization(user)} if user else {}
        return _sent(urllib.request.Request(self.address(path), data, given | headers, method=method))

    def wait_for(self, what: Callable[[dict[str, Any]], Any], timeout: float = 30) -> Any:
        """The first true answer of `what(state)`. Raises AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (found := what(self.state())):
            if time.monotonic() > deadline:
                raise AssertionError(f"the sandbox did not come to it in {timeout} s")
            time.sleep(0.02)
        return found

    # --- acting

    def control(self, path: str, **fields: Any) -> Any:
        return self.call("POST", f"/sandbox/{self.name}/{path}", fields)

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


class Started(RunningPlatform):
    """Starts the sandbox with this platform, always with its seed."""

    def __init__(
        self,
        deployment: Deployment = "cloud",
        *,
        seed: bool = False,
        webhook: str | None = None,
        secret: str | None = None,
    ) -> None:
        """`seed`: with the demo's GitLab project, too. `webhook`, `secret`: where the platform sends every event."""
        super().__init__("", deployment)
        self._given: dict[str, Any] = {
            "seeded": seed,
            self.name: deployment,
            f"{self.name}_webhook": webhook,
            f"{self.name}_secret": secret,
        }
        self._stack = ExitStack()
        self.state_object: Any = None

    def __enter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))
        running = self._stack.enter_context(Running(Path(folder), **self._given))
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
