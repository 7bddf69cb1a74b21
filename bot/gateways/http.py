"""From an HTTP status or a transport fault to one of our errors, in one table.

Nothing here repeats a request: the one owner of retries is the queue, which puts the whole job back.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import requests

from bot.errors import AccessDenied, NotFound, PlatformError, Refused, Unavailable

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0

SENTENCES: Mapping[int, tuple[type[PlatformError], str]] = {
    400: (Refused, "{platform} refused {what}: {detail}"),
    401: (
        AccessDenied,
        "{platform} does not accept the token (401): it may be expired or revoked; renew {setting}",
    ),
    403: (
        AccessDenied,
        "{platform} forbids {what} (403): the token of {setting} lacks the role or the scope",
    ),
    404: (NotFound, "{platform} has no {what}, or the token of {setting} may not see it (404)"),
    409: (Refused, "{platform} refused {what}: {detail}"),
    410: (NotFound, "{platform} no longer has {what} (410)"),
    413: (Refused, "{platform} finds {what} too large (413)"),
    422: (Refused, "{platform} refused {what}: {detail}"),
}
BUSY = "{platform} is busy ({status}): {what} will be tried again"
BROKEN = "{platform} failed ({status}) at {what}"
UNREACHABLE = "{platform} cannot be reached at {what}: {detail}"
REDIRECTED = "{platform} redirects {what} elsewhere ({status}): set its final address"
ODD = "{platform} answered {status} to {what}"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After` (seconds) or GitLab's `RateLimit-Reset` (Unix time), if either is usable."""
    said = headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    reset = headers.get("RateLimit-Reset", "")
    if reset.isascii() and reset.isdigit():
        moment = now or datetime.now(UTC)
        return max(0.0, float(reset) - moment.timestamp())
    return None


def status_error(
    status: int,
    *,
    platform: str,
    what: str,
    setting: str,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
) -> PlatformError:
    """The error for an HTTP status. `what` is the thing asked for, `setting` names the token's setting."""
    words = {
        "platform": platform,
        "what": what,
        "setting": setting,
        "detail": _short(detail),
        "status": status,
    }
    if status == 429:
        return Unavailable(BUSY.format(**words), retry_after(headers or {}))
    if status >= 500 or status == 408:
        return Unavailable(BROKEN.format(**words), retry_after(headers or {}))
    if status in SENTENCES:
        kind, sentence = SENTENCES[status]
        text = sentence.format(**words)
        return Refused(text, detail) if kind is Refused else kind(text)
    return PlatformError((REDIRECTED if 300 <= status < 400 else ODD).format(**words))


def transport_error(error: requests.RequestException, *, platform: str, what: str) -> PlatformError:
    """The error for a request that got no answer."""
    words = {"platform": platform, "what": what}
    if isinstance(error, requests.TooManyRedirects):
        return PlatformError(REDIRECTED.format(**words, status="3xx"))
    if isinstance(error, requests.Timeout):
        return Unavailable(UNREACHABLE.format(**words, detail="no answer in time"))
    return Unavailable(UNREACHABLE.format(**words, detail=type(error).__name__))


def _short(detail: str) -> str:
    line = " ".join(detail.split())
    return line if len(line) <= 200 else line[:199] + "…"
