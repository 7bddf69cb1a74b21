"""From an HTTP status or a transport fault to one of our errors, in one table.

Nothing here repeats a request: the one owner of retries is the queue, which puts the whole job back.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import requests

from bot.domain.http_date import http_date
from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Refused, Unavailable
from bot.gateways.bounded import TooManyBytes

LONGEST_WAIT = 3_600.0  # seconds: what a platform may make us wait, however much it asks for
LONGEST_DETAIL = 200  # characters


class Broken(Unavailable):
    """500: the platform broke at this very request, which may break it again."""


class Conflict(Unavailable):
    """Somebody else changed it since it was read: read it again, then decide again."""


class TooLarge(PlatformError):
    """An answer of more bytes than we take."""


SENTENCES: Mapping[int, tuple[type[PlatformError], str]] = {
    400: (Refused, "{platform} refused {what}: {detail}"),
    401: (
        AccessDenied,
        "{platform} does not accept the token (401): it may be expired or revoked; renew {setting}",
    ),
    403: (
        Forbidden,
        "{platform} forbids {what} (403): the token of {setting} lacks the role or the scope",
    ),
    404: (
        NotFound,
        "{platform} does not find {what} (404): it is gone, or the token of {setting} may not see it",
    ),
    405: (Refused, "{platform} refused {what}: {detail}"),
    409: (Refused, "{platform} refused {what}: {detail}"),
    410: (NotFound, "{platform} no longer has {what} (410), or not for the token of {setting}"),
    413: (Refused, "{platform} finds {what} too large (413)"),
    422: (Refused, "{platform} refused {what}: {detail}"),
}
BUSY = "{platform} is busy ({status}): {what} will be tried again"
BROKEN = "{platform} failed ({status}) at {what}"
UNREACHABLE = "{platform} cannot be reached for {what}: {detail}"
REDIRECTED = (
    "{platform} redirects {what} to {detail}: use that address; if all of {platform} moved, set {address}"
)
ODD = "{platform} answered {status} to {what}"
TOO_LARGE = "{platform} answered {what} with more than {limit:,} bytes"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or a date, RFC 9110), at most an hour; None where it says nothing."""
    said = headers.get("Retry-After", "").strip()
    return _bounded(float(said)) if _is_number(said) else _until(http_date(said), now)


def reset_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds until GitLab's `RateLimit-Reset` (Unix time), which stands in every answer and counts with a 429 only."""
    said = headers.get("RateLimit-Reset", "").strip()
    moment = now or datetime.now(UTC)
    return _bounded(float(said) - moment.timestamp()) if _is_number(said) else None


def reset_at(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds until Jira's `X-RateLimit-Reset` (ISO 8601), which counts with a 429 only."""
    try:
        moment = datetime.fromisoformat(headers.get("X-RateLimit-Reset", "").strip())
    except ValueError:
        return None
    return _until(moment if moment.tzinfo else moment.replace(tzinfo=UTC), now)


def busy_for(headers: Mapping[str, str]) -> float | None:
    """Seconds that a 429 asks us to wait, by whichever header says so; None where none does."""
    said = (read(headers) for read in (retry_after, reset_after, reset_at))
    return next((seconds for seconds in said if seconds is not None), None)


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
    words = {"platform": platform, "what": what, "setting": setting, "status": status}
    said = headers or {}
    if status == 429:
        return Unavailable(BUSY.format(**words), busy_for(said))
    if status >= 500 or status in (408, 425):
        kind_of_fault = Broken if status == 500 else Unavailable
        return kind_of_fault(BROKEN.format(**words), retry_after(said))
    if status in SENTENCES:
        kind, sentence = SENTENCES[status]
        text = sentence.format(**words, detail=_short(detail))
        return Refused(text, detail) if kind is Refused else kind(text)
    return PlatformError(ODD.format(**words))


def transport_error(error: requests.RequestException, *, platform: str, what: str) -> PlatformError:
    """The error for a request that got no answer we can use."""
    if isinstance(error, requests.TooManyRedirects):
        return _redirected(error, platform, what)
    if isinstance(error, TooManyBytes):
        return TooLarge(TOO_LARGE.format(platform=platform, what=what, limit=error.limit))
    detail = "no answer in time" if isinstance(error, requests.Timeout) else type(error).__name__
    return Unavailable(UNREACHABLE.format(platform=platform, what=what, detail=detail))


def _redirected(error: requests.RequestException, platform: str, what: str) -> PlatformError:
    place = error.response.headers.get("Location", "") if error.response is not None else ""
    detail = _short(place.partition("?")[0]) or "another address"
    address = f"TRIVET_{platform.upper()}__URL"
    return PlatformError(REDIRECTED.format(platform=platform, what=what, detail=detail, address=address))


def _is_number(said: str) -> bool:
    return said.isascii() and said.isdigit() and len(said) <= 20


def _until(moment: datetime | None, now: datetime | None) -> float | None:
    return None if moment is None else _bounded((moment - (now or datetime.now(UTC))).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _short(detail: str) -> str:
    """One printable line."""
    line = " ".join("".join(char if char.isprintable() else " " for char in detail).split())
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "…"
