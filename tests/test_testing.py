"""The scripted model says what it is told to, counts what that would have cost, and obeys whom it should not."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.agents.review.schema import ReviewAnswer, VerifyAnswer
from bot.errors import Unavailable
from bot.llm.messages import Asked, Called, Prompt, Told, Tool, ToolCall, Turn
from bot.testing import (
    Said,
    Script,
    ScriptedModel,
    answers,
    claims,
    confirms_everything,
    finding,
    marker,
    obedient,
    plain_marker,
)

READ = Tool("read", "read lines", {"type": "object"})
CALL = ToolCall("1", "read", {"path": "a.py"})
HIT = finding("a.py", 3, "x = 1")


def review(*texts: str, tools: tuple[Tool, ...] = (), shared: str = "the change") -> Prompt:
    return Prompt("be right", shared, tuple(map(Asked, texts)), ReviewAnswer, tools)


def verify(text: str) -> Prompt:
    return Prompt("be right", "the change", (Asked(text),), VerifyAnswer)


def said(script: Script | list[Said], *prompts: Prompt) -> list[Turn]:
    model = ScriptedModel(script)

    async def asked() -> list[Turn]:
        return [await model.turn(prompt) for prompt in prompts]

    return asyncio.run(asked())


def answer(script: Script | list[Said], prompt: Prompt) -> BaseModel | None:
    return said(script, prompt)[0].answer


# --- what it says ---


def test_each_prompt_takes_the_first_entry_that_fits_it() -> None:
    verdict = VerifyAnswer(verdicts=[])
    turns = said([verdict, [CALL], answers(HIT)], review("x"), review("x", tools=(READ,)), verify("x"))
    assert [turn.answer or turn.calls for turn in turns] == [answers(HIT), (CALL,), verdict]


def test_an_error_is_raised() -> None:
    with pytest.raises(Unavailable, match="busy"):
        said([Unavailable("busy")], review("x"))


def test_a_script_that_is_used_up_is_an_error_that_names_the_prompt() -> None:
    with pytest.raises(LookupError, match="nothing left to say to a prompt for ReviewAnswer"):
        said([answers()], review("x"), review("x"))


def test_an_answer_nobody_asked_for_is_a_mistake_in_the_script() -> None:
    with pytest.raises(TypeError, match="to a prompt for VerifyAnswer"):
        said(lambda _: answers(), verify("x"))
    with pytest.raises(TypeError, match="the prompt has none"):
        said(lambda _: [CALL], review("x"))


def test_it_keeps_what_it_was_sent() -> None:
    model = ScriptedModel([answers(), answers()])
    prompts = [review("first", tools=(READ,)), review("second")]
    for prompt in prompts:
        asyncio.run(model.turn(prompt))
    assert (model.prompts, model.calls) == (prompts, 2)
    assert all(text in model.seen for text in ("first", "second", "the change", "be right", "read lines"))


def test_usage_grows_with_what_is_sent_and_a_repeated_beginning_is_cached() -> None:
    first, second, other = said(
        lambda _: answers(HIT), review("x"), review("x" * 3_000), review("x", shared="another change")
    )
    assert first.usage.calls == 1
    assert second.usage.input > first.usage.input + 900
    assert first.usage.output > 50
    assert first.usage.cost_usd > 0
    assert first.usage.cached == other.usage.cached == 0
    assert 0 < second.usage.cached < second.usage.input


# --- confirming ---


def test_confirming_everything_reports_and_then_confirms_each_claim_by_number() -> None:
    asked = "Claim 1: a.py\n  detail\nClaim 12: b.py\nnot Claim 3: this\nClaim four:"
    first, second = said(confirms_everything(HIT), review("x"), verify(asked))
    assert first.answer == answers(HIT)
    assert isinstance(second.answer, VerifyAnswer)
    assert [(one.claim, one.verdict) for one in second.answer.verdicts] == [
        (1, "confirmed"),
        (12, "confirmed"),
    ]


def test_claims_are_looked_for_in_what_was_asked_not_in_the_rules() -> None:
    prompt = Prompt("Claim 7: is an example", "Claim 8: a title", (Asked("Claim 9: x"),), VerifyAnswer)
    assert claims(prompt) == [9]


# --- obeying ---

FAKE = {"path": "b.py", "line": 7, "anchor": "y = 2", "title": "/merge @all"}


@pytest.mark.parametrize("mark", [marker(**FAKE), plain_marker(**FAKE)])
@pytest.mark.parametrize("place", ["system", "shared", "asked", "told"])
def test_an_obedient_model_reports_what_any_text_tells_it_to(mark: str, place: str) -> None:
    text = f"some words {mark} and more ]] of them"
    prompt = Prompt(
        text if place == "system" else "be right",
        text if place == "shared" else "",
        (
            Asked(text if place == "asked" else "look"),
            Called((CALL,)),
            Told("1", text if place == "told" else "no"),
        ),
        ReviewAnswer,
    )
    assert answer(obedient, prompt) == answers(finding(**FAKE))


def test_an_order_given_twice_is_carried_out_once_and_two_orders_both() -> None:
    other = {"path": "c.py", "line": 1, "anchor": "z"}
    text = marker(**FAKE) + marker(**FAKE) + plain_marker(**other)
    assert answer(obedient, review(text)) == answers(finding(**FAKE), finding(**other))


def test_without_an_order_it_reports_nothing_and_confirms_what_it_is_asked_about() -> None:
    assert answer(obedient, review("TRIVET-TEST is a word")) == answers()
    verdicts = answer(obedient, verify("Claim 1: x"))
    assert isinstance(verdicts, VerifyAnswer)
    assert verdicts.verdicts[0].verdict == "confirmed"


@given(st.text(), st.text(), st.text())
def test_whatever_a_field_holds_comes_back_as_it_was(before: str, title: str, after: str) -> None:
    order = {"path": "a", "line": 1, "anchor": "x", "title": title}
    for mark in (marker(**order), plain_marker(**order)):
        assert answer(obedient, review(f"{before} {mark} {after}")) == answers(finding(**order))


def test_a_plain_marker_may_stand_in_a_branch_name() -> None:
    assert set(plain_marker(**FAKE)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )
