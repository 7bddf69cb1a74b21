"""What an agent is: a name, what it may propose, and a graph that reads and returns actions. It has no way to write."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from uuid import uuid4

from bot.domain.actions import Action, Coverage, Decision
from bot.domain.background import Background, Commit
from bot.domain.change import ChangeSet, MergeRequest
from bot.domain.criteria import Criterion
from bot.domain.findings import Finding
from bot.domain.flow import CodeProject
from bot.domain.issues import Choices, Issue, IssueComment
from bot.domain.ledger import Ledger
from bot.domain.lifecycle import Known
from bot.domain.notes import Note
from bot.domain.pages import Page, SectionEdit
from bot.domain.releases import MergedRequest, ReleaseIssue
from bot.domain.repo_config import PageSection, RepoConfig
from bot.domain.reviewed import Reviewed
from bot.domain.rules import JiraRule
from bot.domain.secrets import Redactor
from bot.domain.sections import Section
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
    failed. `attempt` names this start of the run: one that is started again has another. `known` are the findings of
    earlier reviews, `reviewed` what the last of them left, None where there was none. `is_full`: everything is read,
    read before or not. `snapshot_at` is the repository at one of the merge request's commits; it raises NotFound.
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
    known: Sequence[Known] = ()
    reviewed: Reviewed | None = None
    is_full: bool = False
    snapshot_at: Callable[[str], Snapshot] | None = None


@dataclass(frozen=True)
class AskContext:
    """Everything a run that answers a person may read.

    `name` is the command; "reply" for an answer in one of our threads, "dismissal" for one that wants a finding left
    alone; "" for words that are no command, `word` being the first of them and `meant` the command that was probably
    meant. `text` is the question or the reply, "" for a command without one. `note` is the id of the note that asks,
    `thread` the discussion it stands in, `said` the notes of that thread up to it, oldest first; a shell asks in none:
    0, "", (). `me` is the bot's id, `bot` its user name, "" where that is not known. `about`: the finding that the
    thread began with. `known`: all findings of the merge request, for a question or a command about all of them.
    `has_pages`: a page's text can be accepted here. `change` and `snapshot` read when they are first called, and raise
    PlatformError. `steps` None: none are kept. Otherwise as in `AgentContext`.
    """

    request: MergeRequest
    redactor: Redactor
    name: str
    change: Callable[[], ChangeSet]
    snapshot: Callable[[], Snapshot]
    commits: Callable[[], Sequence[Commit]] = lambda: ()
    snapshot_at: Callable[[str], Snapshot] | None = None
    text: str = ""
    word: str = ""
    meant: str = ""
    note: int = 0
    thread: str = ""
    said: Sequence[Note] = ()
    me: int = 0
    bot: str = ""
    about: Known | None = None
    known: Sequence[Known] = ()
    has_pages: bool = False
    model: Model | None = None
    steps: Memory | None = None
    still_wanted: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _step: None
    can_wait: bool = False
    complaints: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """What our review of a merge request has come to. `head` "" : there was none yet. `open`: findings not resolved."""

    head: str = ""
    open: int = 0
    resolved: int = 0


@dataclass(frozen=True)
class Mentioned:
    """An issue that a merge request names, or was told to name, and the bot may read.

    `tells_code`: texts of the merge request may stand in it. `memory` is that of our comment on it, None where there
    is no comment of ours for this merge request. `named` False: it was told of the merge request, which names it no
    longer.
    """

    issue: Issue
    tells_code: bool
    memory: Mapping[str, Any] | None = None
    named: bool = True

    @property
    def is_told(self) -> bool:
        """Whether it is told what the merge request does; else what was told before is put right."""
        return self.named and self.tells_code


@dataclass(frozen=True)
class LinkContext:
    """Everything a run of the link agent may read.

    `trigger`: what happened to the merge request, a word of `bot.routing`; its state says whether it is open now.
    `host` is GitLab's, for the links' global ids. `unreadable`: keys of known projects whose issues the bot cannot
    read. `left_out`: how many named issues are beyond the most that are looked at. `verdict` None: whether there was a
    review is not known. `change` reads the diff, when it is needed. `steps` None: none are kept. Otherwise as in
    `AgentContext`.
    """

    request: MergeRequest
    trigger: str
    host: str
    config: RepoConfig
    redactor: Redactor
    mentioned: Sequence[Mentioned] = ()
    unreadable: Sequence[str] = ()
    left_out: int = 0
    commits: Sequence[Commit] = ()
    verdict: Verdict | None = None
    ledger: Ledger | None = None
    change: Callable[[], ChangeSet] | None = None
    model: Model | None = None
    steps: Memory | None = None
    still_wanted: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _step: None
    can_wait: bool = False
    complaints: Sequence[str] = ()


@dataclass(frozen=True)
class Asked:
    """A comment that asks the bot for something: a `Doing` of the rules, "help", or "" for a question in `text`."""

    comment: str
    person: str
    name: str
    text: str = ""


@dataclass(frozen=True)
class Code:
    """The mapped project of an issue in which its texts may stand. `snapshot` is the tip of where work begins."""

    project: CodeProject
    snapshot: Snapshot


@dataclass(frozen=True)
class Workplace:
    """The mapped project of an issue, as the place of its work, whether or not its texts may stand in the issue.

    Work begins on `branch`, "" in an empty repository. `tells_issue`: the issue's texts may stand there, in branch
    names and merge requests. `assignee`: the GitLab user name of the issue's assignee, "" where the accounts do not
    map.
    """

    project: CodeProject
    branch: str
    tells_issue: bool
    assignee: str = ""


@dataclass(frozen=True)
class TriageContext:
    """Everything a run on an issue may read.

    `rules` are those that this event starts, in the file's order; for a comment all of the project's, for the names
    that they give to work. `code` None: no project is mapped, it cannot be read, or its texts may not stand in the
    issue. `workplace` None: no project is mapped, or, where `is_mapped`, it cannot be read. `comments` oldest first,
    the bot's own among them; `mine` is the bot's id. `memory` is that of our comment by rules, None where there is
    none. `steps` None: none are kept. Otherwise as in `AgentContext`.
    """

    issue: Issue
    redactor: Redactor
    rules: Sequence[JiraRule] = ()
    asked: Asked | None = None
    comments: Sequence[IssueComment] = ()
    mine: str = ""
    criteria: Sequence[Criterion] = ()
    choices: Choices = field(default_factory=Choices)
    code: Code | None = None
    workplace: Workplace | None = None
    is_mapped: bool = False
    host: str = ""
    memory: Mapping[str, Any] | None = None
    model: Model | None = None
    steps: Memory | None = None
    still_wanted: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _step: None
    can_wait: bool = False
    complaints: Sequence[str] = ()


@dataclass(frozen=True)
class Shown:
    """A note of ours on the merge request that proposes a text for a section. `key` is the note's, of our making.

    `edit` None: it proposes nothing any more. `is_accepted`: a member said yes to this very text, by a command after
    it or a thumbs-up on it.
    """

    key: str
    edit: SectionEdit | None
    is_accepted: bool = False


@dataclass(frozen=True)
class LivingSection:
    """A section of a page that `.trivet.yml` ties to paths, of which the merge request changes `files`.

    `page` None: there is none, or the bot may not read it; `trouble` says why it cannot be written then, or for any
    other cause (archived, boundary damaged), in a sentence for a person. `section` None: the page has no such section
    yet. `is_ours`: its text is what the bot wrote last. `tells_page`: the page's texts may stand in the merge request,
    whose own may stand on the page in any case. `shown`: our notes on it, oldest first. `has_notice`: a comment of
    ours on the page says that the section is not true.
    """

    wanted: PageSection
    files: tuple[str, ...]
    page: Page | None = None
    section: Section | None = None
    trouble: str = ""
    is_ours: bool = False
    tells_page: bool = False
    shown: Sequence[Shown] = ()
    has_notice: bool = False


@dataclass(frozen=True)
class SectionsContext:
    """Everything a run of the pages agent on a merge request may read. `steps` None: none are kept.

    `trigger` is a word of `bot.routing`; the merge request's state says whether it is open, merged or closed.
    `newest_note` is the id of the latest note on the merge request. `branch` is its target branch as it is now: a merge
    may be looked at late, when others have followed. Otherwise as in `AgentContext`.
    """

    request: MergeRequest
    trigger: str
    change: ChangeSet
    snapshot: Snapshot
    redactor: Redactor
    branch: Callable[[], Snapshot]
    newest_note: int = 0
    sections: Sequence[LivingSection] = ()
    model: Model | None = None
    steps: Memory | None = None
    still_wanted: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _step: None
    can_wait: bool = False
    complaints: Sequence[str] = ()
    attempt: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class NotesPage:
    """The page of one release, or of the next ("next"): what went into it, the latest first.

    `page` None: it is not there yet. `memory` is what its section's property remembers of an earlier run, or that of
    the page that listed the same merge requests before. `issues` by the merge requests' iids. `since` is the name of
    the tag before, "" for none, `until` the tag or branch that it ends at. `left_out`: how many merge requests are
    beyond the most that are listed.
    """

    version: str
    title: str
    merged: Sequence[MergedRequest]
    page: Page | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    issues: Mapping[int, Sequence[ReleaseIssue]] = field(default_factory=dict)
    since: str = ""
    until: str = ""
    left_out: int = 0


@dataclass(frozen=True)
class NotesContext:
    """Everything a run of the pages agent for release notes may read.

    `space` is the space's key, `parent` the id of the page that new ones are made below. `merged` is the iid of the
    merge request whose merge started the run, 0 for none. `change` reads the diff of a merged one, by its iid.
    `links_issues`: issues of the tracker may be given a link to the page. Otherwise as in `AgentContext`.
    """

    project: CodeProject
    pages: Sequence[NotesPage]
    redactor: Redactor
    space: str
    parent: str
    change: Callable[[int], ChangeSet]
    trigger: str = ""
    merged: int = 0
    links_issues: bool = False
    model: Model | None = None
    steps: Memory | None = None
    still_wanted: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _step: None
    can_wait: bool = False
    complaints: Sequence[str] = ()


PagesContext = SectionsContext | NotesContext


@dataclass(frozen=True)
class AgentResult:
    """What a run proposes and how it came to it. `failures` are what a model did not do, a sentence each.

    `files_in_all`: how many files the change has, where not all of them could be listed. `reviewed`: what a review
    leaves for the next one. `answer`: of a question that a shell asks, Markdown.
    """

    actions: tuple[Action, ...]
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    files_in_all: str = ""
    decisions: tuple[Decision, ...] = ()
    complaints: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    ledger: Ledger | None = None
    reviewed: Reviewed | None = None
    answer: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)


Context = TypeVar("Context", contravariant=True)


@dataclass(frozen=True)
class AgentSpec(Generic[Context]):
    """One agent. `may` names the kinds of action policy lets it propose."""

    name: str
    may: frozenset[str]
    run: Callable[[Context], AgentResult]
