"""When reviews of pushes wait: for a member's `resume`, and for the end of many pushes."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.spec import AgentResult, AgentSpec
from bot.domain.change import Target
from bot.domain.events import Person
from bot.domain.notes import Note
from bot.domain.repo_config import Pause
from bot.domain.secrets import Redactor
from bot.proposing.means import Means
from bot.proposing.pausing import paused_by, quiet_until
from tests.doubles import REQUEST

ME = Person(id=99, username="trivet")
NAMES = {99: "trivet", 1: "ada", 2: "ben", 3: "guest", 4: "project_7_bot_9f3c", 0: ""}
LEVELS = {1: 30, 2: 40, 3: 20, 4: 40}
NOW = 1_000_000.0
PAUSE = Pause(pushes=3, minutes=15, resume_after=5)


@dataclass
class Members:
    """Of the reader the roles alone; who was asked for is noted."""

    asked: list[int] = field(default_factory=list)

    def access_level(self, target: Target, user_id: int) -> int:
        self.asked.append(user_id)
        return LEVELS.get(user_id, 0)


def means(members: Members) -> Means:
    agent: AgentSpec[Any] = AgentSpec("review", frozenset(), lambda _: AgentResult(actions=()))
    return Means(reader=members, agent=agent, redactor=Redactor(), me=ME)  # type: ignore[arg-type]


def note(number: int, person: int, body: str, *, system: bool = False) -> Note:
    return Note(number, person, body, f"d{number}", system=system, author=NAMES[person])


def paused(*said: tuple[int, str], members: Members | None = None) -> str:
    notes = [note(number, person, body) for number, (person, body) in enumerate(said, 1)]
    return paused_by(notes, means(members or Members()), REQUEST)


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ((), ""),
        (((1, "/trivet pause"),), "ada"),
        (((1, "@trivet pause"), (2, "looks good")), "ada"),
        (((1, "/trivet pause"), (2, "/trivet resume")), ""),
        (((1, "/trivet resume"), (2, "/trivet pause")), "ben"),
        (((1, "/trivet pause"), (3, "/trivet resume")), "ada"),
        (((3, "/trivet pause"),), ""),
        (((1, "/trivet pause"), (99, "/trivet resume")), "ada"),
        (((4, "/trivet pause"),), ""),
        (((0, "/trivet pause"),), ""),
        (((1, "`/trivet pause`"), (1, "> /trivet pause"), (1, "    /trivet pause")), ""),
        (((1, "/trivet pause\n/trivet resume"),), "ada"),
        (((1, "/trivet pause"), (2, "/trivet review")), "ada"),
    ],
)
def test_the_latest_of_members_pauses_and_resumes_counts(said: tuple[tuple[int, str], ...], by: str) -> None:
    assert paused(*said) == by


def test_the_order_in_which_notes_are_read_does_not_matter() -> None:
    notes = [note(9, 2, "/trivet resume"), note(3, 1, "/trivet pause")]
    assert paused_by(notes, means(Members()), REQUEST) == ""
    assert paused_by(notes[::-1], means(Members()), REQUEST) == ""


def test_what_gitlab_wrote_commands_nothing() -> None:
    assert paused_by([note(1, 1, "/trivet pause", system=True)], means(Members()), REQUEST) == ""


def test_each_persons_role_is_asked_for_once_and_nobodys_without_a_command() -> None:
    members = Members()
    paused(*[(3, "/trivet pause")] * 9, (2, "I see"), members=members)
    assert members.asked == [3]


def test_a_member_without_a_name_pauses_as_well() -> None:
    assert paused_by([Note(1, 1, "/trivet pause", "d1")], means(Members()), REQUEST) == "a member"


def minutes_ago(*minutes: float) -> list[float]:
    """Times, the newest first as they are read; the last of them is the opening."""
    return [NOW - ago * 60 for ago in minutes]


@pytest.mark.parametrize(
    ("pushes", "until"),
    [
        ((), 0.0),
        ((0,), 0.0),
        ((0, 1, 2), 0.0),
        ((1, 2, 3, 60), NOW + 4 * 60),
        ((1, 2, 3, 4, 5), NOW + 4 * 60),
        ((1, 2, 16, 60), NOW + 4 * 60),
        ((1, 2, 17, 60), 0.0),
        ((5, 6, 7, 60), 0.0),
        ((4.9, 6, 7, 60), NOW + 0.1 * 60),
    ],
)
def test_a_busy_merge_request_waits_until_it_was_quiet_for_a_while(
    pushes: tuple[float, ...], until: float
) -> None:
    assert quiet_until(minutes_ago(*pushes), PAUSE, NOW) == pytest.approx(until)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 2_000_000), max_size=8), st.integers(1, 5))
def test_nothing_waits_longer_than_after_its_newest_push_nor_for_fewer_pushes_than_said(
    pushes: list[float], many: int
) -> None:
    until = quiet_until(pushes, Pause(pushes=many, minutes=15, resume_after=5), NOW)
    assert until in (0.0, max(pushes, default=0.0) + 300)
    assert until == 0.0 or (until > NOW and len(pushes) > many)
