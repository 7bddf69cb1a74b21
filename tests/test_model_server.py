"""The stand-in model server refuses what the real providers would: else tests against it would prove little."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.model_server import ModelServer, emptiest, nothing_found, schema_of

STRICT = {
    "type": "object",
    "properties": {"x": {"type": "string"}},
    "required": ["x"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "X", "strict": True, "schema": STRICT}}
USER: dict[str, Any] = {"role": "user", "content": "hello"}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "c", "content": "seen"}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}
CHAT = {"model": "m", "messages": [USER], "max_tokens": 9, "response_format": FORM, "tools": [TOOL]}

USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "seen"}]}
CLAUDE_TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
CLAUDE = {
    "model": "m",
    "messages": [USER],
    "max_tokens": 9,
    "output_config": {"format": {"type": "json_schema", "schema": STRICT}},
    "tools": [CLAUDE_TOOL],
}


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def sent(server: ModelServer, path: str, body: Any) -> tuple[int, Any]:
    headers = {
        "Authorization": "Bearer k",
        "anthropic-version": "2026-10-21",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def with_schema(**changes: Any) -> dict[str, Any]:
    form = deepcopy(FORM)
    form["json_schema"]["schema"] = {**STRICT, **changes}
    return {**CHAT, "response_format": form}


def with_messages(*messages: Any) -> dict[str, Any]:
    return {**CHAT, "messages": list(messages)}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({**CHAT, "temperature": 0}, "Unknown parameter: 'temperature'"),
        ({**CHAT, "max_completion_tokens": 9}, "exclude"),
        ({**CHAT, "model": ""}, "model"),
        (with_messages(), "at least one"),
        (with_messages({"role": "assistant", "content": "I"}), "first message"),
        (with_messages(USER, {"role": "assistant", "content": "I"}), "last message"),
        (with_messages(USER, USER), "Unexpected role 'user' after role 'user'"),
        (with_messages(USER, CALLED, TOLD, USER), "Unexpected role 'user' after role 'tool'"),
        (with_messages(USER, TOLD), "Unexpected role 'tool'"),
        (with_messages(USER, CALLED, {**TOLD, "tool_call_id": "d"}), "without its tool_call"),
        (with_messages(USER, CALLED, {"role": "user", "content": "x"}), "without an answer"),
        (with_messages({"role": "user", "content": ""}), "without content"),
        (with_schema(additionalProperties=True), "additionalProperties"),
        (with_schema(required=[]), "required"),
        (with_schema(default={}), "'default' is not permitted"),
        (with_schema(properties={"x": {"$ref": "#/$defs/X", "description": "d"}}), "beside it"),
        (with_schema(properties={"x": {"$ref": "#/$defs/X"}}), "no definition X"),
        ({**CHAT, "response_format": {"type": "json_object"}}, "the word 'json'"),
        ({**CHAT, "tools": [{**TOOL, "type": "tool"}]}, "tools"),
        ({**CHAT, "tools": [], "tool_choice": "none"}, "tool_choice"),
    ],
)
def test_a_chat_request_that_openai_or_mistral_would_refuse_is_refused(
    body: Any, why: str, server: ModelServer
) -> None:
    status, answer = sent(server, "/v1/chat/completions", body)
    assert status == 400
    assert why in answer["error"]["message"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({name: value for name, value in CLAUDE.items() if name != "max_tokens"}, "max_tokens"),
        ({**CLAUDE, "temperature": 0}, "Unknown parameter"),
        ({**CLAUDE, "messages": [{"role": "system", "content": "x"}]}, "user and assistant only"),
        ({**CLAUDE, "messages": [USER, {"role": "assistant", "content": "{"}]}, "prefill"),
        ({**CLAUDE, "messages": [USER, USE, USER]}, "without `tool_result`"),
        ({**CLAUDE, "messages": [USER, RESULT]}, "unexpected `tool_use_id`"),
        ({**CLAUDE, "messages": [USER, USE, RESULT], "tools": []}, "must define tools"),
        ({**CLAUDE, "messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, "non-empty"),
        (
            {
                **CLAUDE,
                "output_config": {
                    "format": {"type": "json_schema", "schema": {"type": "string", "minLength": 1}}
                },
            },
            "'minLength' is not permitted",
        ),
    ],
)
def test_a_messages_request_that_anthropic_would_refuse_is_refused(
    body: Any, why: str, server: ModelServer
) -> None:
    status, answer = sent(server, "/v1/messages", body)
    assert status == 400
    assert why in answer["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/messages", CLAUDE),
        ("/v1/messages", {**CLAUDE, "messages": [USER, USE, RESULT]}),
    ],
)
def test_a_right_request_is_answered_with_the_emptiest_answer(
    path: str, body: Any, server: ModelServer
) -> None:
    server.reply = nothing_found
    status, answer = sent(server, path, body)
    assert status == 200
    assert '{\\"x\\": \\"\\"}' in json.dumps(answer)


def test_an_unknown_path_and_a_missing_credential_are_refused(server: ModelServer) -> None:
    assert sent(server, "/v2/chat", CHAT)[0] == 404
    request = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(CHAT).encode())
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as error:
        assert error.code == 401


def test_no_credential_is_kept(server: ModelServer) -> None:
    sent(server, "/v1/chat/completions", CHAT)
    assert server.requests[-1].headers["authorization"] == "Bearer"


def test_the_emptiest_value_fits_its_schema() -> None:
    assert schema_of(CHAT) == STRICT
    whole = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "$defs": {"A": {"enum": ["one", "two"]}},
    }
    assert emptiest(whole) == {"a": "one", "b": None}
