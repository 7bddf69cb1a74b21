"""A model below `/sandbox/model/v1`, as OpenAI-compatible servers speak: its answers are prepared ones.

Source: platform.openai.com/docs/api-reference/chat. A question holds its material as a JSON object, and in words or as
`response_format` the schema that the answer has to fit.
"""

import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from bot.sandbox.prepared import Question, answer

PREFIX = "/sandbox/model/v1"
NAME = "prepared-answers"
CHARACTERS_A_TOKEN = 4
BEGIN = re.compile(r"^ ?\{", re.MULTILINE)  # by itself, or in a list
NO_SCHEMA = "no JSON schema for the answer"

Json = dict[str, Any]


def router() -> APIRouter:
    routes = APIRouter(prefix=PREFIX)
    numbers = itertools.count(1)

    @routes.get("/models")
    def models() -> Json:
        return {"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": "sandbox"}]}

    @routes.post("/chat/completions")
    async def completions(request: Request) -> JSONResponse:
        asked = await request.json()
        text = "\n".join(_texts(asked))
        shown = tuple(_objects(text))
        schema = _response_schema(asked) or next(filter(_is_schema, shown), None)
        if schema is None:
            return JSONResponse(
                {"error": {"message": NO_SCHEMA, "type": "invalid_request_error"}}, status_code=400
            )
        return JSONResponse(_completion(asked, answer(Question(schema, shown, text)), next(numbers)))

    return routes


def _response_schema(asked: Json) -> Json | None:
    schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
    return schema if isinstance(schema, dict) else None


def _texts(asked: Json) -> Iterator[str]:
    """What the user says."""
    for message in asked.get("messages", []):
        if message["role"] == "user":
            yield str(message["content"])


def _objects(text: str) -> Iterator[Json]:
    """The JSON objects that begin a line."""
    decoder, place = json.JSONDecoder(), 0
    while found := BEGIN.search(text, place):
        try:
            one, place = decoder.raw_decode(text, found.end() - 1)
        except ValueError:
            place = found.end()
        else:
            yield one


def _is_schema(one: Json) -> bool:
    return one.get("type") == "object" and "properties" in one


def _completion(asked: Json, answered: Json, number: int) -> Json:
    said = json.dumps(answered, ensure_ascii=False)
    shown, written = (len(text) // CHARACTERS_A_TOKEN + 1 for text in (json.dumps(asked["messages"]), said))
    message = {"role": "assistant", "content": said, "refusal": None}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.get("model", NAME),
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {
            "prompt_tokens": shown,
            "completion_tokens": written,
            "total_tokens": shown + written,
        },
    }
