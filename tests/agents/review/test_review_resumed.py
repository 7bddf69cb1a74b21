"""A review that is stopped in the middle goes on where it was: what was paid for once is not paid for again."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.review import SPEC
from bot.agents.spec import AgentContext, AgentResult
from bot.domain.actions import PostFinding
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import StrictSerializer
from bot.errors import Unavailable
from bot.llm.messages import Asked, Called, Prompt, ToolCall, Turn
from bot.testing import ScriptedModel, answers, confirms_everything, finding
from tests.agents.review.test_review_graph import LEAK
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of

LINES = 140
WINDOW = 12_000  # tokens, so that each file is a unit of its own
FILES = {f"f{number}.py": f"value_{number} = len('abcd')\n" * LINES for number in range(4)}
TURNS = 3


class Killed(BaseException):
    """What `kill -9` looks like from inside, as far as that can be had in one process."""


@dataclass
class Shelf:
    """An agent's `Memory` that outlives the run."""

    thread: str = "run"
    saver: InMemorySaver = field(default_factory=InMemorySaver)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[BaseCheckpointSaver[str]]:
        yield self.saver

    def kept(self) -> str:
        """Everything that is kept, as text."""
        return str([self.saver.storage, self.saver.writes, self.saver.blobs])


def name_of(prompt: Prompt) -> str:
    """Which task and turn a prompt is."""
    texts = [one.text for one in prompt.messages if isinstance(one, Asked)]
    turns = sum(isinstance(one, Called) for one in prompt.messages)
    return f"{prompt.answer.__name__} {hash(texts[0])} {turns}"


def script(prompt: Prompt) -> Any:
    """Two turns of reading, then the answer."""
    turns = sum(isinstance(one, Called) for one in prompt.messages)
    if prompt.answer.__name__ == "ReviewAnswer" and turns < TURNS - 1:
        return [ToolCall(f"c{turns}", "search", {"text": "len", "folder": ""})]
    return confirms_everything(finding("f1.py", 7, "value_1 = len('abcd')"))(prompt)


class Mortal(ScriptedModel):
    """Dies at its call number `dies_at`, before (`pays` False) or after it has answered."""

    def __init__(self, dies_at: int, *, pays: bool = False) -> None:
        super().__init__(script, window=WINDOW)
        self.dies_at = dies_at
        self.pays = pays
        self.answered: list[str] = []

    async def turn(self, prompt: Prompt) -> Turn:
        if self.calls == self.dies_at and not self.pays:
            raise Killed
        turn = await super().turn(prompt)
        if self.calls == self.dies_at + 1 and self.pays:
            raise Killed
        self.answered.append(name_of(prompt))
        return turn


def context(model: ScriptedModel, memory: Shelf | None, **other: Any) -> AgentContext:
    return AgentContext(
        request=replace(REQUEST, title=f"Use {LEAK}"),
        change=change_of(*(added_file(path, text) for path, text in FILES.items())),
        snapshot=DictSnapshot(FILES),
        config=RepoConfig(),
        redactor=Redactor(),
        model=model,
        memory=memory,
        **other,
    )


def undisturbed() -> tuple[AgentResult, int]:
    model = ScriptedModel(script, window=WINDOW)
    return SPEC.run(context(model, None)), model.calls


def posts(result: AgentResult) -> list[PostFinding]:
    return [action for action in result.actions if isinstance(action, PostFinding)]


def test_keeping_the_steps_changes_nothing() -> None:
    result, calls = undisturbed()
    model = ScriptedModel(script, window=WINDOW)
    assert SPEC.run(context(model, Shelf())).actions == result.actions
    assert model.calls == calls == TURNS * 4 + 1


@pytest.mark.parametrize("pays", [False, True])
@pytest.mark.parametrize("dies_at", range(TURNS * 4 + 1))
def test_wherever_it_is_killed_no_finished_turn_is_paid_again(dies_at: int, pays: bool) -> None:
    expected, calls = undisturbed()
    shelf, first = Shelf(), Mortal(dies_at, pays=pays)
    with pytest.raises(Killed):
        SPEC.run(context(first, shelf))
    second = Mortal(-1)
    result = SPEC.run(context(second, shelf))
    assert posts(result) == posts(expected)
    again = Counter(first.answered) & Counter(second.answered)
    assert again.total() <= 3, "what ran beside the one that died may be asked again, nothing else"
    assert len(set(first.answered) | set(second.answered)) == calls
    assert result.usage.calls == calls


def test_a_run_that_was_through_is_not_run_again() -> None:
    shelf = Shelf()
    first = SPEC.run(context(ScriptedModel(script, window=WINDOW), shelf))
    second = ScriptedModel(script, window=WINDOW)
    assert SPEC.run(context(second, shelf)).actions == first.actions
    assert second.calls == 0


def test_steps_kept_for_another_head_or_another_base_are_of_no_use() -> None:
    there = context(ScriptedModel(script, window=WINDOW), None)
    other_head = {"request": replace(REQUEST, head="c" * 40)}
    other_base = {"change": replace(there.change, refs=replace(there.change.refs, base="d" * 40))}
    for moved in (other_head, other_base):
        shelf, model = Shelf(), ScriptedModel(script, window=WINDOW)
        with pytest.raises(Killed):
            SPEC.run(context(Mortal(6), shelf))
        SPEC.run(replace(context(model, shelf), **moved))
        assert model.calls == TURNS * 4 + 1


def test_a_model_that_was_out_is_asked_again_when_the_run_is_started_again() -> None:
    shelf, out = Shelf(), True

    def sometimes(prompt: Prompt) -> Any:
        (text, *_) = [one.text for one in prompt.messages if isinstance(one, Asked)]
        return Unavailable("overloaded") if out and "=== f2.py" in text else script(prompt)

    model = ScriptedModel(sometimes, window=WINDOW)
    with pytest.raises(Unavailable):
        SPEC.run(context(model, shelf, can_wait=True))
    before = model.calls
    assert before == TURNS * 3 + 1, "the other three are read to their end"
    out = False
    result = SPEC.run(context(model, shelf, can_wait=True))
    assert posts(result)
    assert model.calls - before == TURNS + 1


def test_no_source_code_beyond_quotes_and_no_secret_is_kept() -> None:
    shelf = Shelf()
    code = "\n".join(f"unmistakable_{number} = {number}" for number in range(300)) + f'\nkey = "{LEAK}"\n'
    model = ScriptedModel(
        lambda prompt: (
            answers(finding("a.py", 3, "unmistakable_2 = 2", detail=f"It shows {LEAK}"))
            if prompt.answer.__name__ == "ReviewAnswer"
            else confirms_everything()(prompt)
        )
    )
    given = replace(
        context(model, shelf),
        change=change_of(added_file("a.py", code)),
        snapshot=DictSnapshot({"a.py": code}),
    )
    SPEC.run(given)
    assert LEAK not in shelf.kept()
    assert "unmistakable_2 " in shelf.kept()
    assert "unmistakable_200" not in shelf.kept()


def test_numbers_that_cannot_be_kept_do_not_stop_a_run() -> None:
    huge = 10**30
    line = "value_1 = len('abcd')"
    edit = {"first_line": huge, "last_line": -huge, "replacement": ""}

    def says(prompt: Prompt) -> Any:
        if prompt.answer.__name__ == "ReviewAnswer" and len(prompt.messages) == 1:
            return [ToolCall("c", "read_lines", {"path": "f1.py", "first": huge, "last": [[[[[huge]]]]]})]
        return confirms_everything(finding("f1.py", huge, line, suggestion=edit))(prompt)

    result = SPEC.run(context(ScriptedModel(says, window=WINDOW), Shelf()))
    assert [post.finding.anchor for post in posts(result)] == [line]


def test_half_a_character_in_a_call_does_not_stop_a_run() -> None:
    half, line = "a\ud800b", "value_1 = len('abcd')"

    def says(prompt: Prompt) -> Any:
        if prompt.answer.__name__ == "ReviewAnswer" and len(prompt.messages) == 1:
            return [ToolCall(half, half, {half: [half]}), ToolCall("c", "search", {"text": half})]
        return confirms_everything(finding("f1.py", 7, line))(prompt)

    model = ScriptedModel(says, window=WINDOW)
    shelf = Shelf(saver=InMemorySaver(serde=StrictSerializer()))
    assert [post.finding.anchor for post in posts(SPEC.run(context(model, shelf)))] == [line]
    assert "a\ufffdb" in str(model.prompts)
    assert "\ud800" not in str(model.prompts)
