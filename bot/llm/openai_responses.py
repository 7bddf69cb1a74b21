"""OpenAI's responses, for OpenAI itself (platform.openai.com/docs/api-reference/responses).

Its reasoning models refuse tools by chat completions unless they are told not to reason. Nothing is stored there.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

from bot.llm.faults import Server
from bot.llm.messages import Asked, Called, Told, Usage
from bot.llm.openai_chat import RUNGS, CacheDetails, load
from bot.llm.sdk import Connection, guessed_usage, usage
from bot.llm.wire import End, Line, RawCall, Reply, Request, Said

EFFORTS: Final = ("medium", None)  # models that do not reason refuse any
ENDS: Final[Mapping[str | None, End]] = {"max_output_tokens": "cut", "content_filter": "refused"}

Item = dict[str, Any]


class OpenAIResponses:
    """A `bot.llm.wire.Wire`."""

    rungs = RUNGS
    efforts = EFFORTS
    shows_schema = True

    def __init__(self, server: Server, base_url: str, seconds: float) -> None:
        self.connection = Connection(load, "AsyncOpenAI", server, base_url, seconds)

    async def send(self, model: str, request: Request) -> Reply:
        body = _body(model, request)
        answer = await self.connection.ask(lambda client: client.responses.with_raw_response.create(**body))
        return _reply(self.connection.read(answer, _Response), model, request)


# --- what goes out ---


def _body(model: str, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "instructions": request.system,
        "input": _input(request),
        "max_output_tokens": request.most_output,
        "prompt_cache_key": _cache_key(request),
        "store": False,
    }
    if request.effort:
        body["reasoning"] = {"effort": request.effort}
    form = _format(request)
    if form:
        body["text"] = {"format": form}
    if request.tools:
        body |= _tools(request)
    return body


def _cache_key(request: Request) -> str:
    """Alike for all requests of a run, so that they reach the machine that has their beginning."""
    return hashlib.sha256(f"{request.system}\0{request.shared}".encode("utf-8", "surrogatepass")).hexdigest()[
        :32
    ]


def _format(request: Request) -> dict[str, Any] | None:
    if request.rung == "json_schema":
        return {"type": "json_schema", "name": request.answer_name, "strict": True, "schema": request.schema}
    return {"type": "json_object"} if request.rung == "json_object" else None


def _tools(request: Request) -> dict[str, Any]:
    tools = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in request.tools
    ]
    return {"tools": tools} | ({} if request.may_call else {"tool_choice": "none"})


def _input(request: Request) -> list[Item]:
    opening = [{"role": "user", "content": text} for text in (request.shared, request.instruction) if text]
    return [*opening, *(item for line in request.lines for item in _items(line))]


def _items(line: Line) -> Iterator[Item]:
    match line:
        case Asked(text):
            yield {"role": "user", "content": text}
        case Said(text):
            yield {"role": "assistant", "content": text}
        case Told(call_id, text):
            yield {"type": "function_call_output", "call_id": call_id, "output": text}
        case Called(calls):
            for call in calls:
                arguments = json.dumps(call.arguments)
                yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


# --- what comes back ---


class _Part(BaseModel):
    type: str
    text: str = ""


class _Item(BaseModel):
    type: str
    content: list[_Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None


class _Why(BaseModel):
    reason: str | None = None


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: CacheDetails | None = None


class _Response(BaseModel):
    output: list[_Item] = Field(default_factory=list)
    incomplete_details: _Why | None = None
    usage: _Usage | None = None


def _reply(response: _Response, model: str, request: Request) -> Reply:
    said = [part for item in response.output if item.type == "message" for part in item.content or ()]
    text = "".join(part.text for part in said if part.type == "output_text")
    calls = tuple(
        RawCall(item.call_id or f"call_{place}", item.name or "", item.arguments)
        for place, item in enumerate(response.output)
        if item.type == "function_call"
    )
    why = response.incomplete_details.reason if response.incomplete_details else None
    end: End = "refused" if any(part.type == "refusal" for part in said) else ENDS.get(why, "done")
    return Reply(text, calls, end, _usage(response.usage, model, request, text))


def _usage(told: _Usage | None, model: str, request: Request, text: str) -> Usage:
    """Tokens as told; `input_tokens` has the cached ones in it."""
    if told is None or told.input_tokens is None:
        return guessed_usage(request, text)
    parts = told.input_tokens_details or CacheDetails()
    return usage(
        model,
        told.input_tokens,
        told.output_tokens or 0,
        parts.cached_tokens or 0,
        parts.cache_write_tokens or 0,
    )
