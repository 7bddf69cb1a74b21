"""What a model's server answers, made of anything, at each protocol's reader: a reply, or one of our own errors."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Unavailable
from bot.llm import anthropic_chat, openai_chat, openai_responses
from bot.llm.faults import Failed, Server
from bot.llm.prices import PRICES
from bot.llm.sdk import MOST_TOKENS, Connection
from bot.llm.wire import Reply, Request

SERVER = Server("openai:a", "models.example.test", "OPENAI_API_KEY")
CONNECTION = Connection(lambda: pytest, "None", SERVER, "http://127.0.0.1:9", 1.0)
PRICED = next(iter(PRICES))
REQUEST = Request("system", "shared", "", (), "answer", {}, "prompt")
PROTOCOLS: dict[str, tuple[Any, Any]] = {
    "openai": (openai_chat._Completion, openai_chat._reply),
    "responses": (openai_responses._Response, openai_responses._reply),
    "anthropic": (anthropic_chat._Message, anthropic_chat._reply),
}
GOOD: dict[str, Any] = {
    "choices": [{"message": {"content": "x", "tool_calls": [{"id": "1", "function": {"name": "read"}}]}}],
    "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "function_call"},
    ],
    "content": [{"type": "text", "text": "x"}, {"type": "tool_use", "name": "read", "input": {}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "input_tokens": 1, "output_tokens": 1},
}
NAMES = [
    "choices", "message", "content", "tool_calls", "function", "name", "arguments", "output", "type", "text", "usage",
    "prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "prompt_tokens_details", "cached_tokens",
    "cache_read_input_tokens", "finish_reason", "incomplete_details", "reason", "stop_reason", "error", "code",
    "refusal", "input", "call_id",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES | st.sampled_from(["text", "message", "tool_use", "length", "output_text", "refusal"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
COUNTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys([name for name in NAMES if "tokens" in name], LEAVES)
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5).map(lambda odd: GOOD | odd) | st.builds(
    lambda counts: GOOD | {"usage": counts}, COUNTS
)


def read(protocol: str, body: dict[str, Any]) -> Reply | None:
    """None where one of our errors says what is wrong."""
    shape, reply = PROTOCOLS[protocol]
    try:
        found: Reply = reply(CONNECTION.read(body, shape), PRICED, REQUEST)
    except (Failed, Unavailable):
        return None
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_good_body_is_read(protocol: str) -> None:
    found = read(protocol, GOOD)
    assert found is not None
    assert (found.text, len(found.calls), found.usage.tokens) == ("x", 1, 2)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PROTOCOLS)), BODIES)
def test_any_body_is_a_reply_that_gives_no_tokens_back_or_an_error_of_ours(
    protocol: str, body: dict[str, Any]
) -> None:
    found = read(protocol, body)
    assert found is None or isinstance(found.text, str)
    assert found is None or 0 <= found.usage.tokens <= 2 * MOST_TOKENS
    assert found is None or (found.usage.cached >= 0 and found.usage.cost_usd >= 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_tells_less_than_no_tokens_gives_none_back(protocol: str) -> None:
    counts = dict.fromkeys(GOOD["usage"], -5_000)
    found = read(protocol, GOOD | {"usage": counts})
    assert found is not None
    assert found.usage.tokens == 0


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | VALUES.map(json.dumps).map(str.encode))
def test_any_bytes_are_an_object_or_no_answer(content: bytes) -> None:
    try:
        assert isinstance(CONNECTION._object(content), dict)
    except Unavailable as unavailable:
        sentence = str(unavailable)
    else:
        sentence = SERVER.name
    assert SERVER.name in sentence
