"""A ledger judged before a run was stopped is not judged again: the answer is kept, and so is what it came to."""

from collections import Counter
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.review import SPEC
from bot.agents.review.schema import LedgerAnswer
from bot.agents.spec import AgentContext
from bot.domain.background import Background
from bot.domain.ledger import Ledger
from bot.entry.checkpoints import StrictSerializer
from bot.errors import Unavailable
from bot.llm.messages import Called, Prompt, ToolCall, Turn
from bot.testing import ScriptedModel, confirms_everything, finding, judges
from tests.agents.review.test_ledger import issue
from tests.agents.review.test_review_graph import LEAK
from tests.agents.review.test_review_resumed import FILES, WINDOW, Killed, Shelf, context, name_of

LINE = "value_1 = len('abcd')"
CALLS = 4 + 2 + 1  # the files, two turns for the criteria, the second look
QUOTED = ("f1.py", 7, LINE)
TWO = issue("Values are measured", f"The key {LEAK} is gone")


def script(prompt: Prompt) -> Any:
    """For the criteria one turn of reading, then the answer."""
    if prompt.answer is not LedgerAnswer:
        return confirms_everything(finding("f1.py", 7, LINE))(prompt)
    if not any(isinstance(one, Called) for one in prompt.messages):
        return [ToolCall("c1", "search", {"text": "len", "folder": ""})]
    return judges({"number": 1, "state": "met", "evidence": [QUOTED]}, outside=[("a new file", "f2.py")])


class Mortal(ScriptedModel):
    """Dies at its call number `dies_at`, before it has answered."""

    def __init__(self, dies_at: int) -> None:
        super().__init__(script, window=WINDOW)
        self.dies_at = dies_at
        self.answered: list[str] = []

    async def turn(self, prompt: Prompt) -> Turn:
        if self.calls == self.dies_at:
            raise Killed
        turn = await super().turn(prompt)
        self.answered.append(name_of(prompt))
        return turn


def given(model: ScriptedModel, shelf: Shelf | None, **other: Any) -> AgentContext:
    return context(model, shelf, background=Background(issues=(TWO,)), **other)


def strict_shelf() -> Shelf:
    return Shelf(saver=InMemorySaver(serde=StrictSerializer()))


@pytest.mark.parametrize("dies_at", range(CALLS))
def test_wherever_it_is_killed_the_ledger_is_the_same_and_paid_for_once(dies_at: int) -> None:
    undisturbed = SPEC.run(given(Mortal(-1), None))
    shelf, first, second = strict_shelf(), Mortal(dies_at), Mortal(-1)
    with pytest.raises(Killed):
        SPEC.run(given(first, shelf))
    result = SPEC.run(given(second, shelf))
    assert isinstance(result.ledger, Ledger)
    assert result.ledger == undisturbed.ledger
    again = Counter(first.answered) & Counter(second.answered)
    assert again.total() <= 3, "what ran beside the one that died may be asked again, nothing else"
    assert result.usage.calls == CALLS


def test_a_run_that_was_through_gives_its_ledger_again_for_nothing() -> None:
    shelf, second = strict_shelf(), Mortal(-1)
    first = SPEC.run(given(Mortal(-1), shelf))
    result = SPEC.run(given(second, shelf))
    assert result.ledger == first.ledger
    assert isinstance(result.ledger, Ledger)
    assert result.actions == first.actions
    assert second.calls == 0


def test_where_the_model_was_out_for_the_criteria_alone_only_they_are_asked_again() -> None:
    out = True

    def sometimes(prompt: Prompt) -> Any:
        return Unavailable("overloaded") if out and prompt.answer is LedgerAnswer else script(prompt)

    shelf, model = strict_shelf(), ScriptedModel(sometimes, window=WINDOW)
    with pytest.raises(Unavailable):
        SPEC.run(given(model, shelf, can_wait=True))
    assert model.calls == len(FILES) + 1
    out = False
    result = SPEC.run(given(model, shelf, can_wait=True))
    assert model.calls == len(FILES) + 1 + 2 + 1
    assert result.ledger is not None
    assert [row.state for row in result.ledger.rows] == ["met", "unclear"]


def test_no_secret_is_kept_with_the_ledger() -> None:
    shelf = Shelf()
    SPEC.run(given(Mortal(-1), shelf))
    assert "Values are measured" in shelf.kept()
    assert LEAK not in shelf.kept()


def test_an_answer_stays_with_its_criterion_when_the_issue_is_edited_meanwhile() -> None:
    shelf = strict_shelf()
    with pytest.raises(Killed):
        SPEC.run(given(Mortal(CALLS - 1), shelf))
    edited = Background(issues=(issue("Something new", "Values are measured"),))
    result = SPEC.run(context(Mortal(-1), shelf, background=edited))
    assert result.ledger is not None
    assert [(row.text, row.state) for row in result.ledger.rows] == [
        ("Something new", "unclear"),
        ("Values are measured", "met"),
    ]
