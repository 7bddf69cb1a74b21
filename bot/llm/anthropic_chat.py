"""Anthropic's messages (platform.claude.com/docs/en/api/messages).

Thinking is the model's own adaptive one. Its blocks are not sent back: with adaptive thinking earlier turns need not
begin with them (platform.claude.com/docs/en/build-with-claude/adaptive-thinking).
"""

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel

from bot.llm.faults import Server
from bot.llm.messages import Asked, Called, Told, Usage
from bot.llm.sdk import Connection, guessed_usage, usage
from bot.llm.wire import End, Line, RawCall, Reply, Request, Rung, Said

RUNGS: Final[tuple[Rung, ...]] = ("json_schema", "prompt")
EFFORTS: Final = ("medium", None)  # older models refuse any
CACHED: Final = {"type": "ephemeral"}  # five minutes, renewed by each use
ENDS: Final[Mapping[str | None, End]] = {
    "max_tokens": "cut",
    "model_context_window_exceeded": "overflow",
    "refusal": "refused",
}

Block = dict[str, Any]


def load() -> ModuleType:
    """The SDK, which takes a second to import."""
    import anthropic

    return anthropic


class AnthropicChat:
    """A `bot.llm.wire.Wire`."""

    rungs = RUNGS
    efforts = EFFORTS
    shows_schema = True

    def __init__(self, server: Server, base_url: str, seconds: float) -> None:
        self.connection = Connection(load, "AsyncAnthropic", server, base_url, seconds)

    async def send(self, model: str, request: Request) -> Reply:
        body = _body(model, request)
        answer = await self.connection.ask(lambda client: client.messages.with_raw_response.create(**body))
        return _reply(self.connection.read(answer, _Message), model, request)


# --- what goes out ---


def _body(model: str, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.most_output,
        "system": [{"type": "text", "text": request.system, "cache_control": CACHED}],
        "messages": _messages(request),
    }
    config = _output_config(request)
    if config:
        body["output_config"] = config
    if request.tools:
        body |= _tools(request)
    return body


def _output_config(request: Request) -> dict[str, Any]:
    """Form and effort; a model that does not know the one knows neither."""
    if request.rung != "json_schema":
        return {}
    form = {"format": {"type": "json_schema", "schema": request.schema}}
    return {**form, "effort": request.effort} if request.effort else form


def _tools(request: Request) -> dict[str, Any]:
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
        for tool in request.tools
    ]
    return {"tools": tools} | ({} if request.may_call else {"tool_choice": {"type": "none"}})


def _messages(request: Request) -> list[dict[str, Any]]:
    opening: list[tuple[str, Block]] = []
    if request.shared:
        opening.append(("user", {"type": "text", "text": request.shared, "cache_control": CACHED}))
    if request.instruction:
        opening.append(("user", {"type": "text", "text": request.instruction}))
    return _joined([*opening, *(block for line in request.lines for block in _blocks(line))])


def _blocks(line: Line) -> Iterator[tuple[str, Block]]:
    """(role, block) in order. An empty text is no block there."""
    match line:
        case Asked(text):
            yield "user", {"type": "text", "text": text}
        case Said(text):
            yield "assistant", {"type": "text", "text": text}
        case Told(call_id, text):
            yield "user", {"type": "tool_result", "tool_use_id": call_id, "content": text}
        case Called(calls):
            for call in calls:
                yield (
                    "assistant",
                    {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments},
                )


def _joined(blocks: Iterable[tuple[str, Block]]) -> list[dict[str, Any]]:
    """Messages with all blocks of one role in a row, which the results of several calls have to be."""
    messages: list[dict[str, Any]] = []
    for role, block in blocks:
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].append(block)
        else:
            messages.append({"role": role, "content": [block]})
    return messages


# --- what comes back ---


class _Block(BaseModel):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(BaseModel):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage | None = None


def _reply(message: _Message, model: str, request: Request) -> Reply:
    text = "".join(block.text or "" for block in message.content if block.type == "text")
    calls = tuple(
        RawCall(block.id or f"call_{place}", block.name or "", block.input)
        for place, block in enumerate(message.content)
        if block.type == "tool_use"
    )
    end = ENDS.get(message.stop_reason, "done")
    return Reply(text, calls, end, _usage(message.usage, model, request, text))


def _usage(told: _Usage | None, model: str, request: Request, text: str) -> Usage:
    """Tokens as told; `input_tokens` has neither those read from the cache in it nor those put into it."""
    if told is None or told.input_tokens is None:
        return guessed_usage(request, text)
    fresh, output = told.input_tokens, told.output_tokens or 0
    cached, written = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
    return usage(model, fresh + cached + written, output, cached, written)
