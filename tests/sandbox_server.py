"""Starts the sandbox GitLab for a test, in a thread or as a process of its own, and speaks to it.

    with SandboxServer() as sandbox:
        iid = sandbox.merge_request(files={"app.py": "print('hi')\n"})
        sandbox.client("trivet").projects.get("acme/shop").mergerequests.get(iid)

Unless `seed` is set, the instance holds one private project, `acme/shop`, with one commit on `main`, and the people of
`PEOPLE`: their tokens come from `token(name)`.
"""

import base64
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import gitlab

PROJECT = "acme/shop"
PEOPLE = {"ada": 30, "grace": 40, "trivet": 30, "rita": 20, "gus": 10, "mallory": 0}
README = {"README.md": "# Shop\n\nA small shop.\n"}
READY = "sandbox: "


@dataclass(frozen=True)
class Reply:
    """An answer of the API. `body` is parsed JSON, or text where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class SandboxServer:
    """A running sandbox. `process`: as `python -m bot.sandbox`, else in this process with `state_object` at hand."""

    def __init__(
        self,
        *,
        seed: bool = False,
        process: bool = False,
        version: str = "19.2.0",
        webhook: str | None = None,
        secret: str | None = None,
        folder: Path | None = None,
        jira: str | None = None,
        confluence: str | None = None,
    ) -> None:
        self.seeded = seed
        self._jira = jira
        self._confluence = confluence
        self.version = version
        self._in_process = not process
        self._webhook = webhook
        self._secret = secret
        self._folder = folder
        self._stack = ExitStack()
        self.url = ""
        self.state_object: Any = None
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        folder = self._folder or Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))
        )
        start = self._start_thread if self._in_process else self._start_process
        try:
            start(folder)
            if not self.seeded:
                self._people_the_shop()
            if self._webhook:
                self.add_hook(self._webhook, self._secret)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- reading

    def token(self, username: str) -> str:
        if username not in self._tokens:
            self._tokens = {user["username"]: user["token"] for user in self.call("GET", "/sandbox/users")}
        return self._tokens[username]

    def state(self) -> dict[str, Any]:
        """The whole state, as the page gets it."""
        return self.call("GET", "/sandbox/state")

    def merge_request_state(self, iid: int, project: str = PROJECT) -> dict[str, Any]:
        found = [
            one for one in self.state()["merge_requests"] if (one["project"], one["iid"]) == (project, iid)
        ]
        return found[0]

    def requests(self, method: str | None = None, path: str = "") -> list[dict[str, Any]]:
        """The transcript: method, path, status, user of every API and git request; `path` is a part of it."""
        seen = self.call("GET", "/sandbox/requests")
        return [one for one in seen if method in (None, one["method"]) and path in one["path"]]

    def client(self, username: str) -> gitlab.Gitlab:
        """python-gitlab as this person."""
        return gitlab.Gitlab(self.url, private_token=self.token(username), timeout=30, keep_base_url=True)

    def api(
        self, method: str, path: str, body: Any = None, *, user: str = "trivet", token: str | None = None
    ) -> Reply:
        """One request to `/api/v4`, whatever it is answered with; `body` as JSON, or bytes as they are."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "PRIVATE-TOKEN": self.token(user) if token is None else token,
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{self.url}/api/v4{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return _reply(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return _reply(refusal)

    def wait_for(self, what: Callable[[dict[str, Any]], Any], timeout: float = 30) -> Any:
        """The first true answer of `what(state)`. Raises AssertionError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            found = what(self.state())
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"the sandbox did not come to it in {timeout} s")
            time.sleep(0.05)

    # --- acting as people

    def add_user(
        self, username: str, access: int = 0, project: str = PROJECT, **fields: Any
    ) -> dict[str, Any]:
        """`fields`: name, token, scopes, bot, expires_on (ISO date), admin."""
        body = {"username": username, "project": project, "access": access, **fields}
        return self.call("POST", "/sandbox/users", body)

    def add_project(
        self,
        path: str,
        files: Mapping[str, Any] | None = None,
        members: Mapping[str, int] | None = None,
        visibility: str = "private",
        merge_method: str = "merge",
    ) -> dict[str, Any]:
        """`merge_method`: merge or ff."""
        body = {"path": path, "visibility": visibility, "members": dict(members or {})}
        body["merge_method"] = merge_method
        made = self.call("POST", "/sandbox/projects", body)
        if files is not None:
            self.push("main", files, "First commit", project=path)
        return made

    def add_group(self, path: str, members: Mapping[str, int] | None = None) -> dict[str, Any]:
        """A group above the projects whose paths begin with its own."""
        return self.call("POST", "/sandbox/groups", {"path": path, "members": dict(members or {})})

    def push(
        self,
        branch: str,
        files: Mapping[str, Any],
        message: str = "Change",
        *,
        project: str = PROJECT,
        user: str = "ada",
        start: str | None = None,
        amend: bool = False,
    ) -> str:
        """Commits as a person; answers the SHA. A value is text, bytes, None (removed) or {"base64", "mode"}.

        A new branch begins at `start`, the default branch when not given. `amend`: the newest commit is written anew.
        """
        body = {"project": project, "branch": branch, "message": message, "user": user, "from": start}
        body["amend"] = amend
        body["files"] = {path: _as_json(content) for path, content in files.items()}
        return self.call("POST", "/sandbox/push", body)["sha"]

    def rebase(self, branch: str, onto: str = "main", *, project: str = PROJECT, user: str = "ada") -> str:
        """The branch's commits on the tip of another branch; answers the SHA of the newest."""
        body = {"project": project, "user": user, "branch": branch, "onto": onto}
        return self.call("POST", "/sandbox/rebase", body)["sha"]

    def merge_into(
        self, branch: str, source: str = "main", *, project: str = PROJECT, user: str = "ada"
    ) -> str:
        """A merge commit of another branch on this one; answers its SHA."""
        body = {"project": project, "user": user, "branch": branch, "from": source}
        return self.call("POST", "/sandbox/merge_into", body)["sha"]

    def tag(self, name: str, ref: str = "main", message: str = "", **fields: Any) -> dict[str, str]:
        """Tags as a person; one with a message is annotated. Answers its target and commit. `fields`: project, user."""
        body = {"project": PROJECT, "user": "grace", "name": name, "ref": ref, "message": message}
        return self.call("POST", "/sandbox/tags", body | fields)

    def remove_tag(self, name: str, **fields: Any) -> None:
        self.call("DELETE", "/sandbox/tags", {"project": PROJECT, "user": "grace", "name": name} | fields)

    def merge_request(
        self,
        title: str = "Change the shop",
        files: Mapping[str, Any] | None = None,
        *,
        source: str = "feature",
        target: str = "main",
        project: str = PROJECT,
        author: str = "ada",
        **fields: Any,
    ) -> int:
        """Opens a merge request, after pushing `files` to its branch; answers its number.

        `fields`: description, draft, reviewers (user names).
        """
        if files is not None:
            self.push(source, files, title, project=project, user=author)
        body = {"project": project, "title": title, "source_branch": source, "target_branch": target}
        return self.call("POST", "/sandbox/merge_requests", body | {"author": author} | fields)["iid"]

    def act(self, iid: int, action: str, *, project: str = PROJECT, user: str = "ada", **fields: Any) -> Any:
        """`action`: ready, draft, merge (squash), close, reopen, comment (body, discussion, position, threaded,
        internal), edit_note (note, body), delete_note (note), resolve (discussion, on), award and take_award (name,
        note), review_request (reviewer), preparing (on), pipeline (status)."""
        body = {"project": project, "user": user, **fields}
        return self.call("POST", f"/sandbox/merge_requests/{iid}/{action}", body)

    def comment(
        self, iid: int, body: str, *, user: str = "ada", project: str = PROJECT, **fields: Any
    ) -> Any:
        return self.act(iid, "comment", user=user, project=project, body=body, **fields)

    # --- people and their accounts

    def set_access(self, username: str, access: int, project: str = PROJECT) -> None:
        """0 takes the person out of the project."""
        self.call("POST", f"/sandbox/users/{username}/access", {"project": project, "access": access})

    def block(self, username: str, on: bool = True) -> None:
        self.call("POST", f"/sandbox/users/{username}/block", {"on": on})

    def remove_user(self, username: str) -> None:
        """The account is gone; what the person wrote is the ghost user's."""
        self.call("DELETE", f"/sandbox/users/{username}")

    def note_elsewhere(self, body: str, on: str, *, user: str = "ada", project: str = PROJECT) -> None:
        """A note on an "Issue" or a "Commit", of which there is nothing but the webhook."""
        self.call("POST", "/sandbox/notes", {"project": project, "user": user, "body": body, "on": on})

    # --- hooks and faults

    def add_hook(self, url: str, secret: str | None = None, project: str | None = None) -> dict[str, Any]:
        """All events to `url`; a secret that begins with `whsec_` signs, any other is sent as X-Gitlab-Token."""
        return self.call("POST", "/sandbox/hooks", {"url": url, "secret": secret, "project": project})

    def drop_hooks(self, on: bool = True) -> None:
        self.call("POST", "/sandbox/hooks/drop", {"on": on})

    def resend(self, delivery: int) -> None:
        self.call("POST", f"/sandbox/deliveries/{delivery}/resend")

    def archive(self, project: str = PROJECT) -> None:
        self.call("POST", "/sandbox/projects/archive", {"project": project})

    def switch(self, **on: bool | float) -> None:
        """`lax_drafts`, `drop_hooks`, `auto_disable`, `premium`; `clock`: seconds that GitLab's is ahead."""
        self.call("POST", "/sandbox/switches", on)

    def limits(self, **numbers: int) -> None:
        """`collapse_bytes`, `too_large_bytes`, `files` of `/diffs`."""
        self.call("POST", "/sandbox/limits", numbers)

    def fault(self, **spec: Any) -> None:
        """As `bot.sandbox.faults.Fault` says."""
        self.call("POST", "/sandbox/faults", spec)

    def clear_faults(self) -> None:
        self.call("DELETE", "/sandbox/faults")

    def clear_requests(self) -> None:
        self.call("DELETE", "/sandbox/requests")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control API; its JSON answer. Raises AssertionError with the sandbox's words."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise AssertionError(f"{method} {path}: {refusal.code} {refusal.read().decode()}") from None
        return json.loads(text) if text else None

    # --- starting

    def _start_thread(self, folder: Path) -> None:
        from bot.sandbox.server import Running

        running = self._stack.enter_context(
            Running(
                folder,
                version=self.version,
                seeded=self.seeded,
                jira=self._jira,  # type: ignore[arg-type]
                confluence=self._confluence,  # type: ignore[arg-type]
            )
        )
        self.state_object = running.state
        self.url = running.state.url

    def _start_process(self, folder: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "bot.sandbox",
            "--port",
            "0",
            "--data",
            str(folder),
            "--version",
            self.version,
        ]
        command += ["--seed"] if self.seeded else []
        command += ["--jira", self._jira] if self._jira else []
        command += ["--confluence", self._confluence] if self._confluence else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._stack.callback(_stop, process)
        self.url = _address(process)

    def _people_the_shop(self) -> None:
        self.add_project(PROJECT)
        for username, access in PEOPLE.items():
            self.add_user(username, access, bot=username == "trivet")
        self.push("main", README, "First commit")


def _reply(answer: Any) -> Reply:
    text = answer.read().decode()
    is_json = "json" in (answer.headers["Content-Type"] or "") and text
    return Reply(answer.status, json.loads(text) if is_json else text, answer.headers)


def _as_json(content: Any) -> Any:
    return {"base64": base64.b64encode(content).decode()} if isinstance(content, bytes) else content


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(READY):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return line.removeprefix(READY).strip()
    raise AssertionError(f"the sandbox ended with {process.wait()} before it was ready")


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None and not process.stdout.closed:
        process.stdout.close()
