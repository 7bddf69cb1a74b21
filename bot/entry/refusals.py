"""What the runs API answers to what it does not grant: `{"error": sentence}`, and never a 500."""

import math
from collections.abc import Mapping
from typing import Final

import structlog
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot.entry.body import UNREAD
from bot.entry.error_tracking import origin, report_error
from bot.entry.health import json_answer
from bot.errors import BadDelivery, Denied, PlatformError, Unavailable, UsageError

AGAIN_SECONDS: Final = 5.0

NO_REDIS = "Redis does not answer: ask again later"
NO_GITLAB = "GitLab could not be asked: {reason}"
BROKEN = "the request could not be handled: ask again later"

log = structlog.get_logger("trivet.web")


def refusal(error: Exception) -> Response:
    """What is wrong with the request is told to who sent it; what is wrong with us is told to the log, too."""
    denied = as_denied(error)
    say = log.error if denied.status >= 500 else log.info
    if str(denied) == BROKEN:
        report_error(error)
    say("refused", code=denied.status, reason=str(denied), **_origin(error, denied))
    return json_answer(denied.status, {"error": str(denied)}, _headers(denied))


async def unrouted(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods, in the shape of every other refusal."""
    assert isinstance(error, HTTPException)
    return json_answer(error.status_code, {"error": error.detail}, error.headers)


def as_denied(error: Exception) -> Denied:
    match error:
        case Denied():
            return error
        case BadDelivery():
            return Denied(error.status, str(error))
        case Unavailable():
            return Denied(503, NO_GITLAB.format(reason=error), error.retry_after or AGAIN_SECONDS)
        case PlatformError() | UsageError():
            return Denied(503, NO_GITLAB.format(reason=error))
        case RedisError() | OSError():
            return Denied(503, NO_REDIS, AGAIN_SECONDS)
        case _:
            return Denied(503, BROKEN, AGAIN_SECONDS)


def _origin(error: Exception, denied: Denied) -> Mapping[str, str]:
    """Where an error nobody foresaw comes from; its text may hold what a sender wrote."""
    return {"error": origin(error)} if str(denied) == BROKEN else {}


def _headers(denied: Denied) -> dict[str, str]:
    """A body that was not read to its end ends the connection."""
    headers = {"www-authenticate": "Bearer"} if denied.status == 401 else {}
    if denied.retry_after is not None:
        headers["retry-after"] = str(math.ceil(denied.retry_after))
    if denied.status in UNREAD:
        headers["connection"] = "close"
    return headers
