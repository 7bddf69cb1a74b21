"""Starts the sandbox with a Confluence for a test, and speaks to it.

    with ConfluenceServer("cloud") as confluence:
        confluence.rest("GET", f"/api/v2/pages/{confluence.page('API guide')['id']}?body-format=storage")
        confluence.act("API guide", "edit", old="One", new="Two", user="ada")

It holds the spaces DOC and OPS; people are grace (administrator), ada (editor), sam (reads and comments DOC) and
trivet, the bot, who knows DOC only.
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
from urllib.parse import quote

from bot.sandbox.server import Running

Flavour = Literal["cloud", "datacenter"]


@dataclass(frozen=True)
class Reply:
    """`body` is parsed JSON, or text where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class RunningConfluence:
    """The Confluence of a sandbox that runs at the address `root`."""

    def __init__(self, root: str, flavour: Flavour) -> None:
        self.root = root
        self.flavour = flavour

    @property
    def cloud(self) -> bool:
        return self.flavour == "cloud"

    @property
    def url(self) -> str:
        """What `TRIVET_CONFLUENCE__URL` would be."""
        return f"{self.root}/confluence"

    # --- reading

    def person(self, name: str) -> dict[str, Any]:
        """name, key, account_id, display_name, email, token, ..."""
        return next(one for one in self.call("GET", "/sandbox/confluence/people") if one["name"] == name)

    def state(self) -> dict[str, Any]:
        return self.call("GET", "/sandbox/confluence/state")

    def page(self, named: str = "API guide") -> dict[str, Any]:
        """By id or title, as the state has it: body, versions, comments, properties, writes, ..."""
        return next(one for one in self.state()["pages"] if named in (one["id"], one["title"]))

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
        """One request as this person, nobody when None; `path` begins with `/api/v2` or `/rest/api`.

        `body` as JSON, or bytes as they are.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        address = self.url + ("/wiki" if self.cloud else "") + path
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

    def act(self, page: str, deed: str, **fields: Any) -> dict[str, Any]:
        """On a page by id or title, as `user` (ada). `deed`: edit (body, append, old and new, title, message), plant
        (body), move (parent, space), archive, trash, restore, delete, restrict (operation, people), unrestrict,
        label (name, on), comment (body, parent), inline_comment (body, selection, index), edit_comment (comment,
        body), delete_comment, resolve_comment (comment, on), property (name, value)."""
        return self.call("POST", f"/sandbox/confluence/pages/{quote(page, safe='')}/{deed}", fields)

    def create(self, title: str, **fields: Any) -> str:
        """The id of a new page; `fields`: space, parent, body, user, status."""
        return self.call("POST", "/sandbox/confluence/pages", {"title": title} | fields)["id"]

    def control(self, path: str, **fields: Any) -> Any:
        return self.call("POST", f"/sandbox/confluence/{path}", fields)

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


class ConfluenceServer(RunningConfluence):
    def __init__(
        self,
        flavour: Flavour = "cloud",
        *,
        seed: bool = False,
        webhook: str | None = None,
        secret: str | None = None,
    ) -> None:
        """`seed`: with the demo's GitLab project, too. `webhook`, `secret`: where Confluence sends every event."""
        super().__init__("", flavour)
        self._given = {
            "seeded": seed,
            "confluence": flavour,
            "confluence_webhook": webhook,
            "confluence_secret": secret,
        }
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
