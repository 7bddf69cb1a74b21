"""A merge request with threads that people and the bot talk in, and what a proposer reads of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.agents.ask import SPEC
from bot.agents.spec import AgentResult, AgentSpec, AskContext
from bot.domain.actions import Proposal, React, Reply
from bot.domain.background import Commit
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.events import Person
from bot.domain.findings import Finding, Severity
from bot.domain.kept import kept_finding
from bot.domain.marks import Mark, MarkBook, attach
from bot.domain.notes import Award, Note
from bot.domain.secrets import Redactor
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import propose
from bot.testing import ScriptedModel
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of

ME = Person(id=99, username="trivet")
ADA, GUEST, AUTHOR, ROBOT, STRANGER = 1, 3, 8, 4, 5
NAMES = {99: "trivet", 1: "ada", 3: "guest", 8: "author", 4: "renovate", 5: "cleverly", 0: ""}
LEVELS = {1: 30, 3: 20, 4: 40, 5: 40}
MERGE_REQUEST = replace(REQUEST, author="author", author_id=AUTHOR)
BOOK = MarkBook(["a-secret-" * 3], "gitlab:1:7")
FORGED = MarkBook(["another-secret-" * 3], "gitlab:1:7")
KEYS = ("a1" * 16, "b2" * 16)
CODE = "total = 1\nchecked = True\n"
FINDINGS = tuple(
    Finding(
        rule="wrong-result",
        severity=Severity.MAJOR,
        path="app/shop.py",
        line=1,
        anchor="total = 1",
        title=f"Finding {key[:2]} gives a wrong result",
        fingerprint=key,
    )
    for key in KEYS
)


def note(number: int, person: int, body: str, thread: str = "t1", **other: Any) -> Note:
    given: dict[str, Any] = {"author": NAMES[person], "threaded": True}
    return Note(number, person, body, thread, **given | other)


def reported(number: int, thread: str, which: int = 0, *, book: MarkBook = BOOK, **other: Any) -> Note:
    """The note that a finding's thread begins with."""
    body = f"**Major: {FINDINGS[which].title}**\n\n{kept_finding(FINDINGS[which], '', book)}"
    mark = Mark("review", "finding", KEYS[which], REQUEST.head)
    given: dict[str, Any] = {"resolved": False, "path": "app/shop.py", "new_line": 1}
    return note(number, ME.id, attach(body, book.write(mark)), thread, **given | other)


def summary(number: int, thread: str) -> Note:
    return note(
        number, ME.id, attach("Fine.", BOOK.write(Mark("review", "summary", "summary", REQUEST.head))), thread
    )


def own_reply(
    number: int, key: str, thread: str = "t1", *, book: MarkBook = BOOK, person: int = ME.id
) -> Note:
    return note(
        number, person, attach("So it is.", book.write(Mark("ask", "reply", key, REQUEST.head))), thread
    )


@dataclass
class Reader:
    """The port `MergeRequestReader`; what was read is noted."""

    notes_there: Sequence[Note] = ()
    request: MergeRequest = MERGE_REQUEST
    given: Sequence[Award] = ()
    bots: frozenset[int] = frozenset({STRANGER})
    asked: list[str] = field(default_factory=list)

    def merge_request(self, target: Target) -> MergeRequest:
        self.asked.append("merge_request")
        return self.request

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        self.asked.append("thread")
        return [one for one in self.notes_there if one.discussion == thread]

    def notes(self, target: Target) -> Sequence[Note]:
        self.asked.append("notes")
        return self.notes_there

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        self.asked.append("awards")
        return self.given

    def change_set(self, request: MergeRequest) -> ChangeSet:
        self.asked.append("change_set")
        return change_of(added_file("app/shop.py", CODE))

    def snapshot(self, request: MergeRequest) -> DictSnapshot:
        self.asked.append("snapshot")
        return DictSnapshot({"app/shop.py": CODE})

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        self.asked.append("commits")
        return ()

    def snapshot_at(self, request: MergeRequest, commit: str) -> DictSnapshot:
        self.asked.append("snapshot_at")
        return DictSnapshot({"app/shop.py": CODE})

    def is_bot(self, user_id: int) -> bool:
        self.asked.append("is_bot")
        return user_id in self.bots

    def access_level(self, target: Target, user_id: int) -> int:
        self.asked.append("access_level")
        return LEVELS.get(user_id, 0)


class Listener:
    """An agent that says nothing, and keeps what it was handed."""

    def __init__(self) -> None:
        self.spec = AgentSpec("ask", SPEC.may, self.run)
        self.handed: list[AskContext] = []

    def run(self, context: AskContext) -> AgentResult:
        self.handed.append(context)
        return AgentResult(actions=())


@dataclass
class Talk:
    """What became of one request."""

    proposal: Proposal
    begun: int
    started: list[JobRequest]

    @property
    def replies(self) -> list[Reply]:
        return [action for action in self.proposal.actions if isinstance(action, Reply)]

    @property
    def reaction(self) -> str | None:
        (reaction,) = (action for action in self.proposal.actions if isinstance(action, React))
        return reaction.emoji


def asked_for(number: int, trigger: str = "command", **other: Any) -> JobRequest:
    given: dict[str, Any] = {
        "agent": "ask",
        "project": "acme/shop",
        "project_id": 1,
        "iid": 7,
        "key": f"ask:1:7:note:{number}",
        "trigger": trigger,
        "note": number,
        "thread": "t1",
    }
    return JobRequest(**given | other)


def talk(
    reader: Reader,
    request: JobRequest,
    model: ScriptedModel | None = None,
    agent: AgentSpec[Any] = SPEC,
    **other: Any,
) -> Talk:
    """Raises what `propose` raises."""
    begun: list[bool] = []
    started: list[JobRequest] = []
    given: dict[str, Any] = {
        "me": ME,
        "marks": lambda _scope: BOOK,
        "begun": lambda: begun.append(True),
        "start": started.append,
    }
    means = Means(reader=reader, agent=agent, redactor=Redactor(), model=model, **given | other)  # type: ignore[arg-type]
    proposal = propose(request, "run", means)
    return Talk(proposal, len(begun), started)


def handed(reader: Reader, request: JobRequest, **other: Any) -> AskContext:
    listener = Listener()
    talk(reader, request, agent=listener.spec, **other)
    return listener.handed[0]
