"""What a review of a push reads before its agent runs, and when it does not run at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import time
from typing import Any

import pytest

from bot.agents.spec import AgentResult
from bot.domain.actions import Proposal, React
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.events import Person
from bot.domain.findings import Finding, Severity
from bot.domain.kept import kept_finding, kept_reviewed
from bot.domain.markdown import failure_note, finding_comment, recovery_note
from bot.domain.marks import Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.reviewed import Reviewed, unit
from bot.domain.secrets import Redactor
from bot.errors import NotAllowed, Postponed, Stopped
from bot.proposing.means import Means
from bot.proposing.review import propose_review
from bot.routing import JobRequest
from tests.doubles import added_file, change_of
from tests.test_run import BOOK, BOT, CHANGE, COMMITS, HEAD, Agent, Reader, note, request

EARLIER = "e" * 40
KEY = "4f" * 16
READ = Reviewed(head=EARLIER, units=tuple(unit(file) for file in CHANGE.files))
READ_ELSE = Reviewed(head=EARLIER, units=(unit(added_file("app/shop.py", "x = 2\n")),))
FINDING = Finding(
    rule="zero-division",
    severity=Severity.MAJOR,
    path="app/shop.py",
    line=1,
    anchor="x = 1",
    title="Divides by zero",
    fingerprint=KEY,
)
BY_ITSELF = ("pushed", "reopened", "became_ready", "retargeted", "pipeline", "resumed")


@dataclass
class Run(Reader):
    """A run on the merge request of `Reader`; `asked` also tells when somebody was said to be at it."""

    said: Sequence[Note] = ()
    stored: Reviewed | None = None
    change: ChangeSet = CHANGE
    agent: Agent = field(default_factory=Agent)
    level: int = 30

    def __post_init__(self) -> None:
        self.notes_there = self.said

    def change_set(self, request: MergeRequest) -> ChangeSet:
        super().change_set(request)
        return self.change

    def access_level(self, target: Target, user_id: int) -> int:
        self.asked.append("access_level")
        return self.level

    def propose(self, asked: JobRequest | None = None, **means: Any) -> Proposal:
        given = Means(
            reader=self,
            agent=self.agent.spec,
            redactor=Redactor(),
            me=BOT,
            marks=lambda scope: BOOK,
            begun=lambda: self.asked.append("begun"),
            last_review=lambda _request: self.stored,
        )
        return propose_review(asked or request("pushed"), "run", replace(given, **means))


def summary(reviewed: Reviewed, book: MarkBook = BOOK, author: int = BOT.id) -> Note:
    mark = book.write(Mark("review", "summary", "summary", EARLIER))
    return note(10, author, f"Nothing to report.\n\n{kept_reviewed(reviewed, book)}\n{mark}")


def thread(number: int = 20, finding: Finding = FINDING, **fields: Any) -> Note:
    """Our note on a finding, not resolved."""
    key = finding.fingerprint
    mark = BOOK.write(Mark("review", "finding", key, EARLIER))
    body = f"{finding_comment(finding)}\n\n{kept_finding(finding, '', BOOK)}\n{mark}"
    place = {"path": finding.path, "new_line": finding.line, "resolved": False, "threaded": True}
    return note(number, BOT.id, body, **place | fields)


def told(text: str, number: int = 30) -> Note:
    return note(number, BOT.id, f"{text}\n\n{BOOK.write(Mark('review', 'failure', 'failure', EARLIER))}")


# --- a push that changes nothing ---


@pytest.mark.parametrize("trigger", BY_ITSELF)
def test_a_change_that_was_read_before_starts_no_agent_and_writes_nothing(trigger: str) -> None:
    run = Run(said=[summary(READ)])
    made = run.propose(request(trigger))
    assert made.actions == ()
    assert run.agent.handed == []
    assert "begun" not in run.asked
    assert (
        made.report.message == "the change of acme/shop!7 is, file by file, the one that was reviewed before"
    )
    assert made.report.coverage == ()


def test_what_it_leaves_for_the_next_review_is_what_was_left_for_it_at_the_new_head() -> None:
    made = Run(said=[summary(READ)]).propose()
    assert made.reviewed == READ.model_copy(update={"head": HEAD})
    assert (made.head, made.report.head) == (HEAD, HEAD)


def test_a_silent_review_is_remembered_by_the_record_where_no_note_could_carry_it() -> None:
    run = Run(stored=READ)
    assert run.propose().actions == ()
    assert run.agent.handed == []


def test_a_note_knows_better_than_the_record_what_was_read_last() -> None:
    assert Run(said=[summary(READ)], stored=READ_ELSE).propose().actions == ()
    changed = Run(said=[summary(READ_ELSE)], stored=READ)
    changed.propose()
    assert changed.agent.handed[0].reviewed == READ_ELSE


def test_line_numbers_and_what_is_around_do_not_make_another_change() -> None:
    moved = change_of(replace(CHANGE.files[0], hunks=(replace(CHANGE.files[0].hunks[0], new_start=90),)))
    assert Run(said=[summary(READ)], change=moved).propose().actions == ()


def test_the_findings_that_are_open_are_reported_all_the_same_the_gravest_first() -> None:
    worse = FINDING.model_copy(
        update={"severity": Severity.BLOCKER, "fingerprint": "5a" * 16, "title": "A secret is told"}
    )
    listed = FINDING.model_copy(update={"line": None, "fingerprint": "6b" * 16, "title": "Listed"})
    closed = FINDING.model_copy(update={"fingerprint": "7c" * 16, "title": "Closed"})
    memory = READ.model_copy(update={"listed": (listed,)})
    resolved = thread(23, closed, resolved=True, resolver_id=5, resolver="ada")
    made = Run(said=[summary(memory), thread(), thread(22, worse), resolved]).propose()
    titles = [finding.title for finding in made.report.findings]
    assert (titles[0], sorted(titles[1:])) == ("A secret is told", ["Divides by zero", "Listed"])


@pytest.mark.parametrize("trigger", ["command", "asked", "shell"])
def test_what_a_person_asks_for_is_done_though_nothing_changed(trigger: str) -> None:
    run = Run(said=[summary(READ)])
    run.propose(request(trigger))
    assert len(run.agent.handed) == 1


def test_a_review_of_everything_reads_what_was_read_before() -> None:
    run = Run(said=[summary(READ)])
    run.propose(request("command", full=True, note=77))
    assert run.agent.handed[0].is_full


def test_after_a_failure_an_unchanged_change_is_reviewed_until_that_is_made_good() -> None:
    failed = Run(said=[summary(READ), told(failure_note("the model failed"))])
    failed.propose()
    assert len(failed.agent.handed) == 1
    mended = Run(said=[summary(READ), told(recovery_note(EARLIER))])
    mended.propose()
    assert mended.agent.handed == []


FORGED = MarkBook(["another-secret-" * 2], "gitlab:1:7")
ELSEWHERE = MarkBook(["a-secret-" * 3], "gitlab:1:8")


@pytest.mark.parametrize(
    "forged",
    [
        summary(READ, author=5),
        summary(READ, FORGED),
        summary(READ, ELSEWHERE),
        summary(READ, MarkBook([], "gitlab:1:7")),
    ],
    ids=["of a person", "of another secret", "of another merge request", "not signed"],
)
def test_what_somebody_else_says_was_read_is_read_again(forged: Note) -> None:
    run = Run(said=[forged])
    run.propose()
    assert run.agent.handed[0].reviewed is None


def test_a_bot_that_does_not_know_who_it_is_reads_everything() -> None:
    run = Run(said=[summary(READ)])
    run.propose(me=None)
    [context] = run.agent.handed
    assert (context.reviewed, [*context.known]) == (None, [])


# --- a push that changes something ---


def test_the_agent_is_handed_what_was_read_and_found_before() -> None:
    run = Run(said=[summary(READ_ELSE), thread()])
    run.propose()
    [context] = run.agent.handed
    assert context.reviewed == READ_ELSE
    assert [(known.key, known.state, known.finding.title) for known in context.known] == [
        (KEY, "open", "Divides by zero")
    ]
    assert not context.is_full
    assert context.snapshot_at is not None
    assert context.snapshot_at("c" * 40).read("app/shop.py") == b"x = 0\n"


def test_a_first_review_is_acknowledged_before_the_diff_is_read_and_a_later_one_after() -> None:
    first, later = Run(), Run(stored=READ_ELSE)
    first.propose(request("opened"))
    later.propose()
    assert [one for one in first.asked if one in ("begun", "change_set")] == ["begun", "change_set"]
    assert [one for one in later.asked if one in ("begun", "change_set")] == ["change_set", "begun"]


def test_a_first_review_asks_for_nothing_that_only_later_ones_need() -> None:
    run = Run()
    run.propose(request("opened"))
    assert run.asked == ["merge_request", "target_branch", "notes", "begun", "change_set", "snapshot"]


def test_emoji_are_asked_for_once_for_each_finding_that_is_open() -> None:
    other = FINDING.model_copy(update={"fingerprint": "5a" * 16, "title": "Another"})
    closed = thread(22, other, resolved=True, resolver_id=5, resolver="ada")
    run = Run(said=[summary(READ_ELSE), thread(), closed])
    run.propose()
    assert [one for one in run.asked if one.startswith("awards")] == ["awards 20"]


def test_commits_are_read_without_a_model_where_one_may_have_to_be_named() -> None:
    known, unknown = Run(said=[summary(READ_ELSE), thread()]), Run(said=[summary(READ_ELSE)])
    known.propose()
    unknown.propose()
    assert known.agent.handed[0].background.commits == tuple(COMMITS)
    assert unknown.agent.handed[0].background.commits == ()
    assert "commits" not in unknown.asked


# --- what waits, and what is not allowed ---


def test_a_review_that_waits_or_is_paused_has_not_begun_and_read_no_diff() -> None:
    now = time()
    busy = Run(pushed=[now, now - 60, now - 120, now - 180], stored=READ_ELSE)
    with pytest.raises(Postponed):
        busy.propose()
    paused = Run(said=[replace(note(1, 5, "/trivet pause"), author="ada")])
    with pytest.raises(Stopped, match="ada paused the reviews"):
        paused.propose()
    assert not {"begun", "change_set"} & {*busy.asked, *paused.asked}


def test_who_may_not_command_is_told_apart_and_nothing_else_is_read() -> None:
    run = Run(level=20)
    with pytest.raises(NotAllowed):
        run.propose(request("command", person=6, note=77))
    assert run.asked == ["merge_request", "access_level"]


# --- the note that asks ---


@pytest.mark.parametrize(("failures", "emoji"), [((), "white_check_mark"), (("it broke",), "warning")])
def test_the_note_that_commands_a_review_shows_how_it_ended(failures: tuple[str, ...], emoji: str) -> None:
    run = Run(agent=Agent(AgentResult(actions=(), failures=failures)))
    made = run.propose(request("command", person=5, note=77))
    assert made.actions == (React(key="outcome", emoji=emoji, note=77),)
    assert made.note == 77
    assert all(decision.allowed for decision in made.report.decisions)


def test_no_note_is_marked_where_none_asked() -> None:
    run = Run(agent=Agent(AgentResult(actions=())))
    assert run.propose(request("pushed")).actions == ()


def test_the_bots_own_drafts_are_known_by_their_author() -> None:
    class Ours(Run):
        def merge_request(self, target: Target) -> MergeRequest:
            return replace(super().merge_request(target), author="project_1_bot_9f", author_id=BOT.id)

    run = Ours()
    run.propose()
    assert len(run.agent.handed) == 1
    with pytest.raises(Stopped, match="a bot"):
        Ours().propose(me=Person(id=98, username="other"))
