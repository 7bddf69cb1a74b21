"""What goes over the wire to a model, and what becomes of its answer, with every protocol."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from bot.domain.secrets import Redactor
from bot.errors import OverBudget, Unavailable, Unusable
from bot.llm.bounded import MAX_ANSWER, BoundedClient, TooManyBytes
from bot.llm.breaker import LocalBreaker
from bot.llm.budget import RunBudget, prompt_tokens
from bot.llm.chain import Chain
from bot.llm.chat import LONGEST_QUOTE, Chat
from bot.llm.faults import Server
from bot.llm.messages import Asked, Called, Prompt, Told, Tool, ToolCall, Turn
from bot.llm.openai_responses import OpenAIResponses
from bot.llm.prices import cost_usd
from bot.llm.providers import chat, parse_spec
from tests.model_server import (
    Body,
    ModelServer,
    Reply,
    answered,
    bomb,
    called,
    cut,
    failed,
    nothing_found,
    said,
    schema_of,
    script,
    text_of,
    tools_of,
)

WIRES = ("openai", "responses", "anthropic", "ollama")
MODELS = {"openai": "gpt-6.1-sol", "anthropic": "claude-sonnet-5-5", "ollama": "qwen3-coder:30b"}


class Names(BaseModel):
    """The names that were found."""

    names: list[str]
    """Each name once."""


TOOLS = (
    Tool(
        "look",
        "Looks at a place.",
        {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    ),
    Tool("list", "Lists a folder.", {"type": "object", "properties": {}}),
)
SHARED = "The whole change. " * 400
ASKED = Prompt("You find names.", SHARED, (Asked("Find the names in a.py."),), Names, TOOLS)
ANSWER_NOW = replace(ASKED, must_answer=True)
HISTORY = (
    Asked("Find the names in a.py."),
    Called((ToolCall("c1", "look", {"at": "a.py"}), ToolCall("c2", "list", {}))),
    Told("c1", "x = 1"),
    Told("c2", ""),
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def model(wire: str, server: ModelServer, seconds: float = 20.0) -> Chat:
    if wire == "responses":
        known = Server("openai:gpt-6.1-sol", "api.openai.com", "OPENAI_API_KEY", "k")
        return Chat(OpenAIResponses(known, f"{server.url}/v1", seconds), known, "gpt-6.1-sol", 256_000, True)
    return chat(parse_spec(f"{wire}:{MODELS[wire]}"), server.environ(wire), seconds)


def turns(one: Chat, *prompts: Prompt) -> list[Turn]:
    async def each() -> list[Turn]:
        try:
            return [await one.turn(prompt) for prompt in prompts]
        finally:
            await one.aclose()

    return asyncio.run(each())


def prompt(*messages: Any, tools: tuple[Tool, ...] = TOOLS, must_answer: bool = False) -> Prompt:
    return Prompt(ASKED.system, SHARED, messages, Names, tools, must_answer)


# --- what goes out ---


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_is_one_the_provider_takes_and_says_everything_in_order(
    wire: str, server: ModelServer
) -> None:
    [turn] = turns(model(wire, server), ASKED)
    assert turn.answer == Names(names=[])
    assert server.refusals == []
    [body] = server.asked
    text = text_of(body)
    assert (
        text.index("You find names.")
        < text.index("The whole change.")
        < text.index("Find the names in a.py.")
    )
    assert tools_of(body) == ["look", "list"]
    assert "temperature" not in body
    assert "stream" not in body


@pytest.mark.parametrize("wire", WIRES)
def test_tools_are_called_answered_and_called_no_more(wire: str, server: ModelServer) -> None:
    one = model(wire, server)
    server.reply = script(called(("look", {"at": "a.py"}), ("list", {})), answered({"names": ["x"]}))

    async def talk() -> Turn:
        first = await one.turn(ASKED)
        assert first.answer is None
        assert [(call.name, call.arguments) for call in first.calls] == [
            ("look", {"at": "a.py"}),
            ("list", {}),
        ]
        told = [Told(call.id, f"what {call.name} gave") for call in first.calls]
        last = await one.turn(
            prompt(*ASKED.messages, Called(first.calls), *told, Asked("Now answer."), must_answer=True)
        )
        await one.aclose()
        return last

    assert asyncio.run(talk()).answer == Names(names=["x"])
    assert server.refusals == []
    assert tools_of(server.asked[1]) == ["look", "list"]
    assert server.asked[1]["tool_choice"] in ("none", {"type": "none"})
    assert "what look gave" in text_of(server.asked[1])


@pytest.mark.parametrize("wire", WIRES)
def test_earlier_calls_are_told_in_words_where_no_tools_are_offered(wire: str, server: ModelServer) -> None:
    turns(model(wire, server), prompt(*HISTORY, Asked("Answer."), tools=()))
    assert server.refusals == []
    [body] = server.asked
    assert "tools" not in body
    text = text_of(body)
    assert 'look {"at": "a.py"}' in text
    assert "x = 1" in text


def test_no_two_messages_of_one_role_follow_each_other(server: ModelServer) -> None:
    turns(model("ollama", server), prompt(*HISTORY, Asked("Answer now."), Asked("Really.")))
    roles = [message["role"] for message in server.asked[0]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]


def test_anthropic_is_told_what_to_cache(server: ModelServer) -> None:
    turns(model("anthropic", server), ASKED)
    [body] = server.asked
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    marked = [block["text"] for block in body["messages"][0]["content"] if "cache_control" in block]
    assert marked == [SHARED]


def test_openai_s_cache_key_is_alike_within_a_run_and_differs_between_runs(server: ModelServer) -> None:
    other = Prompt(ASKED.system, "Another change.", ASKED.messages, Names)
    turns(model("responses", server), ASKED, prompt(*HISTORY), other)
    keys = [body["prompt_cache_key"] for body in server.asked]
    assert keys[0] == keys[1] != keys[2]
    assert all(body["store"] is False for body in server.asked)


@pytest.mark.parametrize("wire", ["openai", "responses"])
def test_other_servers_are_not_sent_what_only_openai_knows(wire: str, server: ModelServer) -> None:
    turns(model(wire, server), ASKED)
    assert ("prompt_cache_key" in server.asked[0]) is (wire == "responses")


@pytest.mark.parametrize(("wire", "tells"), [("openai", False), ("anthropic", False), ("ollama", True)])
def test_a_schema_is_told_in_words_where_the_model_does_not_see_it(
    wire: str, tells: bool, server: ModelServer
) -> None:
    turns(model(wire, server), ANSWER_NOW)
    assert schema_of(server.asked[0]) is not None
    assert ("fit this JSON schema" in text_of(server.asked[0])) is tells


def held_to_its_schema(body: Body) -> Reply:
    """Calls a tool where it is free to; beside a schema it cannot, as with llama.cpp, Ollama and vLLM."""
    free = "tools" in body and "response_format" not in body
    return called(("look", {"at": "a.py"})) if free else answered({"names": ["x"]})


def test_a_model_that_a_schema_would_hold_can_call_tools(server: ModelServer) -> None:
    server.reply = held_to_its_schema
    looked, answer = turns(model("ollama", server), ASKED, ANSWER_NOW)
    assert [call.name for call in looked.calls] == ["look"]
    assert answer.answer == Names(names=["x"])
    assert [schema_of(body) is not None for body in server.asked] == [False, True]
    assert all("fit this JSON schema" in text_of(body) for body in server.asked)
    assert server.refusals == []


def test_a_model_that_a_schema_holds_repairs_its_answer_with_one(server: ModelServer) -> None:
    server.reply = lambda body: answered({"names": ["x"]}) if schema_of(body) else said("I see x.")
    [turn] = turns(model("ollama", server), ASKED)
    assert turn.answer == Names(names=["x"])
    assert [body.get("tool_choice") for body in server.asked] == [None, "none"]
    assert server.refusals == []


@pytest.mark.parametrize("wire", ["openai", "responses", "anthropic"])
def test_a_model_that_sees_the_schema_has_it_beside_the_tools(wire: str, server: ModelServer) -> None:
    turns(model(wire, server), ASKED)
    assert schema_of(server.asked[0]) is not None
    assert tools_of(server.asked[0]) == ["look", "list"]


# --- the ladder is remembered ---


@pytest.mark.parametrize("wire", WIRES)
def test_a_server_is_asked_once_for_what_it_does_not_know(wire: str, server: ModelServer) -> None:
    def reply(body: Body) -> Reply:
        refusal = failed(400, "response_format, output_config: not supported")
        return refusal if schema_of(body) else answered({"names": []})

    server.reply = reply
    turns(model(wire, server), ANSWER_NOW, ANSWER_NOW)
    assert [schema_of(body) is not None for body in server.asked] == [True, False, False]
    assert all('"names"' in text_of(body) for body in server.asked[1:])


@pytest.mark.parametrize("wire", WIRES)
def test_a_model_without_tools_says_so_after_its_first_turn(wire: str, server: ModelServer) -> None:
    server.reply = lambda body: (
        failed(400, "does not support tools") if "tools" in body else nothing_found(body)
    )
    one = model(wire, server)
    assert one.has_tools
    turns(one, prompt(*HISTORY))
    assert not one.has_tools
    assert server.refusals == []


def test_turns_that_are_refused_at_once_go_down_one_rung_together(server: ModelServer) -> None:
    refusal = failed(400, "response_format: json_schema is not supported")
    server.reply = lambda body: refusal if schema_of(body) else answered({"names": []})
    server.gate.clear()
    one = model("ollama", server)

    async def all_at_once() -> None:
        running = [asyncio.create_task(one.turn(ANSWER_NOW)) for _ in range(4)]
        await asyncio.to_thread(server.wait_in_flight, 4)
        server.gate.set()
        await asyncio.gather(*running)
        await one.turn(ANSWER_NOW)
        await one.aclose()

    asyncio.run(all_at_once())
    forms = [body.get("response_format", {}).get("type") for body in server.asked]
    assert forms == ["json_schema"] * 4 + ["json_object"] * 5
    assert server.peak == 4


# --- repair ---


@pytest.mark.parametrize("wire", WIRES)
def test_a_repair_quotes_the_answer_and_names_the_flaw(wire: str, server: ModelServer) -> None:
    server.reply = script(said('{"names": 7}' + " " * 9_000 + "tail"), answered({"names": ["x"]}))
    [turn] = turns(model(wire, server), ASKED)
    assert turn.answer == Names(names=["x"])
    assert turn.usage.calls == 2
    repair = text_of(server.asked[1])
    assert '{"names": 7}' in repair
    assert "names: Input should be a valid list" in repair
    assert "tail" not in repair
    assert len(repair) < len(text_of(server.asked[0])) + LONGEST_QUOTE + 500
    assert server.refusals == []


@pytest.mark.parametrize("wire", WIRES)
def test_after_a_cut_answer_a_shorter_one_is_asked_for(wire: str, server: ModelServer) -> None:
    server.reply = script(cut('{"names": ["a", "b'), answered({"names": ["a"]}))
    [turn] = turns(model(wire, server), ASKED)
    assert turn.answer == Names(names=["a"])
    assert "five most serious" in text_of(server.asked[1])


@pytest.mark.parametrize("wire", WIRES)
def test_a_repair_after_tools_keeps_to_the_provider_s_order(wire: str, server: ModelServer) -> None:
    one = model(wire, server)
    for flawed in (said(""), said("Nothing."), called(("look", ["no object"]))):
        server.reply = script(flawed, answered({"names": []}))
        turns(one, prompt(*HISTORY))
    assert server.refusals == []
    assert len(server.asked) == 6


# --- what was paid ---


@pytest.mark.parametrize("wire", WIRES)
def test_usage_is_what_the_provider_says(wire: str, server: ModelServer) -> None:
    server.reply = lambda body: answered({"names": []}, tokens=(5_000, 4_000, 300))
    [turn] = turns(model(wire, server), ASKED)
    usage = turn.usage
    assert (usage.calls, usage.input, usage.cached, usage.output) == (1, 5_000, 4_000, 300)
    paid = {"ollama": 0.0}.get(
        wire, (1_000 * 2 + 300 * 10) / 1e6 + 4_000 * (0.2 if wire == "anthropic" else 0.1) / 1e6
    )
    assert usage.cost_usd == pytest.approx(paid)


@pytest.mark.parametrize("wire", WIRES)
def test_usage_that_nobody_tells_is_guessed(wire: str, server: ModelServer) -> None:
    server.reply = lambda body: answered({"names": []}, tokens="none")
    [turn] = turns(model(wire, server), ASKED)
    assert turn.usage.calls == 1
    assert len(SHARED) // 4 < turn.usage.input < len(SHARED)
    assert turn.usage.output > 0


@pytest.mark.parametrize("wire", WIRES)
def test_the_beginning_of_a_run_s_prompts_is_read_from_the_cache(wire: str, server: ModelServer) -> None:
    first, second = turns(model(wire, server), ASKED, prompt(*HISTORY))
    assert first.usage.cached == 0
    assert second.usage.cached > len(SHARED) / 4 * 0.9


def test_a_price_is_that_of_a_model_and_its_dated_versions_or_unknown() -> None:
    assert cost_usd("gpt-5.4-mini-2026-03-17", 1_000_000, 0) == pytest.approx(0.75)
    assert cost_usd("gpt-5.4", 1_000_000, 0, cached=1_000_000) == pytest.approx(0.25)
    assert cost_usd("claude-haiku-4-5-20251001", 0, 1_000_000) == pytest.approx(5)
    assert cost_usd("claude-sonnet-5-5", 1_000_000, 1_000_000, written=1_000_000) == pytest.approx(12.5)
    assert cost_usd("claude-opus-5-9", 1_000_000, 0) == 0
    assert cost_usd("qwen3", 1_000_000, 0) == 0


# --- connections ---


def test_a_model_serves_one_event_loop_after_another(server: ModelServer) -> None:
    one = model("openai", server)
    assert [turns(one, ASKED)[0].answer for _ in range(2)] == [Names(names=[])] * 2


def test_a_turn_that_is_cancelled_lets_go_of_its_connection(server: ModelServer) -> None:
    server.gate.clear()
    one = model("openai", server)

    async def stop() -> None:
        task = asyncio.create_task(one.turn(ASKED))
        await asyncio.to_thread(server.wait_in_flight, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.gate.set()
        assert (await one.turn(ASKED)).answer == Names(names=[])
        await one.aclose()

    asyncio.run(stop())


def test_a_connection_is_closed_with_its_model(server: ModelServer) -> None:
    turns(model("openai", server), ASKED)
    gc.collect()  # an open transport would warn, and warnings are errors


@pytest.mark.parametrize("wire", WIRES)
def test_a_slow_drip_does_not_outlive_the_deadline(wire: str, server: ModelServer) -> None:
    server.reply = lambda body: answered({"names": []}, drip=0.05)
    with pytest.raises(Unavailable, match=r"within 0\.4 seconds"):
        turns(model(wire, server, seconds=0.4), ASKED)


def test_a_gzip_bomb_takes_no_more_memory_than_the_limit(server: ModelServer) -> None:
    packed = bomb(64)
    server.reply = lambda body: packed

    async def fetch() -> None:
        async with BoundedClient() as client:
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            await client.post(f"{server.url}/v1/chat/completions", json=body, headers={"x-api-key": "k"})

    assert peak(fetch) < MAX_ANSWER * 3


def peak(fetch: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Bytes allocated at most while TooManyBytes came about."""
    tracemalloc.start()
    try:
        with pytest.raises(TooManyBytes):
            asyncio.run(fetch())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- what it may take ---

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def greedy(body: Body) -> Reply:
    """Takes every token it may, at three characters a token, and is of no use: each turn is asked once more."""
    shown = prompt_tokens(Prompt(text_of(body), "", (), Names, ASKED.tools))
    most = next(body[name] for name in LIMITS if name in body)
    return said("\u00e4" * LONGEST_QUOTE, tokens=(shown, 0, most))


@pytest.mark.parametrize("limit", [80_000, 200_000])
@pytest.mark.parametrize("wire", WIRES)
def test_a_server_that_takes_all_it_may_never_takes_a_run_over_its_budget(
    wire: str, limit: int, server: ModelServer
) -> None:
    server.reply = greedy
    parts = {"redactor": Redactor(), "budget": RunBudget(limit), "breaker": LocalBreaker()}
    chain = Chain([model(wire, server)], **parts)  # type: ignore[arg-type]

    async def asked() -> list[Any]:
        try:
            return [
                one
                for _ in range(8)
                for one in await asyncio.gather(chain.turn(ASKED), chain.turn(ASKED), return_exceptions=True)
            ]
        finally:
            await chain.aclose()

    faults = asyncio.run(asked())
    spent = sum(one.usage.tokens for one in faults)
    assert {type(one) for one in faults} == {Unusable, OverBudget}
    assert sum(one.usage.calls for one in faults) == len(server.asked)
    assert limit / 4 < spent <= limit
