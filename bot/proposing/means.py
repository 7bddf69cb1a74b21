"""What a run is handed by whoever started it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.agents.spec import AgentSpec, Memory
from bot.domain.change import MergeRequest, Target
from bot.domain.events import Person
from bot.domain.issue_commands import NamedBy
from bot.domain.marks import MarkBook
from bot.domain.pages import PagePerson
from bot.domain.reviewed import Reviewed
from bot.domain.rules import Rules
from bot.domain.secrets import Redactor
from bot.errors import UsageError
from bot.llm.messages import Model
from bot.ports import CodeReader, IssueReader, MergeRequestReader, PageReader
from bot.routing import JobRequest

NO_WIKI = "no Confluence is connected: set TRIVET_CONFLUENCE__URL and a token"
NO_TRACKER = "no Jira is connected: set TRIVET_JIRA__URL and a token"


@dataclass(frozen=True)
class Tracker:
    """The issue tracker, what the operator's rules say of it, and GitLab's projects beside merge requests.

    `host` is GitLab's host name, for the global ids of links. `writer`: the account that writes, None where it is that
    which reads.
    """

    issues: IssueReader
    code: CodeReader
    rules: Rules = field(default_factory=Rules)
    host: str = ""
    writer: NamedBy | None = None

    def me(self) -> NamedBy:
        """Whose comments are ours."""
        if self.writer:
            return self.writer
        reader = self.issues.me()
        return NamedBy(reader.id, reader.username, reader.name)


@dataclass(frozen=True)
class Wiki:
    """The pages, what the operator's rules say of them, and GitLab's projects beside merge requests.

    `writer`: the account that writes, None where it is that which reads. `looking`: the merge requests whose runs
    looked at a page, by its id, as far as there is a record.
    """

    pages: PageReader
    code: CodeReader
    rules: Rules = field(default_factory=Rules)
    writer: PagePerson | None = None
    looking: Callable[[str], Sequence[Target]] = lambda _page: ()

    def me(self) -> PagePerson:
        """Whose comments and versions are ours."""
        return self.writer or self.pages.me()


@dataclass(frozen=True)
class Means:
    """What a run is handed.

    `me` is the bot's account (None: not known, as for a local review). `checkpoint` is called between steps with the
    merge request as read, and raises when the run shall stop; `still_ours` the same for a run on an issue. `begun` is
    called once it is clear that there is work. `model` None: none is configured, and nothing is read that only a model
    has use for. `memory` None: the run's steps are not kept. `tracker` None: no tracker is connected. `can_wait`: the
    run can be put back until a model is there. `reviewed`: whether a review of this head ended; None: there is no
    record of reviews. `last_review`: what the last one left, where there is a record. `linked_before`: the keys of the
    issues that earlier runs told of the merge request, the latest first, as far as there is a record. `wiki` None: no
    Confluence is connected. `start` queues another run; one that is known already is not queued again. `tell` takes a
    line about what is going on, for who waits.
    """

    reader: MergeRequestReader
    agent: AgentSpec[Any]
    redactor: Redactor
    me: Person | None = None
    marks: Callable[[str], MarkBook] | None = None
    checkpoint: Callable[[MergeRequest], None] = lambda _request: None
    still_ours: Callable[[], None] = lambda: None
    begun: Callable[[], None] = lambda: None
    model: Model | None = None
    memory: Memory | None = None
    tracker: Tracker | None = None
    can_wait: bool = False
    reviewed: Callable[[MergeRequest], bool] | None = None
    last_review: Callable[[MergeRequest], Reviewed | None] = lambda _request: None
    linked_before: Callable[[MergeRequest], Sequence[str]] = lambda _request: ()
    wiki: Wiki | None = None
    start: Callable[[JobRequest], object] = lambda _request: None
    tell: Callable[[str], None] = lambda _step: None

    def with_pages(self) -> Wiki:
        """Raises UsageError where no Confluence is connected."""
        if self.wiki is None:
            raise UsageError(NO_WIKI)
        return self.wiki

    def connected(self) -> Tracker:
        """Raises UsageError where no tracker is."""
        if self.tracker is None:
            raise UsageError(NO_TRACKER)
        return self.tracker
