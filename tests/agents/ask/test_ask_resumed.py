"""A talk that is stopped in the middle goes on where it was: no finished turn is paid for again."""

from dataclasses import replace
from typing import Any

import pytest

from bot.agents.spec import AgentResult
from bot.domain.secrets import Redactor
from bot.errors import Unavailable
from bot.llm.messages import Called, Prompt, ToolCall, Turn
from bot.testing import ScriptedModel
from tests.agents.ask.asked import ADA, GUARD, MERGE_REQUEST, OURS, ask, note, replies, the_reply
from tests.agents.review.test_review_resumed import Killed, Shelf
from tests.agents.triage.test_triage_resumed import DyingSaver, shelf

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
SAID = "checkout never passes an empty cart"
READING = ("items", "checkout")  # what each turn but the last looks for
TURNS = len(READING) + 1


class Mortal(ScriptedModel):
    """Reads two turns and answers. Dies before its turn number `at`."""

    def __init__(self, at: int = -1) -> None:
        super().__init__(read_and_say)
        self.at = at

    async def turn(self, prompt: Prompt) -> Turn:
        if self.calls == self.at:
            raise Killed
        return await super().turn(prompt)


def read_and_say(prompt: Prompt) -> Any:
    turns = sum(isinstance(one, Called) for one in prompt.messages)
    if turns < len(READING):
        return [ToolCall(f"c{turns}", "search", {"text": READING[turns], "folder": "", "why": SECRET})]
    return replies("mistaken", f"The caller refuses it; {SECRET}.", proof=GUARD)


def run(model: ScriptedModel, kept: Shelf | None, **other: Any) -> AgentResult:
    """What it took, but not what of it a new start finds cached."""
    result = ask(model, "reply", SAID, **{"steps": kept} | other)
    return replace(result, usage=replace(result.usage, cached=0))


def test_keeping_the_turns_changes_nothing() -> None:
    assert run(Mortal(), shelf()) == run(Mortal(), None)


@pytest.mark.parametrize("at", range(TURNS))
def test_wherever_its_model_is_killed_no_finished_turn_is_paid_again(at: int) -> None:
    kept, second = shelf(), Mortal()
    with pytest.raises(Killed):
        run(Mortal(at), kept)
    assert run(second, kept) == run(Mortal(), None)
    assert second.calls == TURNS - at


def test_wherever_keeping_dies_the_answer_is_the_same() -> None:
    whole = DyingSaver()
    expected = run(Mortal(), Shelf(saver=whole))
    assert whole.kept > TURNS
    for at in range(1, whole.kept + 1):
        kept = shelf(at)
        with pytest.raises(Killed):
            run(Mortal(), kept)
        assert run(Mortal(), kept) == expected


def test_a_run_that_is_over_asks_nothing_again() -> None:
    kept, again = shelf(), ScriptedModel([])
    first = run(Mortal(), kept)
    assert run(again, kept).actions == first.actions
    assert again.calls == 0


@pytest.mark.parametrize(
    "other",
    [
        {"request": replace(MERGE_REQUEST, head="f" * 40)},
        {"said": (OURS, note(77, ADA, "something else"))},
        {"note": 78},
    ],
    ids=["another head", "an edited note", "another note"],
)
def test_what_was_said_to_another_question_counts_for_nothing(other: dict[str, Any]) -> None:
    kept, second = shelf(), Mortal()
    run(Mortal(), kept)
    run(second, kept, **other)
    assert second.calls == TURNS


def test_a_model_that_is_out_is_asked_again_by_the_next_start() -> None:
    kept, second = shelf(), Mortal()
    with pytest.raises(Unavailable):
        run(ScriptedModel([Unavailable("busy")]), kept, can_wait=True)
    assert the_reply(run(second, kept)).resolves is True


def test_no_secret_is_kept() -> None:
    kept = shelf()
    run(Mortal(), kept, redactor=Redactor([SECRET], key=b"key"))
    stored = repr((kept.saver.storage, kept.saver.writes, kept.saver.blobs))
    assert "checkout" in stored
    assert SECRET not in stored
