"""A model below `/sandbox/model/v1`, as OpenAI-compatible servers speak: its answers are prepared ones.

Source: platform.openai.com/docs/api-reference/chat. It takes questions with a JSON schema for the answer only.
"""

import itertools
import json
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from bot.sandbox.prepared import answer

PREFIX = "/sandbox/model/v1"
NAME = "prepared-answers"
CHARACTERS_A_TOKEN = 4
NO_SCHEMA = "response_format must be a json_schema"

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
        schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
        if schema is None:
            return JSONResponse(
                {"error": {"message": NO_SCHEMA, "type": "invalid_request_error"}}, status_code=400
            )
        said = json.dumps(answer(schema, _material(asked)), ensure_ascii=False)
        return JSONResponse(_completion(asked, said, next(numbers)))

    return routes


def _material(asked: Json) -> Json:
    """The JSON object in the first of what the user says that holds one; empty where there is none."""
    for message in asked.get("messages", []):
        text = message["content"]
        if message["role"] == "user" and isinstance(text, str) and "{" in text:
            return _object(text[text.index("{") :])
    return {}


def _object(text: str) -> Json:
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _completion(asked: Json, said: str, number: int) -> Json:
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
