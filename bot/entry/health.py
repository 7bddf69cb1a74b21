"""Whether a process lives, and whether it can do its work: what orchestrators ask, and answers in JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]


async def alive(request: Request) -> Response:
    return json_answer(200, {"status": "alive"})


def readiness(problem: Callable[[], Awaitable[str | None]]) -> Endpoint:
    """`problem`: None while the process can do its work, else the reason why not."""

    async def answer(request: Request) -> Response:
        reason = await problem()
        if reason:
            return json_answer(503, {"status": "not ready", "reason": reason})
        return json_answer(200, {"status": "ready"})

    return answer


def json_answer(code: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), code, headers, media_type="application/json")
