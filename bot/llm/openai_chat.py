"""OpenAI's chat completions, as every compatible server speaks them (platform.openai.com/docs/api-reference/chat)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, Field

from bot.llm.faults import Server
from bot.llm.messages import Asked, Called, Told, Usage
from bot.llm.sdk import Connection, guessed_usage, usage
from bot.llm.wire import End, Line, RawCall, Reply, Request, Rung, Said

RUNGS: Final[tuple[Rung, ...]] = ("json_schema", "json_object", "prompt")
EFFORTS: Final = (
    None,
    "none",
)  # beside tools, which OpenAI's reasoning models take here only if they do not think
LIMITS: Final = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}  # each one's other
NOTED: Final = "I have read that."  # Mistral takes no user's message right after a tool's (its code 3230)
ENDS: Final[Mapping[str | None, End]] = {
    "length": "cut",
    "model_length": "cut",
    "content_filter": "refused",
}

Message = dict[str, Any]


def load() -> ModuleType:
    """The SDK, which takes a second to import."""
    import openai

    return openai


class OpenAIChat:
    """A `bot.llm.wire.Wire`. `limit` is the name this server has for the output limit."""

    rungs = RUNGS
    efforts = EFFORTS

    def __init__(
        self,
        server: Server,
        base_url: str,
        seconds: float,
        limit: str = "max_tokens",
        shows_schema: bool = False,
    ) -> None:
        self.shows_schema = shows_schema
        self.connection = Connection(load, "AsyncOpenAI", server, base_url, seconds)
        self._limit = limit

    async def send(self, model: str, request: Request) -> Reply:
        body = _body(model, request, LIMITS[self._limit] if request.other_limit else self._limit)
        answer = await self.connection.ask(
            lambda client: client.chat.completions.with_raw_response.create(**body)
        )
        return _reply(self.connection.read(answer, _Completion), model, request)


# --- what goes out ---


def _body(model: str, request: Request, limit: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": _messages(request), limit: request.most_output}
    form = _response_format(request)
    if form:
        body["response_format"] = form
    if request.tools:
        body |= _tools(request)
    return body


def _response_format(request: Request) -> dict[str, Any] | None:
    if request.rung == "json_schema":
        named = {"name": request.answer_name, "strict": True, "schema": request.schema}
        return {"type": "json_schema", "json_schema": named}
    return {"type": "json_object"} if request.rung == "json_object" else None


def _tools(request: Request) -> dict[str, Any]:
    functions = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in request.tools
    ]
    body: dict[str, Any] = {"tools": [{"type": "function", "function": function} for function in functions]}
    if not request.may_call:
        body["tool_choice"] = "none"
    if request.effort:
        body["reasoning_effort"] = request.effort
    return body


def _messages(request: Request) -> list[Message]:
    """System, then turns that alternate: chat templates of many models refuse two messages of one role in a row."""
    opening = [{"role": "user", "content": text} for text in (request.shared, request.instruction) if text]
    lines = (message for line in request.lines for message in _message(line))
    return [{"role": "system", "content": request.system}, *_alternating([*opening, *lines])]


def _message(line: Line) -> Iterator[Message]:
    match line:
        case Asked(text):
            yield {"role": "user", "content": text}
        case Said(text):
            yield {"role": "assistant", "content": text}
        case Told(call_id, text):
            yield {"role": "tool", "tool_call_id": call_id, "content": text}
        case Called(calls):
            functions = [
                (call.id, {"name": call.name, "arguments": json.dumps(call.arguments)}) for call in calls
            ]
            tool_calls = [{"id": id, "type": "function", "function": function} for id, function in functions]
            yield {"role": "assistant", "content": None, "tool_calls": tool_calls}


def _alternating(messages: Iterable[Message]) -> list[Message]:
    result: list[Message] = []
    for message in messages:
        before = result[-1] if result else {"role": ""}
        if before["role"] == message["role"] == "user":
            result[-1] = {"role": "user", "content": f"{before['content']}\n\n{message['content']}"}
            continue
        if before["role"] == "tool" and message["role"] == "user":
            result.append({"role": "assistant", "content": NOTED})
        result.append(message)
    return result


# --- what comes back ---


class _Function(BaseModel):
    name: str
    arguments: Any = ""


class _Call(BaseModel):
    id: str | None = None
    function: _Function


class _Message(BaseModel):
    """`content` is text, or parts of which some are text (Mistral's reasoning models)."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class CacheDetails(BaseModel):
    """Which part of the input was read from the cache, and which was put into it."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: CacheDetails | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(default_factory=list)
    usage: _Usage | None = None


def _reply(completion: _Completion, model: str, request: Request) -> Reply:
    if not completion.choices:
        return Reply("", (), "done", _usage(completion.usage, model, request, ""))
    choice = completion.choices[0]
    text = _text(choice.message.content)
    end: End = "refused" if choice.message.refusal else ENDS.get(choice.finish_reason, "done")
    calls = tuple(
        RawCall(call.id or f"call_{place}", call.function.name, call.function.arguments)
        for place, call in enumerate(choice.message.tool_calls or ())
    )
    return Reply(text, calls, end, _usage(completion.usage, model, request, text))


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    return content or ""


def _usage(told: _Usage | None, model: str, request: Request, text: str) -> Usage:
    """Tokens as told; `prompt_tokens` has the cached ones in it."""
    if told is None or told.prompt_tokens is None:
        return guessed_usage(request, text)
    parts = told.prompt_tokens_details or CacheDetails()
    return usage(
        model,
        told.prompt_tokens,
        told.completion_tokens or 0,
        parts.cached_tokens or 0,
        parts.cache_write_tokens or 0,
    )
