"""Proposals for merge requests of the sandbox, the gateway that applies them, and what people see then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from bot.domain.actions import Action, Position, PostFinding, Proposal, React, Reply, Report, UpsertNote
from bot.domain.change import MergeRequest, Target
from bot.domain.events import Person
from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import FIXED, REGRESSED
from bot.domain.markdown import finding_comment
from bot.domain.marks import MarkBook
from bot.domain.positions import file_position, position
from bot.domain.sanitize import sanitize
from bot.gateways.git import GitCache
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.gitlab_reader import GitLabReader
from tests.sandbox_server import PROJECT, SandboxServer

SECRET = "mark-" + "secret-" * 3
SETTING = "TRIVET_GITLAB__TOKEN"
SUMMARY = "**The verdict.**\n\n<details>\n<summary>About</summary>\n\nmore\n\n</details>"


class Desk:
    """One sandbox, and the bot's account on it. `version` is what the gateway takes the instance for."""

    def __init__(self, sandbox: SandboxServer, cache: Path) -> None:
        self.sandbox = sandbox
        major, minor, *_ = map(int, sandbox.version.split("."))
        self.version = (major, minor)
        self._cache = cache
        self._branches = 0

    @cached_property
    def api(self) -> GitLabApi:
        return GitLabApi(self.sandbox.url, self.sandbox.token("trivet"), SETTING)

    @cached_property
    def me(self) -> Person:
        return self.reader().me()

    def reader(self, api: GitLabApi | None = None) -> GitLabReader:
        return GitLabReader(api or self.api, GitCache(self._cache))

    def effects(self, secrets: Sequence[str] = (SECRET,), **options: Any) -> GitLabEffects:
        return GitLabEffects(
            self.api,
            me=self.me,
            version=self.version,
            marks=lambda scope: MarkBook(secrets, scope),
            clean=lambda body: sanitize(body, redact=lambda text: text),
            **options,
        )

    # --- merge requests

    def open(self, files: dict[str, Any] | None = None, **fields: Any) -> int:
        """A merge request of its own branch; unless given, one new file of nine lines."""
        self._branches += 1
        branch = f"branch-{self._branches}"
        given = files or {f"{branch}.txt": "".join(f"line {number}\n" for number in range(1, 10))}
        return self.sandbox.merge_request(branch, given, source=branch, **fields)

    def read(self, iid: int) -> MergeRequest:
        return self.reader().merge_request(Target(PROJECT, iid))

    def push(self, iid: int, files: dict[str, Any]) -> str:
        return self.sandbox.push(self.read(iid).source_branch, files)

    def book(self, iid: int, *secrets: str) -> MarkBook:
        return MarkBook(secrets, self.read(iid).target.key)

    # --- proposals

    def finding(self, iid: int, line: int | None, **fields: Any) -> PostFinding:
        """About a line of the merge request's first file, or about the file; `path` names another one."""
        request = self.read(iid)
        change = self.reader().change_set(request)
        path = fields.pop("path", change.files[0].path)
        where = fields.pop("position", None)
        finding = Finding(
            rule="test/rule",
            severity=Severity.MAJOR,
            path=path,
            line=line,
            anchor=f"line {line}",
            title=f"Something about line {line}",
            fingerprint=f"key.of.{line}",
        ).model_copy(update=fields)
        file = change.file(path)
        if where is None and file is not None:
            placed = position(change.refs, file, line=line, end_line=finding.end_line)
            where = placed or file_position(change.refs, file)
        return PostFinding(
            key=finding.fingerprint, finding=finding, body=finding_comment(finding), position=where
        )

    def proposal(
        self, iid: int, *actions: Action, summary: str | None = SUMMARY, agent: str = "review", note: int = 0
    ) -> Proposal:
        """These actions on the present head, with a summary unless told otherwise."""
        request = self.read(iid)
        told = [UpsertNote(key="summary", body=summary)] if summary else []
        return Proposal(
            run="run",
            agent=agent,
            project=request.target.project,
            project_id=request.target.project_id,
            iid=iid,
            head=request.head,
            state=request.state,
            note=note,
            actions=(*actions, *told),
            report=Report(run="run", agent=agent, target=str(request.target)),
        )

    def findings(self, iid: int, *lines: int) -> Proposal:
        return self.proposal(iid, *(self.finding(iid, line) for line in lines))

    def fixed(self, iid: int, thread: str, line: int = 2, **fields: Any) -> Reply:
        """What is said of the finding of a line that is there no longer."""
        key, commit = f"key.of.{line}", self.read(iid).head
        reply = Reply(
            key=FIXED.format(finding=key, commit=commit),
            thread=thread,
            body=f"Fixed in `{commit[:8]}`.",
            resolves=True,
            finding=key,
        )
        return reply.model_copy(update=fields)

    def back(self, iid: int, thread: str, line: int = 2) -> Reply:
        """What is said of the finding of a line that came back."""
        key, commit = f"key.of.{line}", self.read(iid).head
        said = REGRESSED.format(finding=key, commit=commit)
        return self.fixed(iid, thread, line, key=said, body="Back again.", resolves=False)

    # --- what people see

    def seen(self, iid: int) -> dict[str, Any]:
        return self.sandbox.merge_request_state(iid)

    def notes(self, iid: int, kind: str = "") -> list[str]:
        """The bot's notes whose last mark is of this kind."""
        state = self.seen(iid)
        threads = [note for thread in state["discussions"] for note in thread["notes"]]
        bodies = [note["body"] for note in (*threads, *state["notes"]) if note["author"] == "trivet"]
        return [body for body in bodies if f"kind={kind}" in body.rsplit("<!--", 1)[-1]]

    def threads(self, iid: int) -> list[str]:
        """The ids of all threads, oldest first."""
        return [thread["id"] for thread in self.seen(iid)["discussions"]]

    def is_closed(self, iid: int, thread: str) -> bool:
        found = next(one for one in self.seen(iid)["discussions"] if one["id"] == thread)
        return bool(found["resolved"])

    def resolve(self, iid: int, thread: str, *, user: str, on: bool = True) -> None:
        """A person closes a thread, or opens it again."""
        address = f"/projects/1/merge_requests/{iid}/discussions/{thread}"
        reply = self.sandbox.api("PUT", address, {"resolved": on}, user=user)
        assert reply.status == 200, reply.body

    def remove(self, iid: int, note: int) -> None:
        """A maintainer deletes a note."""
        reply = self.sandbox.api("DELETE", f"/projects/1/merge_requests/{iid}/notes/{note}", user="grace")
        assert reply.status == 204, reply.body

    def lines(self, iid: int) -> list[int | None]:
        """The lines that carry a thread; None for one on a file."""
        return [
            thread["position"].get("new_line")
            for thread in self.seen(iid)["discussions"]
            if thread["position"]
        ]

    def drafts(self, iid: int) -> int:
        return len(self.seen(iid)["drafts"])

    def awards(self, iid: int) -> list[str]:
        return [award["name"] for award in self.seen(iid)["awards"]]

    def note_awards(self, iid: int) -> list[tuple[str, str, int]]:
        """Reactions on notes: name, who, and the note."""
        return [(one["name"], one["user"], one["note"]) for one in self.seen(iid)["note_awards"]]

    def told(self, iid: int) -> list[str]:
        """Notifications about the bot's notes, one word each."""
        kinds = self.sandbox.state()["notifications"]
        return [one["kind"] for one in kinds if (one["user"], one["merge_request"]) == ("trivet", iid)]

    @contextmanager
    def writes(self) -> Iterator[Callable[[], list[tuple[str, str]]]]:
        """Inside, a function that lists what was written since: method and path of what GitLab accepted."""
        self.sandbox.clear_requests()
        yield lambda: [
            (one["method"], one["path"].partition("/merge_requests/")[2])
            for one in self.sandbox.requests()
            if one["method"] != "GET" and one["status"] < 300 and "/api/" in one["path"]
        ]


def thumbs_up() -> React:
    return React(key="clean", emoji="thumbsup")


def on_line(where: Position, number: int) -> Position:
    """The same position with another line, one GitLab will not take."""
    return where.model_copy(update={"new_line": number})
