"""Who commands and may not is told so once, whichever agent the command is for."""

from typing import Any

import pytest

from bot.agents.spec import AgentResult, AgentSpec
from bot.errors import NotAllowed, Stopped
from bot.proposing.refusal import or_refusal
from tests.proposing.conversing import (
    ADA,
    FORGED,
    GUEST,
    LEVELS,
    ROBOT,
    STRANGER,
    Reader,
    Talk,
    asked_for,
    note,
    own_reply,
    reported,
    talk,
)


def never(_: Any) -> AgentResult:
    raise AssertionError("no agent works for who may not command")


def agent(name: str) -> AgentSpec[Any]:
    return AgentSpec(name, frozenset(), never)


def refused(*notes: Any, name: str = "ask", person: int = GUEST, **other: Any) -> Talk:
    """The guest commands in note 50."""
    words = {"ask": "/trivet pause", "review": "/trivet review"}[name]
    reader = Reader([note(50, person, words, "t9"), *notes])
    request = asked_for(50, thread="t9", agent=name, person=person, **other)
    return talk(reader, request, agent=agent(name))


@pytest.mark.parametrize("name", ["ask", "review"])
def test_a_guests_command_gets_one_sentence_in_its_thread_and_a_reaction(name: str) -> None:
    done = refused(name=name)
    (reply,) = done.replies
    assert (reply.key, reply.thread, reply.resolves) == (f"refused:{GUEST}", "t9", None)
    assert reply.body == "Only members with Developer access or more may command Trivet here."
    assert done.reaction == "no_entry"
    assert (done.proposal.agent, done.proposal.report.agent, done.proposal.note) == ("ask", "ask", 50)
    assert done.proposal.report.model == ""
    assert (done.begun, done.started) == (0, [])


@pytest.mark.parametrize("internal", [False, True])
def test_an_internal_command_is_refused_internally(internal: bool) -> None:
    reader = Reader([note(50, GUEST, "/trivet pause", "t9", threaded=False, internal=internal)])
    (reply,) = talk(reader, asked_for(50, thread="t9"), agent=agent("ask")).replies
    assert reply.internal is internal


@pytest.mark.parametrize("name", ["ask", "review"])
def test_who_was_told_before_gets_the_reaction_alone(name: str) -> None:
    done = refused(own_reply(40, f"refused:{GUEST}", "t8"), name=name)
    assert (done.replies, done.reaction) == ([], "no_entry")


@pytest.mark.parametrize(
    "earlier",
    [
        own_reply(40, f"refused:{ADA}", "t8"),
        own_reply(40, f"refused:{GUEST}", "t8", book=FORGED),
        own_reply(40, f"refused:{GUEST}", "t8", person=GUEST),
    ],
    ids=["somebody else", "forged", "copied"],
)
def test_what_was_told_to_others_or_forged_does_not_count(earlier: Any) -> None:
    assert len(refused(earlier).replies) == 1


@pytest.mark.parametrize("level", [0, 20])
def test_a_bot_that_may_not_command_is_told_nothing(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEVELS, STRANGER, level)
    monkeypatch.setitem(LEVELS, ROBOT, level)
    for person in (STRANGER, ROBOT):
        with pytest.raises(Stopped, match="other bots"):
            refused(name="review", person=person)


def test_a_command_that_is_gone_is_refused_nothing() -> None:
    reader = Reader([reported(10, "t1")])
    request = asked_for(50, agent="review", person=GUEST)
    with pytest.raises(Stopped, match="gone"):
        talk(reader, request, agent=agent("review"))


@pytest.mark.parametrize(("trigger", "number"), [("thumbsup", 50), ("command", 0)])
def test_what_nobody_commands_in_a_note_ends_quietly(trigger: str, number: int) -> None:
    def refuses(*_: Any) -> Any:
        raise NotAllowed("no")

    with pytest.raises(NotAllowed):
        or_refusal(refuses, asked_for(number, trigger), "run", None)  # type: ignore[arg-type]
