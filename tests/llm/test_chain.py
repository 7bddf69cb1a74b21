"""What a chain of models does with each fault: how often it asks, how long it waits, what it says, what it counts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, OverBudget, PlatformError, TooLong, Unavailable, Unusable
from bot.llm.breaker import FAULTS, LocalBreaker
from bot.llm.budget import RunBudget, most_tokens
from bot.llm.chain import LONGEST_WAIT, ROOM_SECONDS, ROOM_TRIES, TRIES, Call, Chain
from bot.llm.messages import Asked, Called, OneModel, Prompt, Told, ToolCall, Turn, Usage
from bot.testing import Said, ScriptedModel

TOKEN = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
OWN = "a-key-of-" + "ours-Qm7x2Vt9"


class Answer(BaseModel):
    text: str


YES = Answer(text="yes")
PROMPT = Prompt("be brief", "a change", (Asked("is it right?"),), Answer)
PAID = Usage(calls=1, input=70, output=30, cost_usd=0.5)


class Waits:
    """Stands in for `asyncio.sleep`; keeps what it was asked to wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.meanwhile()


class Hanging:
    """A model whose answer never comes."""

    name, window, has_tools = "hanging:model", 9_000, True

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    def most_tokens(self, prompt: Prompt) -> int:
        return most_tokens(prompt)

    async def turn(self, prompt: Prompt) -> Turn:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError("an event nobody sets was set")

    async def aclose(self) -> None:
        """Nothing was opened."""


class Unhurried(ScriptedModel):
    """One that takes a moment, as every real one does."""

    async def turn(self, prompt: Prompt) -> Turn:
        await asyncio.sleep(0.01)
        return await super().turn(prompt)


class Bench:
    """A chain and everything around it, as a test looks at it."""

    def __init__(self, *models: OneModel, tokens: int = 1_000_000, deadline: float = 300) -> None:
        self.waits = Waits()
        self.budget = RunBudget(tokens)
        self.now = 0.0
        self.breaker = LocalBreaker(lambda: self.now)
        self.calls: list[Call] = []
        self.chain = Chain(
            models,
            redactor=Redactor([OWN]),
            budget=self.budget,
            breaker=self.breaker,
            pause=self.waits,
            deadline=deadline,
            tally=self.calls.append,
        )

    def turn(self, prompt: Prompt = PROMPT) -> Turn:
        return asyncio.run(self.chain.turn(prompt))

    def fault(self, prompt: Prompt = PROMPT) -> PlatformError:
        with pytest.raises(PlatformError) as caught:
            self.turn(prompt)
        return caught.value

    def left(self) -> int:
        """The tokens that may still be reserved."""
        low, high = 0, 10_000_000
        while low < high:
            middle = (low + high + 1) // 2
            try:
                self.budget.reserve(middle).settle(0)
                low = middle
            except OverBudget:
                high = middle - 1
        return low


def model(*said: Said, name: str = "first:model", **facts: int) -> ScriptedModel:
    return ScriptedModel(said, name=name, **facts)  # type: ignore[arg-type]


# --- the table ---


def test_the_first_model_answers_and_the_second_is_never_asked() -> None:
    first, second = model(YES), model(YES, name="second:model")
    turn = Bench(first, second).turn()
    assert (turn.answer, turn.model) == (YES, "first:model")
    assert (first.calls, second.calls) == (1, 0)


def test_a_passing_fault_is_waited_out_longer_each_time() -> None:
    first = model(Unavailable("busy"), Unavailable("busy"), YES)
    bench = Bench(first)
    assert bench.turn().answer == YES
    assert 0.75 <= bench.waits.seconds[0] <= 1.25
    assert 3 <= bench.waits.seconds[1] <= 5


def test_who_says_when_to_come_back_is_asked_then() -> None:
    bench = Bench(model(Unavailable("busy", 7.5), Unavailable("busy", LONGEST_WAIT), YES))
    assert bench.turn().answer == YES
    assert bench.waits.seconds == [7.5, LONGEST_WAIT]


def test_after_three_tries_the_next_model_is_asked() -> None:
    first, second = model(*[Unavailable("busy")] * TRIES), model(YES, name="second:model")
    assert Bench(first, second).turn().model == "second:model"
    assert first.calls == TRIES


def test_a_long_pause_is_not_waited_out_but_the_next_model_asked() -> None:
    first, second = model(Unavailable("busy", LONGEST_WAIT + 1)), model(YES, name="second:model")
    bench = Bench(first, second)
    assert bench.turn().model == "second:model"
    assert (first.calls, bench.waits.seconds) == (1, [])


def test_a_refused_key_is_not_tried_again_and_the_next_model_asked() -> None:
    first, second = model(NoModel("the key is refused")), model(YES, YES, name="second:model")
    bench = Bench(first, second)
    assert [bench.turn().model, bench.turn().model] == ["second:model"] * 2
    assert (first.calls, bench.waits.seconds) == (1, [])


@pytest.mark.parametrize("kind", [TooLong, Unusable, Declined])
def test_what_another_model_would_be_sent_all_the_same_is_raised_at_once(kind: type[PlatformError]) -> None:
    first, second = model(kind("no")), model(YES, name="second:model")
    bench = Bench(first, second)
    assert type(bench.fault()) is kind
    assert (first.calls, second.calls, bench.waits.seconds) == (1, 0, [])


def test_when_all_are_busy_the_shortest_wait_is_handed_on_and_each_is_named() -> None:
    first = model(Unavailable("first:model: too many requests", 90.0))
    second = model(Unavailable("second:model: overloaded", 40.0), name="second:model")
    error = Bench(first, second).fault()
    assert isinstance(error, Unavailable)
    assert error.retry_after == 40
    assert str(error) == "first:model: too many requests; second:model: overloaded"


def test_when_every_key_is_refused_it_is_said_of_each() -> None:
    first, second = model(NoModel("no such key")), model(NoModel("no quota"), name="second:model")
    error = Bench(first, second).fault()
    assert type(error) is NoModel
    assert str(error) == "no such key; no quota"


def test_one_that_may_come_back_makes_the_whole_chain_worth_waiting_for() -> None:
    error = Bench(model(NoModel("no quota")), model(Unavailable("busy", 99.0), name="second:model")).fault()
    assert isinstance(error, Unavailable)
    assert error.retry_after == 99
    assert "no quota" in str(error)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["busy", "later", "refused", "long", "yes"]), min_size=3, max_size=3),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_goes_wrong_requests_and_waits_have_a_bound(scripts: list[list[str]]) -> None:
    kinds: dict[str, Callable[[], Said]] = {
        "busy": lambda: Unavailable("busy"),
        "later": lambda: Unavailable("later", 100.0),
        "refused": lambda: NoModel("refused"),
        "long": lambda: TooLong("long"),
        "yes": lambda: YES,
    }
    models = [model(*(kinds[one]() for one in said), name=f"m:{place}") for place, said in enumerate(scripts)]
    bench = Bench(*models)
    with suppress(Unavailable, NoModel, TooLong):
        bench.turn()
    assert all(one.calls <= TRIES for one in models)
    assert sum(bench.waits.seconds) <= 7 * len(models)


# --- the breaker ---


def test_a_model_that_keeps_failing_is_left_alone_until_a_probe_may_go() -> None:
    first = model(*[Unavailable("busy")] * FAULTS, YES, YES)
    bench = Bench(first)
    bench.fault()
    error = bench.fault()
    assert first.calls == FAULTS
    assert isinstance(error, Unavailable)
    assert "not asked again for now" in str(error)
    assert bench.fault().retry_after == 60  # type: ignore[attr-defined]
    assert first.calls == FAULTS
    bench.now = 61
    assert bench.turn().answer == YES
    assert bench.turn().answer == YES


def test_a_chain_of_models_left_alone_says_what_opened_it() -> None:
    first = model(NoModel("the key is refused"))
    bench = Bench(first)
    bench.fault()
    error = bench.fault()
    assert type(error) is NoModel
    assert "the key is refused" in str(error)
    assert first.calls == 1


def test_a_cancelled_probe_may_be_sent_again() -> None:
    first = Hanging()
    bench = Bench(first, tokens=20_000)
    bench.breaker.ended("hanging:model", NoModel("no quota"))
    bench.now = 601
    cancel(bench, first)
    bench.breaker.admit("hanging:model")


# --- the budget ---


def test_what_was_really_paid_is_counted_and_the_rest_is_free_again() -> None:
    bench = Bench(model(YES), tokens=20_000)
    turn = bench.turn()
    assert 0 < turn.usage.tokens < most_tokens(PROMPT)
    assert bench.left() == 20_000 - turn.usage.tokens


def test_over_budget_asks_nobody() -> None:
    first = model(YES)
    error = Bench(first, tokens=most_tokens(PROMPT) - 1).fault()
    assert type(error) is OverBudget
    assert "TRIVET_BUDGET__RUN_TOKENS" in str(error)
    assert first.calls == 0


def test_what_others_have_only_set_aside_is_waited_for() -> None:
    first = model(YES)
    bench = Bench(first, tokens=most_tokens(PROMPT) + 100)
    other = bench.budget.reserve(200)
    bench.waits.meanwhile = lambda: other.settle(50)
    assert bench.turn().answer == YES
    assert bench.waits.seconds == [ROOM_SECONDS]


def test_the_wait_for_others_has_an_end() -> None:
    first = model(YES)
    bench = Bench(first, tokens=most_tokens(PROMPT) + 100)
    bench.budget.reserve(200)
    assert type(bench.fault()) is OverBudget
    assert (first.calls, len(bench.waits.seconds)) == (0, ROOM_TRIES)


def test_the_estimate_holds_everything_that_is_sent() -> None:
    least = most_tokens(PROMPT)
    grown = [
        replace(PROMPT, system=PROMPT.system * 50),
        replace(PROMPT, shared=PROMPT.shared * 50),
        replace(PROMPT, messages=PROMPT.messages * 50),
        replace(PROMPT, messages=(Called((ToolCall("1", "read", {"path": "x" * 500}),)),)),
        replace(PROMPT, most_output=PROMPT.most_output + 100),
    ]
    assert all(most_tokens(one) >= least + 90 for one in grown)


@pytest.mark.parametrize("kind", [TooLong, Unusable, Declined])
def test_a_failed_request_that_cost_something_is_counted(kind: Callable[..., PlatformError]) -> None:
    bench = Bench(model(kind("no", usage=PAID)), tokens=20_000)
    error = bench.fault()
    assert error.usage == PAID  # type: ignore[attr-defined]
    assert bench.left() == 20_000 - PAID.tokens


def test_a_turns_usage_is_that_of_all_its_requests() -> None:
    first = model(Unavailable("cut off", usage=PAID), NoModel("no quota", usage=PAID))
    second = model(YES, name="second:model")
    turn = Bench(first, second).turn()
    assert turn.usage.calls == 3
    assert turn.usage.tokens > 2 * PAID.tokens


def test_a_chain_that_fails_tells_what_all_its_requests_cost() -> None:
    bench = Bench(model(*[Unavailable("cut off", usage=PAID)] * TRIES), tokens=50_000)
    error = bench.fault()
    assert error.usage == PAID + PAID + PAID  # type: ignore[attr-defined]
    assert bench.left() == 50_000 - 3 * PAID.tokens


def test_a_cancelled_turn_leaves_nothing_reserved() -> None:
    first = Hanging()
    bench = Bench(first, tokens=20_000)
    cancel(bench, first)
    assert bench.left() == 20_000


def test_a_model_that_breaks_leaves_nothing_reserved() -> None:
    bench = Bench(model(ZeroDivisionError()), tokens=20_000)
    with pytest.raises(ZeroDivisionError):
        bench.turn()
    assert bench.left() == 20_000


# --- the tally ---


def test_each_request_is_told_of_with_its_model_its_end_and_what_it_cost() -> None:
    first = model(Unavailable("cut off", usage=PAID), NoModel("no quota"))
    bench = Bench(first, model(YES, name="second:model"))
    turn = bench.turn()
    assert [(call.model, call.result) for call in bench.calls] == [
        ("first:model", "Unavailable"),
        ("first:model", "NoModel"),
        ("second:model", "answered"),
    ]
    assert [call.usage for call in bench.calls[:2]] == [PAID, Usage()]
    assert sum((call.usage for call in bench.calls), Usage()) == turn.usage


def test_a_request_that_was_never_made_is_not_told_of() -> None:
    poor = Bench(model(YES), tokens=1)
    poor.fault()
    refused = Bench(model(NoModel("no quota")))
    refused.fault()
    refused.fault()
    assert poor.calls == []
    assert [call.result for call in refused.calls] == ["NoModel"], "the second time the breaker is open"


def test_a_request_is_told_of_with_the_time_it_took() -> None:
    hanging, quick = Bench(Hanging(), tokens=20_000, deadline=0.2), Bench(model(YES))
    hanging.fault()
    quick.turn()
    assert 0.15 <= hanging.calls[0].seconds < 5
    assert 0 <= quick.calls[0].seconds < hanging.calls[0].seconds


def test_a_cancelled_request_is_told_of_and_so_is_one_whose_model_breaks() -> None:
    first = Hanging()
    stopped, broken = Bench(first, tokens=20_000), Bench(model(ZeroDivisionError()))
    cancel(stopped, first)
    with pytest.raises(ZeroDivisionError):
        broken.turn()
    assert [call.result for call in stopped.calls + broken.calls] == ["CancelledError", "ZeroDivisionError"]


# --- the deadline ---


def test_a_model_that_hangs_leaves_time_for_the_next() -> None:
    first, second = Hanging(), Unhurried([YES], name="second:model")
    assert Bench(first, second, deadline=1).turn().model == "second:model"
    assert first.begun.is_set()


def test_a_chain_that_hangs_ends_at_its_deadline() -> None:
    bench = Bench(Hanging(), Hanging(), tokens=20_000, deadline=0.2)
    error = bench.fault()
    assert isinstance(error, Unavailable)
    assert "hanging:model: no answer within the" in str(error)
    assert bench.left() == 20_000


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    bench = Bench(model(Unavailable("busy", 20.0)), deadline=10)
    assert bench.fault().retry_after == 20  # type: ignore[attr-defined]
    assert bench.waits.seconds == []


# --- what is sent ---


def carried(text: str) -> list[Prompt]:
    """Prompts that have the text in one place each."""
    call = ToolCall("1", "search", {"text": text, "in": [{"path": text}], "limit": 5})
    return [
        replace(PROMPT, system=text),
        replace(PROMPT, shared=text),
        replace(PROMPT, messages=(Asked(text),)),
        replace(PROMPT, messages=(Called((call,)), Told("1", "nothing"))),
        replace(PROMPT, messages=(Called((ToolCall("1", "read", {}),)), Told("1", text))),
    ]


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize(
    "secret",
    [TOKEN, OWN, TOKEN[:9] + "\x01" + TOKEN[9:], OWN[::-1]],
    ids=["format", "own", "split", "turned"],
)
def test_no_secret_is_sent_wherever_it_stands(place: int, secret: str) -> None:
    first = model(YES)
    Bench(first).turn(carried(f"key = {secret}")[place])
    assert "<REDACTED:" in first.seen
    assert TOKEN not in first.seen
    assert OWN not in first.seen


@pytest.mark.parametrize("place", range(5))
def test_invisible_characters_are_sent_as_something_to_be_seen(place: int) -> None:
    first = model(YES)
    Bench(first).turn(carried("if admin\u202e or\u200b True")[place])
    assert not set(first.seen) & {"\u202e", "\u200b"}
    assert "u{202e}" in first.seen


def test_a_prompt_that_is_safe_already_is_sent_as_it_is() -> None:
    first, second = model(YES), model(YES)
    Bench(first).turn(carried(f"key = {TOKEN}\u200b\n\tand 🧑‍💻 so on")[3])
    Bench(second).turn(first.prompts[0])
    assert second.prompts == first.prompts


# --- what a caller sees of it ---


def test_a_chain_is_as_capable_as_its_weakest_model() -> None:
    able, weak = model(window=100_000), model(window=8_000, has_tools=False, name="weak:model")
    chain = Bench(able, weak).chain
    assert (chain.name, chain.window, chain.has_tools) == ("first:model", 8_000, False)
    weak.has_tools = True
    assert chain.has_tools


def test_closing_a_chain_closes_each_model() -> None:
    first, second = model(), model(name="second:model")
    asyncio.run(Bench(first, second).chain.aclose())
    assert (first.closed, second.closed) == (1, 1)


def test_turns_that_overlap_keep_their_own_accounts() -> None:
    first = ScriptedModel(lambda _: YES)
    bench = Bench(first)

    async def many() -> Sequence[Turn]:
        asked: list[Awaitable[Turn]] = [bench.chain.turn(PROMPT) for _ in range(20)]
        return await asyncio.gather(*asked)

    turns = asyncio.run(many())
    assert {turn.usage.calls for turn in turns} == {1}
    assert bench.left() == 1_000_000 - sum(turn.usage.tokens for turn in turns)


def cancel(bench: Bench, first: Hanging) -> None:
    """Begin a turn, and cancel it while the model is at it."""

    async def begun_and_cancelled() -> None:
        task = asyncio.create_task(bench.chain.turn(PROMPT))
        await first.begun.wait()
        assert bench.left() < 20_000
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(begun_and_cancelled())
