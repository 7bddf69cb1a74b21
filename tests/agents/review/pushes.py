"""A merge request push by push: what stands on GitLab after each review is what the next one knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from typing import Any

from bot.agents.review import SPEC
from bot.agents.spec import AgentContext, AgentResult
from bot.domain.actions import Action, PostFinding, Reply, UpdateFinding, UpsertNote
from bot.domain.background import Background, Commit
from bot.domain.change import ChangeSet, DiffRefs, FileChange, FileStatus
from bot.domain.diff import hunks
from bot.domain.lifecycle import Known
from bot.domain.repo_config import RepoConfig
from bot.domain.reviewed import Reviewed
from bot.domain.secrets import Redactor
from bot.errors import NotFound
from bot.llm.messages import Model
from bot.ports import Snapshot
from tests.doubles import REQUEST, DictSnapshot

Files = Mapping[str, str]
BASE = "b" * 40


def sha(number: int) -> str:
    return f"{number:040x}"


def file_between(
    path: str, before: str | None, after: str | None, old_path: str = "", near: int = 3
) -> FileChange:
    """The change of one file between two texts, None where there is no file; `near`: lines around what changes."""
    was, now = ((text or "").splitlines() for text in (before, after))
    diff = list(unified_diff(was, now, lineterm="", n=near))[2:]
    status = (
        FileStatus.ADDED if before is None else FileStatus.DELETED if after is None else FileStatus.MODIFIED
    )
    return FileChange(
        old_path or path,
        path,
        FileStatus.RENAMED if old_path else status,
        hunks=hunks("\n".join(diff) + "\n") if diff else (),
    )


def change_between(
    base: Files, head: Files, renamed: Mapping[str, str] | None = None, commit: str = REQUEST.head
) -> ChangeSet:
    """The whole diff; `renamed` has the new path of each file that was renamed."""
    moved = renamed or {}
    pairs = [(path, moved.get(path, path)) for path in base]
    added = [(path, path) for path in head if path not in base and path not in moved.values()]
    files = [
        file_between(new, base.get(old), head.get(new), old if old != new else "")
        for old, new in sorted((*pairs, *added))
        if base.get(old) != head.get(new) or old != new
    ]
    return ChangeSet(DiffRefs(base=BASE, start=BASE, head=commit), tuple(files))


@dataclass
class Story:
    """One merge request. Each commit is the whole repository at it; the base is what it is held against."""

    base: Files = field(default_factory=dict)
    commits: list[Files] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    reviewed: Reviewed | None = None
    config: RepoConfig = field(default_factory=RepoConfig)
    renamed: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)

    @property
    def head(self) -> str:
        return sha(len(self.commits))

    def push(self, *commits: Files, model: Model | None = None, **other: Any) -> AgentResult:
        """Push, review, and remember what was written."""
        self.commits += commits
        result = SPEC.run(self.context(model, **other))
        self.reviewed = result.reviewed
        for action in result.actions:
            self._remember(action)
        return result

    def context(self, model: Model | None = None, **other: Any) -> AgentContext:
        given: dict[str, Any] = {
            "request": replace(REQUEST, head=self.head),
            "change": change_between(self.base, self.commits[-1], self.renamed, self.head),
            "snapshot": DictSnapshot(self.commits[-1], self.head),
            "config": self.config,
            "redactor": Redactor(),
            "background": Background(
                commits=tuple(Commit(sha(number), "Work") for number in range(len(self.commits), 0, -1))
            ),
            "known": (*self.known, *self.listed()),
            "reviewed": self.reviewed,
            "snapshot_at": self.snapshot_at,
            "model": model,
            "is_first": not self.known and self.reviewed is None,
        }
        return AgentContext(**(given | other))

    def listed(self) -> list[Known]:
        """What stands in the summary only."""
        threads = {one.key for one in self.known}
        listed = self.reviewed.listed if self.reviewed else ()
        return [Known(one.fingerprint, one) for one in listed if one.fingerprint not in threads]

    def snapshot_at(self, commit: str) -> Snapshot:
        if commit in self.unreadable:
            raise NotFound("the commit is gone")
        return DictSnapshot(self.commits[int(commit, 16) - 1], commit)

    def says(self, key: str, **what: Any) -> None:
        """What people did to a finding."""
        self.known = [replace(one, **what) if one.key == key else one for one in self.known]

    def _remember(self, action: Action) -> None:
        if isinstance(action, PostFinding) and action.position:
            number = len(self.known) + 1
            self.known.append(
                Known(action.key, action.finding, thread=f"thread{number}", note=number, around=action.around)
            )
        if isinstance(action, UpdateFinding):
            self.says(action.key, finding=action.finding, around=action.around)
        if isinstance(action, Reply):
            kind, _, commit = action.key.split(":")
            self.says(action.finding, state=kind, commit=commit)


def posts(result: AgentResult) -> list[PostFinding]:
    return [action for action in result.actions if isinstance(action, PostFinding)]


def replies(result: AgentResult) -> list[Reply]:
    return [action for action in result.actions if isinstance(action, Reply)]


def updates(result: AgentResult) -> list[UpdateFinding]:
    return [action for action in result.actions if isinstance(action, UpdateFinding)]


def summary(result: AgentResult) -> UpsertNote:
    (note,) = [one for one in result.actions if isinstance(one, UpsertNote) and one.key == "summary"]
    return note


def reasons(result: AgentResult) -> list[str]:
    return [decision.reason for decision in result.decisions if not decision.allowed]


def lines(*some: str | Sequence[str]) -> str:
    return "".join(f"{line}\n" for part in some for line in ([part] if isinstance(part, str) else part))
