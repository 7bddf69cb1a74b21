"""A run for release notes that is started again pays for no answer twice, and writes what is right by now."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.spec import AgentResult
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import StrictSerializer
from bot.errors import Unavailable, Unusable
from bot.llm.messages import Prompt, Turn, Usage
from bot.testing import ScriptedModel
from tests.agents.pages.test_notes_model import GONE, always, asked, says, section, told
from tests.agents.pages.test_notes_page import OWN
from tests.agents.pages.test_notes_rules import request
from tests.agents.review.test_review_resumed import Shelf

MERGED = [request(1), request(2, "Count")]


def shelf() -> Shelf:
    return Shelf(saver=InMemorySaver(serde=StrictSerializer()))


def unread(iid: int) -> Any:
    raise AssertionError(f"!{iid} was read again")


def test_keeping_the_steps_changes_nothing() -> None:
    assert asked(always(GONE), *MERGED, steps=shelf()) == asked(always(GONE), *MERGED)


def test_answers_that_were_paid_for_are_used_by_the_next_start() -> None:
    kept = shelf()
    first = asked(always(GONE), *MERGED, steps=kept)
    model = ScriptedModel([])
    assert asked(model, *MERGED, seen=unread, steps=kept) == first
    assert (model.calls, first.usage.calls) == (0, 2)


def test_a_failure_that_was_paid_for_is_told_by_the_next_start() -> None:
    fault, kept = Unusable("cut off"), shelf()
    fault.usage = Usage(1, 10, 5)
    first = asked(ScriptedModel([fault]), steps=kept)
    assert asked(ScriptedModel([]), seen=unread, steps=kept) == first
    assert (len(first.failures), first.usage.tokens) == (1, 15)


class OneIsOut(ScriptedModel):
    """Answers all but one, which is out once the others are answered and their steps are kept."""

    def __init__(self, kept: Shelf) -> None:
        super().__init__([says(GONE)])
        self.kept = kept
        self.answered = asyncio.Event()

    async def turn(self, prompt: Prompt) -> Turn:
        if "Count" in prompt.shared:
            await self.answered.wait()
            await _kept(self.kept)
            raise Unavailable("later")
        turn = await super().turn(prompt)
        self.answered.set()
        return turn


async def _kept(kept: Shelf) -> None:
    async with asyncio.timeout(30):
        while GONE.sentence not in kept.kept():  # noqa: ASYNC110  the saver tells nobody
            await asyncio.sleep(0.01)


def test_a_start_after_an_outage_asks_only_what_was_not_answered() -> None:
    kept = shelf()
    with pytest.raises(Unavailable):
        asked(OneIsOut(kept), *MERGED, steps=kept, can_wait=True)
    model = ScriptedModel([says()])
    result = asked(model, *MERGED, steps=kept, can_wait=True)
    assert model.calls == 1
    assert "Count" in model.prompts[0].shared
    assert section(result).memory == {"breaking": {"2": [], "1": ["The flag --fast is now --quick."]}}


def test_what_was_merged_meanwhile_is_listed_and_left_to_a_later_run() -> None:
    kept = shelf()
    asked(always(GONE), *MERGED, steps=kept)
    result = asked(ScriptedModel([]), *MERGED, request(3, "fix: round"), seen=unread, steps=kept)
    assert any("round" in line for line in told(result))
    assert any("Not looked at for breaking changes yet: 1 merge request" in one for one in result.complaints)
    assert "3" not in section(result).memory["breaking"]


def test_what_is_listed_no_more_is_no_error() -> None:
    kept = shelf()
    with pytest.raises(Unavailable):
        asked(OneIsOut(kept), *MERGED, steps=kept, can_wait=True)
    result: AgentResult = asked(ScriptedModel([]), request(1), request(3), seen=unread, steps=kept)
    assert [*section(result).memory["breaking"]] == ["1"]


def test_nothing_is_kept_where_nothing_is_asked() -> None:
    kept = shelf()
    asked(ScriptedModel([]), request(1, "ci: cache"), seen=unread, steps=kept)
    assert not kept.saver.storage


def test_no_secret_and_nothing_of_the_change_is_kept() -> None:
    fault = Unusable(f"the server says {OWN}")
    leak = GONE.model_copy(update={"sentence": f"The key was {OWN}.", "path": OWN})
    for said in (says(leak), says(GONE.model_copy(update={"sentence": OWN})), fault):
        kept = shelf()
        asked(ScriptedModel([said]), request(1, f"feat: {OWN}"), redactor=Redactor([OWN]), steps=kept)
        assert "REDACTED" in kept.kept()
        assert OWN not in kept.kept()
        assert "parser.add" not in kept.kept()
