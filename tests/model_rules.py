"""What the real providers refuse, as far as we send it: the stand-in model server refuses the same.

Sources: the API references of OpenAI (chat/create, responses/create, guides/structured-outputs) and Anthropic
(api/messages, build-with-claude/structured-outputs, build-with-claude/prompt-caching). Where servers differ the
strictest rule counts: Mistral refuses a user's message right after a tool's (code 3230), chat templates of local
models refuse two messages of one role in a row.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Body = dict[str, Any]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
UNSUPPORTED = {
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "default",
    "patternProperties",
    "uniqueItems",
    "title",
}
LIMITS = {
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
    "multipleOf",
}  # Anthropic takes none of these

COMPLETION_FIELDS = {
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning_effort",
    "store",
    "user",
}
RESPONSE_FIELDS = {
    "model",
    "input",
    "instructions",
    "max_output_tokens",
    "text",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "store",
    "include",
}
MESSAGE_FIELDS = {
    "model",
    "messages",
    "system",
    "max_tokens",
    "output_config",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
}
MAY_FOLLOW = {  # role -> roles that may come next
    "system": {"user"},
    "user": {"assistant"},
    "assistant": {"user", "tool"},
    "tool": {"tool", "assistant"},
}


class Refusal(Exception):
    """The request is not one the real provider takes."""

    def __init__(self, message: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param = status, param
        self.type = {401: "authentication_error", 404: "not_found_error"}.get(status, "invalid_request_error")


def check(path: str, headers: dict[str, str], body: Body) -> None:
    """Raises Refusal."""
    checks = {
        "/v1/chat/completions": _completion,
        "/v1/responses": _response,
        "/v1/messages": _message,
    }
    if path not in checks:
        raise Refusal(f"unknown path {path}", 404)
    if headers.get("authorization") != "Bearer" and "x-api-key" not in headers:
        raise Refusal("no credential", 401)
    _need(bool(body.get("model")) and isinstance(body["model"], str), "model: a name is required")
    checks[path](headers, body)


def _need(holds: bool, otherwise: str, param: str | None = None) -> None:
    if not holds:
        raise Refusal(otherwise, param=param)


def _known(body: Body, fields: set[str]) -> None:
    for name in body:
        _need(name in fields, f"Unknown parameter: '{name}'.", name)


# --- chat completions ---


def _completion(headers: dict[str, str], body: Body) -> None:
    _known(body, COMPLETION_FIELDS)
    _need(
        not {"max_tokens", "max_completion_tokens"} <= body.keys(),
        "max_tokens and max_completion_tokens exclude",
    )
    _roles(body.get("messages"))
    _calls_are_told(body["messages"])
    for tool in body.get("tools", []):
        _need(tool.get("type") == "function", "tools: type must be 'function'")
        _tool(tool["function"], tool["function"].get("parameters"))
    _choice(body, body.get("tool_choice"), {"none", "auto", "required"})
    _response_format(body)


def _roles(messages: Any) -> None:
    _need(isinstance(messages, list) and bool(messages), "messages: at least one is required")
    _need(messages[0]["role"] in ("system", "user"), "the first message must be system or user")
    for before, after in pairwise(messages):
        allowed = MAY_FOLLOW[before["role"]]
        _need(after["role"] in allowed, f"Unexpected role '{after['role']}' after role '{before['role']}'")
    _need(messages[-1]["role"] in ("user", "tool"), "the last message must be user or tool")


def _calls_are_told(messages: list[Body]) -> None:
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            _need(message.get("tool_call_id") in open_calls, "a tool message without its tool_call")
            open_calls.remove(message["tool_call_id"])
            _need(isinstance(message.get("content"), str), "tool content must be text")
            continue
        _need(not open_calls, f"tool_calls without an answer: {open_calls}")
        open_calls = [_completion_call(call) for call in message.get("tool_calls", [])]
        _need(
            bool(message.get("content")) or bool(open_calls), f"a {message['role']} message without content"
        )
    _need(not open_calls, f"tool_calls without an answer: {open_calls}")


def _completion_call(call: Body) -> str:
    _need(call.get("type") == "function", "tool_calls: type must be 'function'")
    _json_object(call["function"]["arguments"])
    return str(call["id"])


def _response_format(body: Body) -> None:
    shape = body.get("response_format")
    if shape is None:
        return
    _need(shape.get("type") in ("json_object", "json_schema"), "unknown response_format", "response_format")
    if shape["type"] == "json_object":
        _need(
            "json" in json.dumps(body["messages"]).lower(),
            "'messages' must contain the word 'json'",
            "messages",
        )
        return
    named = shape.get("json_schema", {})
    _need(bool(NAME.match(named.get("name", ""))), "json_schema.name is required", "response_format")
    _need(named.get("strict") is True, "we always ask for strict", "response_format")
    strict(named["schema"], "response_format", set())


# --- responses ---


def _response(headers: dict[str, str], body: Body) -> None:
    _known(body, RESPONSE_FIELDS)
    items = body.get("input")
    _need(isinstance(items, list) and bool(items), "input: at least one item is required")
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    told = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    _need(sorted(calls) == sorted(told), "No tool output found for function call")
    for item in items:
        if item.get("type") == "function_call":
            _json_object(item["arguments"])
        elif item.get("type") != "function_call_output":
            _need(
                item.get("role") in ("user", "assistant") and bool(item.get("content")),
                "a message needs content",
            )
    for tool in body.get("tools", []):
        _need(tool.get("type") == "function", "tools: type must be 'function'")
        _tool(tool, tool.get("parameters"))
    _choice(body, body.get("tool_choice"), {"none", "auto", "required"})
    _text_format(body)


def _text_format(body: Body) -> None:
    shape = body.get("text", {}).get("format")
    if shape and shape["type"] == "json_schema":
        _need(bool(NAME.match(shape.get("name", ""))), "text.format.name is required", "text.format")
        _need(shape.get("strict") is True, "we always ask for strict", "text.format")
        strict(shape["schema"], "text.format", set())


# --- messages ---


def _message(headers: dict[str, str], body: Body) -> None:
    _need("anthropic-version" in headers, "anthropic-version: header is required")
    _known(body, MESSAGE_FIELDS)
    _need(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
    messages = body.get("messages")
    _need(isinstance(messages, list) and bool(messages), "messages: at least one message is required")
    _need(all(one["role"] in ("user", "assistant") for one in messages), "messages: user and assistant only")
    _need(messages[0]["role"] == "user", "messages: first message must use the user role")
    _need(messages[-1]["role"] == "user", "This model does not support assistant message prefill")
    _uses_have_results(messages)
    _blocks(body)
    for tool in body.get("tools", []):
        _tool(tool, tool.get("input_schema"))
    if "tool_choice" in body:
        _choice(body, body["tool_choice"].get("type"), {"none", "auto", "any", "tool"})
    shape = body.get("output_config", {}).get("format")
    if shape is not None:
        _need(
            shape.get("type") == "json_schema", "output_config.format: unknown type", "output_config.format"
        )
        strict(shape["schema"], "output_config.format", LIMITS)


def _uses_have_results(messages: list[Body]) -> None:
    for place, message in enumerate(messages):
        wanted = {block["id"] for block in _of(message, "tool_use")}
        after = messages[place + 1] if place + 1 < len(messages) else {"content": []}
        got = [block["tool_use_id"] for block in _of(after, "tool_result")]
        _need(set(got) >= wanted, "`tool_use` ids were found without `tool_result` blocks immediately after")
        before = {block["id"] for block in _of(messages[place - 1], "tool_use")} if place else set()
        results = [block["tool_use_id"] for block in _of(message, "tool_result")]
        _need(before >= set(results), "unexpected `tool_use_id` found in `tool_result` blocks")
        kinds = [block["type"] for block in _content(message)]
        _need(
            kinds[: len(results)].count("tool_result") == len(results), "tool_result blocks must come first"
        )


def _blocks(body: Body) -> None:
    blocks = [*_content({"content": body.get("system", [])})]
    blocks += [block for message in body["messages"] for block in _content(message)]
    for block in blocks:
        if block["type"] == "text":
            _need(bool(block.get("text", "").strip()), "text content blocks must be non-empty")
        if block["type"] == "tool_use":
            _need(isinstance(block.get("input"), dict), "tool_use.input: Input should be a valid dictionary")
    _need(sum("cache_control" in block for block in blocks) <= 4, "A maximum of 4 blocks with cache_control")
    used = any(block["type"] in ("tool_use", "tool_result") for block in blocks)
    _need(
        not used or bool(body.get("tools")),
        "Requests which have `tool_use` or `tool_result` must define tools",
    )


def _content(message: Body) -> list[Body]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _of(message: Body, kind: str) -> Iterator[Body]:
    return (block for block in _content(message) if block["type"] == kind)


# --- for all ---


def _tool(tool: Body, parameters: Any) -> None:
    _need(bool(NAME.match(tool.get("name", ""))), "tools: bad name", "tools")
    _need(bool(tool.get("description")), "tools: we always describe them", "tools")
    _need(
        isinstance(parameters, dict) and parameters.get("type") == "object",
        "tools: parameters: an object",
        "tools",
    )


def _choice(body: Body, choice: Any, known: set[str]) -> None:
    if choice is not None:
        _need(bool(body.get("tools")), "tool_choice is only allowed when tools are specified", "tool_choice")
        _need(choice in known, "tool_choice: unknown", "tool_choice")


def _json_object(text: Any) -> None:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        raise Refusal("arguments are not JSON") from None
    _need(isinstance(value, dict), "arguments are not an object")


def strict(schema: Any, param: str, unsupported: set[str], root: Body | None = None) -> None:
    """OpenAI's rules for strict schemas; Anthropic's are the same ones and a few keywords less."""
    if not isinstance(schema, dict):
        return
    root = root or schema
    for word in schema.keys() & (UNSUPPORTED | unsupported):
        raise Refusal(f"Invalid schema: '{word}' is not permitted", param=param)
    if "$ref" in schema:
        _need(schema.keys() == {"$ref"}, "Invalid schema: $ref cannot have keywords beside it", param)
        name = schema["$ref"].removeprefix("#/$defs/")
        _need(name in root.get("$defs", {}), f"Invalid schema: no definition {name}", param)
    if schema.get("type") == "object":
        _need(schema.get("additionalProperties") is False, "'additionalProperties' must be false", param)
        _need(
            sorted(schema.get("required", [])) == sorted(schema.get("properties", {})),
            "'required' lacks keys",
            param,
        )
    for part in (
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        *schema.get("anyOf", []),
        schema.get("items"),
    ):
        strict(part, param, unsupported, root)
