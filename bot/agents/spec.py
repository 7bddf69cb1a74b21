"""What an agent is: a name, what it may propose, and a graph that reads and returns actions. It has no way to write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.actions import Action, Coverage, Decision
from bot.domain.change import ChangeSet, MergeRequest
from bot.domain.findings import Finding
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.ports import Snapshot


@dataclass(frozen=True)
class AgentContext:
    """Everything one run may read.

    `is_first`: the merge request was opened just now, no earlier run has left anything on it. `failed_before`: a note
    says that a run failed.
    """

    request: MergeRequest
    change: ChangeSet
    snapshot: Snapshot
    config: RepoConfig
    redactor: Redactor
    complaints: Sequence[str] = ()
    is_first: bool = True
    failed_before: bool = False


@dataclass(frozen=True)
class AgentResult:
    """What a run proposes and how it came to it."""

    actions: tuple[Action, ...]
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    decisions: tuple[Decision, ...] = ()
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgentSpec:
    """One agent. `may` names the kinds of action policy lets it propose."""

    name: str
    may: frozenset[str]
    run: Callable[[AgentContext], AgentResult]
