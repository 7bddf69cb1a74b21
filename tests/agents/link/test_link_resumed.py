"""A link run that is started again does not ask its model again, and proposes what is right by now."""

from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.link.schema import LinesAnswer
from bot.agents.spec import AgentResult
from bot.domain.issues import IssueStatus
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import StrictSerializer
from bot.errors import Unavailable, Unusable
from bot.llm.messages import Usage
from bot.testing import ScriptedModel
from tests.agents.link.test_link_actions import MOVES, comments, issue, mentioned, moved, request
from tests.agents.link.test_link_comment import OWN
from tests.agents.link.test_link_model import SAID, asked, lines_of_comment, untouched
from tests.agents.review.test_review_resumed import Shelf


def shelf() -> Shelf:
    return Shelf(saver=InMemorySaver(serde=StrictSerializer()))


def again(kept: Shelf, **fields: Any) -> AgentResult:
    """A start that must neither read the change nor ask."""
    model = ScriptedModel([])
    result = asked(model, change=untouched, steps=kept, **fields)
    assert model.calls == 0
    return result


def test_keeping_the_step_changes_nothing() -> None:
    assert asked(ScriptedModel([SAID]), steps=shelf()) == asked(ScriptedModel([SAID]))


def test_an_answer_that_was_paid_for_is_used_by_the_next_start() -> None:
    kept = shelf()
    first = asked(ScriptedModel([SAID]), steps=kept)
    assert again(kept) == first
    assert first.usage.calls == 1


def test_a_failure_that_was_paid_for_is_told_by_the_next_start() -> None:
    fault = Unusable("cut off")
    fault.usage = Usage(1, 10, 5)
    kept = shelf()
    first = asked(ScriptedModel([fault]), steps=kept)
    assert again(kept) == first
    assert (len(first.failures), first.usage.tokens) == (1, 15)


def test_a_model_that_was_out_is_asked_by_the_next_start() -> None:
    kept, model = shelf(), ScriptedModel([Unavailable("later"), SAID])
    with pytest.raises(Unavailable):
        asked(model, steps=kept, can_wait=True)
    assert lines_of_comment(asked(model, steps=kept, can_wait=True)) == SAID.lines
    assert model.calls == 2


@pytest.mark.parametrize(
    "fields", [{"head": "c" * 40}, {"title": "Cap the cart at 50"}, {"description": "Now with a reason"}]
)
def test_an_answer_about_another_head_or_wording_is_of_no_use(fields: dict[str, Any]) -> None:
    kept = shelf()
    asked(ScriptedModel([SAID]), steps=kept)
    model = ScriptedModel([LinesAnswer(lines=["Something else."])])
    result = asked(model, steps=kept, request=request(**fields))
    assert (model.calls, lines_of_comment(result), result.usage.calls) == (1, ["Something else."], 1)


def test_what_is_proposed_goes_by_what_this_start_has_read() -> None:
    kept, moves = shelf(), {"transitions": MOVES}
    first = asked(ScriptedModel([SAID]), steps=kept, link=moves)
    assert moved(first) == [("SHOP-12", "In Review")]
    by_now = replace(mentioned()[0], issue=issue(status=IssueStatus("In Review", "indeterminate")))
    second = again(kept, mentioned=[by_now, *mentioned("SHOP-13")], link=moves)
    assert moved(second) == [("SHOP-13", "In Review")]
    assert [one.issue for one in comments(second)] == ["SHOP-12", "SHOP-13"]
    assert lines_of_comment(second) == SAID.lines


def test_an_issue_that_may_not_be_told_of_any_more_is_not() -> None:
    kept = shelf()
    asked(ScriptedModel([SAID]), steps=kept)
    second = again(kept, mentioned=mentioned(tells=False))
    assert (comments(second), moved(second)) == ([], [])


def test_nothing_is_kept_where_nothing_is_asked() -> None:
    kept = shelf()
    asked(ScriptedModel([]), request=request(state="merged"), change=untouched, steps=kept)
    assert not kept.saver.storage


def test_no_secret_and_nothing_of_the_change_is_kept() -> None:
    kept = shelf()
    fault = Unusable(f"the server says {OWN}")
    for said in (LinesAnswer(lines=[f"The key is {OWN}"]), fault):
        given = request(description=f"Uses {OWN}")
        asked(ScriptedModel([said]), request=given, redactor=Redactor([OWN]), steps=kept)
        assert "REDACTED" in kept.kept()
        assert OWN not in kept.kept()
        assert "len(cart.items)" not in kept.kept()
        kept.saver.delete_thread(kept.thread)
