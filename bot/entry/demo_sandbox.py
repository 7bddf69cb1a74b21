"""The sandbox as the demo acts in it: what people do there, the hooks, and what is there to see."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bot.errors import PlatformError

ANSWER_SECONDS: Final = 30.0
PROJECT: Final = "acme/shop"
SPACE: Final = "DOC"
BOT: Final = "trivet"
AUTHOR: Final = "ada"
MAINTAINER: Final = "grace"
MARK: Final = (
    "<!-- trivet:v1 agent={agent} kind={kind} "  # how our notes' marks begin, of which people see nothing
)
HOOK: Final = {"merge_requests_events": True, "note_events": True, "emoji_events": True, "push_events": False}

SILENT = "the sandbox does not answer {method} {path}: {reason}"
REFUSED = "the sandbox refused {method} {path}: {text}"

Json = dict[str, Any]


class Sandbox:
    """Every call raises PlatformError when it is refused or not answered."""

    def __init__(self, url: str) -> None:
        self.url = url

    # what is there

    def merge_requests(self) -> list[Json]:
        return list(self.call("GET", "/sandbox/state")["merge_requests"])

    def merge_request(self, iid: int) -> Json:
        return next(one for one in self.merge_requests() if one["iid"] == iid)

    def summary(self, iid: int) -> str:
        """The text of the bot's review of the merge request; "" where there is none."""
        return next((note["body"] for note in self.notes(iid, "review", "summary")), "")

    def proposal(self, iid: int) -> Json | None:
        """The bot's note that proposes a text for a page."""
        return next(iter(self.notes(iid, "pages", "page")), None)

    def notes(self, iid: int, agent: str, kind: str) -> list[Json]:
        """The bot's notes of this kind that the agent wrote."""
        mark = MARK.format(agent=agent, kind=kind)
        ours = (note for note in self.merge_request(iid)["notes"] if note["author"] == BOT)
        return [note for note in ours if mark in note["body"]]

    def threads(self, iid: int) -> list[Json]:
        """Those that the bot began."""
        every = self.merge_request(iid)["discussions"]
        return [one for one in every if one["notes"] and one["notes"][0]["author"] == BOT]

    def reactions(self, iid: int) -> list[str]:
        """The names of the bot's."""
        awards = self.merge_request(iid)["awards"]
        return [one["name"] for one in awards if one["user"] == BOT]

    def issue(self, key: str) -> Json:
        shown = self.call("GET", "/sandbox/jira/view")["issues"]
        return next(dict(one) for one in shown if one["key"] == key)

    def page(self, title: str) -> Json | None:
        """The Confluence page of this title; None where there is none."""
        shown = self.call("GET", "/sandbox/confluence/state")["pages"]
        return next((dict(one) for one in shown if one["title"] == title), None)

    def token(self, username: str) -> str:
        """In GitLab."""
        users = self.call("GET", "/sandbox/users")
        return next(str(user["token"]) for user in users if user["username"] == username)

    def account(self, product: str, name: str) -> tuple[str, str]:
        """E-mail address and token in it: "jira" or "confluence"."""
        people = self.call("GET", f"/sandbox/{product}/people")
        return next((str(one["email"]), str(one["token"])) for one in people if one["name"] == name)

    # what people do

    def act(self, iid: int, deed: str, user: str = AUTHOR) -> None:
        """Something a person does to a merge request: draft, ready, merge."""
        self.call("POST", f"/sandbox/merge_requests/{iid}/{deed}", {"project": PROJECT, "user": user})

    def like(self, iid: int, note: int, user: str) -> None:
        """A thumbs-up on a note."""
        body = {"project": PROJECT, "user": user, "name": "thumbsup", "note": note}
        self.call("POST", f"/sandbox/merge_requests/{iid}/award", body)

    def push(self, branch: str, message: str, files: Mapping[str, str]) -> None:
        body = {"project": PROJECT, "user": AUTHOR, "branch": branch, "message": message, "files": files}
        self.call("POST", "/sandbox/push", body)

    def move(self, issue: str, to: str) -> None:
        self.call("POST", f"/sandbox/jira/issues/{issue}/move", {"to": to, "user": AUTHOR})

    def connect(self, address: str, secret: str, tracker_secret: str) -> None:
        """Hooks that sign: the project's as a maintainer makes it, and Jira's. `address`: the receiver's."""
        hooks = f"/api/v4/projects/{quote(PROJECT, safe='')}/hooks"
        wanted = HOOK | {"url": f"{address}/hooks/gitlab", "signing_token": secret}
        self.call("POST", hooks, wanted, self.token(MAINTAINER))
        tracker = {"url": f"{address}/hooks/jira", "secret": tracker_secret}
        self.call("POST", "/sandbox/jira/hooks", tracker)

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "PRIVATE-TOKEN": token}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - our loopback
        try:
            text = read(request, ANSWER_SECONDS)
        except urllib.error.HTTPError as refusal:
            said = refusal.read().decode("utf-8", "replace")[:200]
            raise PlatformError(REFUSED.format(method=method, path=path, text=said)) from None
        except OSError as error:
            raise PlatformError(SILENT.format(method=method, path=path, reason=error)) from None
        return json.loads(text) if text else None


def read(request: urllib.request.Request | str, seconds: float) -> bytes:
    """Without a proxy, whatever the environment names. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=seconds) as answer:
        return bytes(answer.read())


def answers(url: str, seconds: float) -> bool:
    try:
        return bool(read(url, seconds))
    except OSError:
        return False
