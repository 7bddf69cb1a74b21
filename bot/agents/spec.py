"""What an agent is: a name, what it may propose, and a graph that reads and returns actions. It has no way to write."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from bot.domain.actions import Action, Coverage, Decision
from bot.domain.background import Background
from bot.domain.change import ChangeSet, MergeRequest
from bot.domain.findings import Finding
from bot.domain.notes import Note
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.llm.messages import Model, Usage
from bot.ports import Snapshot

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


class Memory(Protocol):
    """Where a run's steps are kept, so that one started again goes on where it was. `thread` is the run's id."""

    thread: str

    def opened(self) -> "AbstractAsyncContextManager[BaseCheckpointSaver[str]]":
        """A saver for the running event loop."""


@dataclass(frozen=True)
class AgentContext:
    """Everything one run may read.

    `notes` are people's, with a position or without. `model` None: none is configured. `memory` None: nothing is kept.
    `still_wanted` is called before what costs money, and raises when the run shall stop. `tell` takes a line about
    what is going on, for who waits. `can_wait`: the run may be
    started again when a model is out for the moment; else what could not be asked is told as missing. `is_first`: the
    merge request was opened just now, no earlier run has left anything on it. `failed_before`: a note says that a run
    failed. `attempt` names this start of the run: one that is started again has another.
    """

    request: MergeRequest
    change: ChangeSet
    snapshot: Snapshot
    config: RepoConfig
    redactor: Redactor
    background: Background = field(default_factory=Background)
    notes: Sequence[Note] = ()
    model: Model | None = None
    memory: Memory | None = None
    still_wanted: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _step: None
    can_wait: bool = False
    complaints: Sequence[str] = ()
    is_first: bool = True
    failed_before: bool = False
    attempt: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class AgentResult:
    """What a run proposes and how it came to it. `failures` are what a model did not do, a sentence each."""

    actions: tuple[Action, ...]
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    decisions: tuple[Decision, ...] = ()
    complaints: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    model: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class AgentSpec:
    """One agent. `may` names the kinds of action policy lets it propose."""

    name: str
    may: frozenset[str]
    run: Callable[[AgentContext], AgentResult]
