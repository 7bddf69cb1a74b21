"""A store, a code host, and the jobs between them, as tests run them one by one."""

import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from bot.agents.spec import AgentContext, AgentResult, AgentSpec
from bot.domain.actions import Outcome, Proposal, React
from bot.domain.background import Commit
from bot.domain.change import ChangeSet, DiffRefs, MergeRequest, Target
from bot.domain.events import Person
from bot.domain.notes import Award, Note
from bot.domain.seals import Seals
from bot.domain.secrets import Redactor
from bot.entry import keys
from bot.entry.jobs import Jobs
from bot.entry.run_record import Run
from bot.entry.store import Store
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.testing import ScriptedModel
from tests.doubles import DictSnapshot, change_of

BOT = Person(id=99, username="trivet")
HEAD, NEWER = "a" * 40, "b" * 40
MARK_SECRET, NEXT_SECRET = "Zq8Rt2vLm4" * 3, "Xc7Wn1Kd9P" * 3


def opened(head: str = HEAD, *, draft: bool = False, state: str = "opened") -> MergeRequest:
    return MergeRequest(
        target=Target("acme/shop", 7, 1),
        title="Change the shop",
        description="",
        state=state,  # type: ignore[arg-type]
        draft=draft,
        author="ada",
        source_branch="feature",
        target_branch="main",
        head=head,
        refs=DiffRefs("0" * 40, "0" * 40, head),
    )


@dataclass
class Reader:
    """A code host with one merge request; `trouble` happens when it is read."""

    request: MergeRequest = field(default_factory=opened)
    change: ChangeSet = field(default_factory=change_of)
    trouble: Callable[[], None] = lambda: None
    reads: int = 0

    def merge_request(self, target: Target) -> MergeRequest:
        self.reads += 1
        self.trouble()
        return self.request

    def change_set(self, request: MergeRequest) -> ChangeSet:
        return self.change

    def notes(self, target: Target) -> list[Note]:
        return []

    def thread(self, target: Target, thread: str) -> list[Note]:
        return []

    def awards(self, target: Target, note: int) -> list[Award]:
        return []

    def snapshot(self, request: MergeRequest) -> DictSnapshot:
        return DictSnapshot({})

    def snapshot_at(self, request: MergeRequest, commit: str) -> DictSnapshot:
        return DictSnapshot({})

    def target_branch(self, request: MergeRequest) -> DictSnapshot:
        return DictSnapshot({})

    def pushes(self, request: MergeRequest) -> list[float]:
        return []

    def is_bot(self, user_id: int) -> bool:
        return False

    def commits(self, request: MergeRequest) -> list[Commit]:
        return []

    def access_level(self, target: Target, user_id: int) -> int:
        return 10


@dataclass
class Effects:
    """A code host that is written to; `trouble` happens on every write of a proposal."""

    trouble: Callable[[], None] = lambda: None
    applied: list[Proposal] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    withdrawn: int = 0
    acknowledged_on: list[int] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        self.attempts.append(attempt)
        self.trouble()
        self.applied.append(proposal)
        return [Outcome(key=action.key, result="done") for action in proposal.actions]

    def acknowledge(self, target: Target, note: int = 0) -> int | None:
        self.acknowledged_on.append(note)
        return 5

    def withdraw(self, target: Target, note: int = 0) -> None:
        self.withdrawn += 1

    def complain(self, target: Target, agent: str, sentence: str, note: int = 0) -> None:
        self.complaints.append(sentence)

    def complain_on_issue(self, issue: str, sentence: str) -> None:
        self.complaints.append(sentence)

    def complain_of_release(self, project_id: int, tag: str, commit: str, sentence: str) -> None:
        self.complaints.append(sentence)


def thumbs_up(context: AgentContext) -> AgentResult:
    return AgentResult(actions=(React(key="clean", emoji="thumbsup"),))


class World:
    """A store, a code host, and the jobs between them, run one by one as the workers would."""

    def __init__(self, connection: Redis) -> None:
        self.store = Store(connection)
        self.reader = Reader()
        self.effects = Effects()
        self.agent = AgentSpec("review", frozenset({"react"}), thumbs_up)
        self.forgotten: list[str] = []
        self.secrets = [MARK_SECRET]
        self.model: ScriptedModel | None = None
        self.jobs = Jobs(
            self.store,
            seals=lambda: Seals(self.secrets),
            means=self._means,
            effects=lambda: self.effects,
            forget=self.forgotten.append,
        )

    def _means(self, run: Run) -> Means:
        return Means(
            reader=self.reader,
            agent=self.agent,
            redactor=Redactor(),
            me=BOT,
            model=self.model,
            can_wait=run.can_wait,
        )

    def begin(self, trigger: str = "pushed", head: str = HEAD, **fields: Any) -> Run:
        request = JobRequest(
            agent="review",
            project="acme/shop",
            project_id=1,
            iid=7,
            trigger=trigger,
            key=f"review:1:7:{head}",
            head=head,
            **fields,
        )
        return self.now(self.store.runs.start(request, "test"))

    def now(self, name: str) -> Run:
        run = self.store.runs.get(name)
        assert run is not None
        return run

    def queued(self, queue: str) -> list[str]:
        """The kinds of the jobs that wait in a queue."""
        jobs = self.store.redis.lrange(f"rq:queue:{queue}", 0, -1)
        data = [self.store.redis.hget(f"rq:job:{keys.text(job)}", "data") for job in jobs]
        return [json.loads(zlib.decompress(one))[0] for one in data if isinstance(one, bytes)]

    def waiting(self) -> dict[str, float]:
        """What waits for its time: job and run, and in how many seconds."""
        found: Any = self.store.redis.zrange(keys.WAITING, 0, -1, withscores=True)
        return {keys.text(member).partition(":")[0]: score - time.time() for member, score in found}

    def raises(self, error: BaseException) -> None:
        def trouble() -> None:
            raise error

        self.reader.trouble = trouble
