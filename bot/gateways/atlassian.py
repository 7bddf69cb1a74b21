"""One connection to a product of Atlassian's: a library's session with our time-outs, limits and errors."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import requests

from bot.domain.http_date import http_date
from bot.errors import PlatformError, Unavailable
from bot.gateways.bounded import BoundedAdapter
from bot.gateways.http import busy_for, status_error, transport_error

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # who waits for one answer holds up the runs behind it
PATIENCE = 3.0  # seconds: what is waited for burst limits within a minute
MINUTE = 60.0
HALF_A_SECOND = 0.5
SHORT_WAIT = 1.0  # seconds, where a burst limit does not say how long
GATEWAY = "api.atlassian.com"
CLOUD_HOSTS = (".atlassian.net", ".jira.com")
LOGIN_FAILED = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")
NO_SCOPE = "scope does not match"
HEADERS = {"User-Agent": "trivet", "Accept": "application/json"}

NOT_JSON = (
    "{platform} answered {what} with something that is not JSON; is a proxy or a login page in between?"
)

Verb = Literal["GET", "POST", "PUT", "DELETE"]
Fault = Callable[[int, str, str], PlatformError | None]
"""A product's own reading of a bad answer: from status, what was asked for and detail; None for the common one."""


class NotJson(Unavailable):
    """An answer that is none, as a proxy's or another product's page."""


class Wire:
    """Sends requests by address; raises only `PlatformError`s.

    `detail` reads an error's body, as JSON. Redirects are refused, so that the token goes to no other host. Every
    request is sent once; only what a burst limit turned away (429: it was not executed) is sent again, after a wait of
    moments by `pause`.
    """

    def __init__(
        self,
        session: requests.Session,
        *,
        platform: str,
        token: str,
        setting: str,
        detail: Callable[[dict[str, Any]], str],
        fault: Fault,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.platform = platform
        self._session = _confined(session)
        self._token = token
        self._setting = setting
        self._detail = detail
        self._own_fault = fault
        self._pause = pause
        self._waits: list[tuple[float, float]] = []  # when and how long

    def json(
        self, verb: Verb, address: str, what: str, query: Mapping[str, Any] | None = None, data: Any = None
    ) -> Any:
        """The answer as JSON. Raises Unavailable where it is none: a proxy's page, most likely."""
        return self._json(self.sent(verb, address, what, query, data), what)

    def json_or_nothing(
        self, verb: Verb, address: str, what: str, query: Mapping[str, Any] | None = None, data: Any = None
    ) -> Any:
        """The answer as JSON, None where it is empty."""
        answer = self.sent(verb, address, what, query, data)
        return self._json(answer, what) if answer.content else None

    def sent(
        self, verb: Verb, address: str, what: str, query: Mapping[str, Any] | None = None, data: Any = None
    ) -> requests.Response:
        """A good answer. What a burst limit turned away is sent again once."""
        answer = self._asked(verb, address, what, query, data)
        if answer.status_code == 429 and (wait := self._short_wait(answer.headers)) is not None:
            self._pause(wait)
            answer = self._asked(verb, address, what, query, data)
        if not answer.ok or _is_login_failed(answer):
            raise self._fault(answer, what)
        return answer

    def ahead(self, address: str, what: str) -> float | None:
        """By how many seconds the platform's clock is ahead of ours; None where its answer has no readable `Date`.

        To about a second: `Date` has whole ones, and the way there and back is taken for half each.
        """
        asked_at = time.time()
        said = self.sent("GET", address, what).headers.get("Date", "")
        moment = http_date(said)
        if moment is None:
            return None
        return moment.timestamp() + HALF_A_SECOND - (asked_at + time.time()) / 2

    def not_accepted(self, what: str) -> PlatformError:
        """The error for a token that is taken for nobody's."""
        return status_error(401, platform=self.platform, what=what, setting=self._setting)

    def _asked(
        self, verb: Verb, address: str, what: str, query: Mapping[str, Any] | None, data: Any
    ) -> requests.Response:
        """Past the libraries' own `request`: they repeat, log bodies and fall over errors that are not JSON objects."""
        try:
            return requests.Session.request(
                self._session,
                verb,
                address,
                params=query,
                data=None if data is None else orjson.dumps(data),
                headers=None if data is None else {"Content-Type": "application/json"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except requests.RequestException as error:
            raise transport_error(error, platform=self.platform, what=what) from None

    def _short_wait(self, headers: Mapping[str, str]) -> float | None:
        """Seconds to wait here for a burst or per-issue limit; None where the job is better put back.

        A spent quota (`RateLimit-Reason: jira-quota-...`) fills up by the hour
        (developer.atlassian.com/cloud/jira/platform/rate-limiting, .../cloud/confluence/rate-limiting).
        """
        said = busy_for(headers)
        wait = SHORT_WAIT if said is None else said
        now = time.monotonic()
        self._waits = [(at, seconds) for at, seconds in self._waits if at > now - MINUTE]
        waited = sum(seconds for _at, seconds in self._waits)
        if "quota" in headers.get("RateLimit-Reason", "") or waited + wait > PATIENCE:
            return None
        self._waits.append((now, wait))
        return wait

    def _fault(self, answer: requests.Response, what: str) -> PlatformError:
        detail = self._told(answer).replace(self._token, "***")
        status = _status(answer, detail)
        return self._own_fault(status, what, detail) or status_error(
            status,
            platform=self.platform,
            what=what,
            setting=self._setting,
            detail=detail,
            headers=answer.headers,
        )

    def _told(self, answer: requests.Response) -> str:
        """What the platform says is wrong. A page of HTML says nothing."""
        try:
            said = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            return answer.reason or ""
        return (self._detail(said) if isinstance(said, dict) else "") or answer.reason or ""

    def _json(self, answer: requests.Response, what: str) -> Any:
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise NotJson(NOT_JSON.format(platform=self.platform, what=what)) from None


def is_gateway(url: str) -> bool:
    """Whether an address is that of the API gateway, below which a site is named by its id."""
    return _host(url) == GATEWAY


def is_cloud_host(url: str) -> bool:
    return is_gateway(url) or _host(url).endswith(CLOUD_HOSTS)


def _confined(session: requests.Session) -> requests.Session:
    session.max_redirects = 0
    session.headers.update(HEADERS)
    for scheme in ("http://", "https://"):
        session.mount(scheme, BoundedAdapter())
    return session


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _status(answer: requests.Response, detail: str) -> int:
    """The gateway answers 401 also where a good token lacks one scope; that is what 403 says elsewhere."""
    if _is_login_failed(answer):
        return 401
    return 403 if answer.status_code == 401 and NO_SCOPE in detail else answer.status_code


def _is_login_failed(answer: requests.Response) -> bool:
    """Both may go on as nobody where a token is not accepted, and answer 200 or 404; this header says so."""
    return answer.headers.get("X-Seraph-LoginReason", "").startswith(LOGIN_FAILED)
