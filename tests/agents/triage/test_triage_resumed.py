"""A run on an issue that is stopped in the middle goes on where it was: no finished turn is paid for again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.spec import AgentResult, Asked
from bot.agents.triage.schema import AnswerBlock, Place, QuestionAnswer
from bot.domain.issues import IssueComment
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import StrictSerializer
from bot.errors import Unavailable, Unusable
from bot.llm.messages import Called, Prompt, Told, ToolCall, Turn
from bot.testing import ScriptedModel
from tests.agents.review.test_review_resumed import Killed, Shelf
from tests.agents.triage.test_triage_rules import (
    ADA,
    CODE,
    ISSUE,
    SAID,
    SNAPSHOT,
    TEXTS,
    rule,
    run,
    shown,
    the_comment,
)
from tests.doubles import DictSnapshot

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
READING = ("RATE", "net", "price")  # what each turn but the last looks for
TURNS = len(READING) + 1
QUESTION = Asked(comment="77", person="Ada", name="", text="Where is the rate?")
ASKING = IssueComment("77", ADA, "@trivet Where is the rate?", mentions_us=True)
ANSWER = QuestionAnswer(
    known=True,
    blocks=[
        AnswerBlock(kind="bullets", text="It is here:", items=["a constant", "used once"]),
        AnswerBlock(kind="code", text="RATE = 0.19\n\ttabbed", items=[]),
    ],
    places=[Place(path="app/prices.py", line=1, quote="RATE = 0.19", why="the rate")],
)


class DyingSaver(InMemorySaver):
    """Dies right after it has kept something for the `at`-th time. `kept`: how often it was asked to."""

    def __init__(self, at: int = -1) -> None:
        super().__init__(serde=StrictSerializer())
        self.at = at
        self.kept = 0

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        there = await super().aput(config, checkpoint, metadata, new_versions)
        self._counted()
        return there

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await super().aput_writes(config, writes, task_id, task_path)
        self._counted()

    def _counted(self) -> None:
        self.kept += 1
        if self.kept == self.at:
            raise Killed


class Mortal(ScriptedModel):
    """Reads a few turns and answers. Dies at its turn number `at`, before or (`pays`) after it was paid for."""

    def __init__(self, at: int = -1, *, pays: bool = False) -> None:
        super().__init__(read_and_say)
        self.at = at
        self.pays = pays
        self.paid = 0

    async def turn(self, prompt: Prompt) -> Turn:
        if self.calls == self.at and not self.pays:
            raise Killed
        turn = await super().turn(prompt)
        self.paid += 1
        if self.paid == self.at + 1 and self.pays:
            raise Killed
        return turn


def read_and_say(prompt: Prompt) -> Any:
    turns = sum(isinstance(one, Called) for one in prompt.messages)
    if turns < len(READING):
        return [ToolCall(f"c{turns}", "search", {"text": READING[turns], "folder": ""})]
    return SAID if prompt.answer.__name__ == "TriageAnswer" else ANSWER


def shelf(at: int = -1) -> Shelf:
    return Shelf(saver=DyingSaver(at))


def prepared(model: ScriptedModel, kept: Shelf | None, **other: Any) -> AgentResult:
    return run(model, rule(*TEXTS), steps=kept, **other)


def answered(model: ScriptedModel, kept: Shelf | None, **other: Any) -> AgentResult:
    return run(model, **{"steps": kept, "asked": QUESTION, "comments": [ASKING]} | other)


@pytest.mark.parametrize("start", [prepared, answered])
def test_keeping_the_turns_changes_nothing(start: Any) -> None:
    assert start(Mortal(), shelf()) == start(Mortal(), None)


@pytest.mark.parametrize("pays", [False, True])
@pytest.mark.parametrize("at", range(TURNS))
@pytest.mark.parametrize("start", [prepared, answered])
def test_wherever_its_model_is_killed_no_finished_turn_is_paid_again(start: Any, at: int, pays: bool) -> None:
    kept, first, second = shelf(), Mortal(at, pays=pays), Mortal()
    with pytest.raises(Killed):
        start(first, kept)
    result = start(second, kept)
    assert first.paid + second.paid == TURNS + pays, "only the one that was on its way is paid twice"
    assert result.actions == start(Mortal(), None).actions
    assert result.usage.calls == TURNS


def test_whatever_was_kept_last_nothing_is_paid_again() -> None:
    whole = DyingSaver()
    expected = prepared(Mortal(), Shelf(saver=whole))
    assert whole.kept >= 2 * TURNS
    for at in range(1, whole.kept + 1):
        kept, first, second = shelf(at), Mortal(), Mortal()
        with pytest.raises(Killed):
            prepared(first, kept)
        assert prepared(second, kept).actions == expected.actions, at
        assert first.paid + second.paid == TURNS, at


def test_a_run_whose_turns_were_through_asks_nobody() -> None:
    kept, second = shelf(), ScriptedModel([])
    first = prepared(Mortal(), kept)
    assert prepared(second, kept) == first
    assert second.calls == 0


def test_what_it_was_told_is_read_again_and_not_kept() -> None:
    kept, second = shelf(), Mortal()
    with pytest.raises(Killed):
        answered(Mortal(2), kept)
    assert "return price" not in kept.kept()
    answered(second, kept)
    told = [one.text for one in second.prompts[0].messages if isinstance(one, Told)]
    assert ["RATE" in told[0], "def net" in told[1], len(told)] == [True, True, 2]


def test_a_repository_that_is_out_does_not_cost_the_turn_that_wanted_it() -> None:
    class Out(DictSnapshot):
        def search(self, text: str, paths: str = "", limit: int = 50) -> Any:
            raise Unavailable("git is out for the moment")

    kept, first, second = shelf(), Mortal(), Mortal()
    with pytest.raises(Unavailable):
        prepared(first, kept, code=replace(CODE, snapshot=Out(SNAPSHOT.files)))
    prepared(second, kept)
    assert (first.paid, second.paid) == (1, TURNS - 1)


@pytest.mark.parametrize(
    "other",
    [
        {"issue": replace(ISSUE, description="Something else is wanted.")},
        {"issue": replace(ISSUE, title="Prices show no discount")},
        {"code": replace(CODE, snapshot=DictSnapshot(SNAPSHOT.files, commit="c" * 40))},
        {"code": None},
        {"asked": replace(QUESTION, text="Where is the price?")},
        {"asked": replace(QUESTION, comment="78")},
    ],
)
def test_turns_about_another_text_commit_or_question_are_of_no_use(other: dict[str, Any]) -> None:
    kept, second = shelf(), ScriptedModel([ANSWER])
    with pytest.raises(Killed):
        answered(Mortal(2), kept)
    result = answered(second, kept, **other)
    assert not any(isinstance(one, Called) for one in second.prompts[0].messages)
    assert result.usage.calls == second.calls == 1


def test_turns_about_other_parts_are_of_no_use() -> None:
    kept, second = shelf(), ScriptedModel([SAID])
    with pytest.raises(Killed):
        run(Mortal(2), rule("summarize", "missing"), steps=kept)
    result = run(second, rule("summarize"), steps=kept)
    assert (second.calls, result.usage.calls) == (1, 1)


def test_what_is_proposed_goes_by_what_this_start_has_read() -> None:
    kept, second = shelf(), ScriptedModel([])
    first = run(Mortal(), rule("labels", fields=("labels",)), steps=kept)
    assert [one.kind for one in first.actions] == ["edit_issue", "comment_issue"]
    by_now = replace(ISSUE, labels=("prices", "tax"))
    result = run(second, rule("labels", fields=("labels",)), steps=kept, issue=by_now)
    assert ([one.kind for one in result.actions], second.calls) == ([], 0)


def test_a_failure_that_was_paid_for_is_told_by_the_next_start() -> None:
    kept, second = shelf(), ScriptedModel([])
    fault = Unusable(f"the server says {SECRET}")
    first = answered(ScriptedModel([fault]), kept, redactor=Redactor([SECRET]))
    assert first.failures
    assert answered(second, kept) == first
    assert second.calls == 0
    assert SECRET not in kept.kept()


def test_a_model_that_was_out_is_asked_by_the_next_start() -> None:
    kept, model = shelf(), ScriptedModel([Unavailable("later"), ANSWER])
    with pytest.raises(Unavailable):
        answered(model, kept, can_wait=True)
    assert "a constant" in shown(the_comment(answered(model, kept, can_wait=True)).body)
    assert model.calls == 2


def test_no_secret_is_kept() -> None:
    kept = shelf()
    call = ToolCall("c1", "search", {"text": SECRET, SECRET: [SECRET]})
    said = replace_text(ANSWER, f"It is {SECRET}")
    answered(ScriptedModel([[call], said]), kept, redactor=Redactor([SECRET]))
    assert "REDACTED" in kept.kept()
    assert SECRET not in kept.kept()


def test_nothing_is_kept_where_nothing_is_asked() -> None:
    kept = shelf()
    run(ScriptedModel([]), rule("branch"), steps=kept)
    assert not kept.saver.storage


def replace_text(answer: QuestionAnswer, text: str) -> QuestionAnswer:
    return answer.model_copy(update={"blocks": [AnswerBlock(kind="paragraph", text=text, items=[text])]})
