"""One connection to Jira, Cloud or Data Center: the `jira` package's session with our time-outs, limits and errors."""

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import orjson
import requests
from jira import JIRA

from bot.errors import Forbidden, PlatformError, Refused, Unavailable
from bot.gateways.bounded import BoundedAdapter
from bot.gateways.http import busy_for, status_error, transport_error
from bot.gateways.jira_shapes import ServerShape, shaped

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # who waits for one issue holds up the runs behind it
PATIENCE = 3.0  # seconds: what is waited for Jira's burst limits within a minute
MINUTE = 60.0
SHORT_WAIT = 1.0  # seconds, where a burst limit does not say how long
PER_PAGE = 100
MOST_FIELDS = 20  # of an error's field messages
GATEWAY = "api.atlassian.com"
CLOUD_HOSTS = (".atlassian.net", ".jira.com")
LOGIN_FAILED = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")
HEADERS = {"User-Agent": "trivet", "Accept": "application/json"}

NOT_JSON = "Jira answered {what} with something that is not JSON; is a proxy or a login page in between?"
NOT_A_LIST = "Jira answered {what} with something that is not a list of objects"
CONFLICT = "Jira was changing {what} at the same moment (409): it will be tried again"
FULL = "Jira takes no more for {what} (413): {detail}"
LIMIT = "the issue has reached one of Jira's limits, or the text is too long"

Verb = Literal["GET", "POST", "PUT", "DELETE"]


class JiraApi:
    """Typed calls by path below `/rest/api/3` on Cloud, `/rest/api/2` on Data Center. Raises only `PlatformError`s.

    `setting` names the setting the token came from. Redirects are refused, so that the token goes to no other host.
    Every request is sent once; only what a burst limit turned away (429: it was not executed) is sent again, after a
    wait of moments by `pause`.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        email: str | None,
        setting: str,
        deployment: Literal["auto", "cloud", "datacenter"] = "auto",
        browse_url: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._setting = setting
        self._deployment = deployment
        self._browse_url = browse_url
        self._pause = pause
        self._waits: list[tuple[float, float]] = []  # when and how long
        self._client = JIRA(
            self.url,
            basic_auth=(email, token) if email else None,
            token_auth=None if email else token,
            get_server_info=False,
            max_retries=0,
        )
        self._session = _confined(self._client._session)

    @cached_property
    def is_cloud(self) -> bool:
        """By the setting, else by the host, else by asking once (`deploymentType` of serverInfo)."""
        if self._deployment != "auto":
            return self._deployment == "cloud"
        host = _host(self.url)
        return host == GATEWAY or host.endswith(CLOUD_HOSTS) or self._server.deployment == "Cloud"

    @cached_property
    def site(self) -> str:
        """Where people open this Jira: as configured, else the address itself, which the gateway's is not."""
        if self._browse_url:
            return self._browse_url.rstrip("/")
        return self._server.site.rstrip("/") if _host(self.url) == GATEWAY else self.url

    def browse(self, key: str) -> str:
        """Where a person opens an issue."""
        return f"{self.site}/browse/{quote(key, safe='')}"

    def get(self, path: str, what: str, /, **query: Any) -> Any:
        """The answer as JSON. Raises Unavailable where it is none: a proxy's page, most likely."""
        return _json(self._answer("GET", path, what, query=query), what)

    def post(self, path: str, what: str, data: Any) -> Any:
        """The answer as JSON, None where there is none."""
        return _json_or_nothing(self._answer("POST", path, what, data=data), what)

    def put(self, path: str, what: str, data: Any, /, **query: Any) -> Any:
        """The answer as JSON, None where there is none."""
        return _json_or_nothing(self._answer("PUT", path, what, query=query, data=data), what)

    def put_quietly(self, path: str, what: str, data: Any) -> Any:
        """A change that notifies nobody; one that does where the account may not decide that (403, Data Center)."""
        try:
            return self.put(path, what, data, notifyUsers="false")
        except Forbidden:
            return self.put(path, what, data)

    def delete(self, path: str, what: str) -> None:
        self._answer("DELETE", path, what)

    def newest(self, path: str, what: str, items: str, most: int, /, **query: Any) -> list[dict[str, Any]]:
        """The last `most` entries of a list that begins with the oldest, in that order, a hundred at a time.

        `items` is the name that the list has in a page. What is listed on two pages, as the list grows, comes once.
        """
        found, total = self._page(path, what, items, 0, query)
        at = len(found)
        if total > most and at < total:
            found, at = [], total - most
        while at < total and len(found) < most:
            more, total = self._page(path, what, items, at, query)
            if not more:
                break
            found, at = found + more, at + len(more)
        return list({str(item.get("id", number)): item for number, item in enumerate(found)}.values())[-most:]

    def _page(
        self, path: str, what: str, items: str, start: int, query: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], int]:
        """One page, and how many entries there are in all."""
        page = self.get(path, what, **{"maxResults": PER_PAGE, **query, "startAt": start})
        found, total = (page.get(items), page.get("total")) if isinstance(page, dict) else (None, None)
        if not isinstance(total, int):
            raise PlatformError(NOT_A_LIST.format(what=what))
        return objects(found, what), total

    @cached_property
    def _server(self) -> ServerShape:
        what = "its server information"
        address = f"{self.url}/rest/api/2/serverInfo"  # both deployments have it there
        return shaped(ServerShape, _json(self._sent("GET", address, what), what), what)

    def _answer(
        self, verb: Verb, path: str, what: str, *, query: dict[str, Any] | None = None, data: Any = None
    ) -> requests.Response:
        address = f"{self.url}/rest/api/{3 if self.is_cloud else 2}{path}"
        return self._sent(verb, address, what, query, data)

    def _sent(
        self, verb: Verb, address: str, what: str, query: dict[str, Any] | None = None, data: Any = None
    ) -> requests.Response:
        """A good answer. What a burst limit turned away is sent again once."""
        answer = self._asked(verb, address, what, query, data)
        if answer.status_code == 429 and (wait := self._short_wait(answer.headers)) is not None:
            self._pause(wait)
            answer = self._asked(verb, address, what, query, data)
        if not answer.ok or _is_login_failed(answer):
            raise self._fault(answer, what)
        return answer

    def _asked(
        self, verb: Verb, address: str, what: str, query: dict[str, Any] | None, data: Any
    ) -> requests.Response:
        """Past the package's own `request`: it falls over errors that are not JSON objects."""
        try:
            return requests.Session.request(
                self._session,
                verb,
                address,
                params=query,
                data=None if data is None else orjson.dumps(data),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except requests.RequestException as error:
            raise transport_error(error, platform="Jira", what=what) from None

    def _short_wait(self, headers: Mapping[str, str]) -> float | None:
        """Seconds to wait here for a burst or per-issue limit; None where the job is better put back.

        A spent quota (`RateLimit-Reason: jira-quota-...`) fills up by the hour
        (developer.atlassian.com/cloud/jira/platform/rate-limiting).
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
        status = 401 if _is_login_failed(answer) else answer.status_code
        detail = _detail(answer).replace(self._token, "***")
        if status == 409:
            return Unavailable(CONFLICT.format(what=what))
        if status == 413:
            return Refused(FULL.format(what=what, detail=LIMIT), detail)
        return status_error(
            status,
            platform="Jira",
            what=what,
            setting=self._setting,
            detail=detail,
            headers=answer.headers,
        )


def issue_path(key: str) -> str:
    """`/issue/:key`, by key or number."""
    return f"/issue/{quote(key, safe='')}"


def project_path(project: str) -> str:
    """`/project/:key`."""
    return f"/project/{quote(project, safe='')}"


def objects(data: Any, what: str) -> list[dict[str, Any]]:
    """A list of JSON objects. Raises PlatformError where it is none."""
    if isinstance(data, list) and all(isinstance(item, dict) for item in data):
        return data
    raise PlatformError(NOT_A_LIST.format(what=what))


def _confined(session: requests.Session) -> requests.Session:
    session.max_redirects = 0
    session.headers.update(HEADERS)
    for scheme in ("http://", "https://"):
        session.mount(scheme, BoundedAdapter())
    return session


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _is_login_failed(answer: requests.Response) -> bool:
    """Jira may go on as nobody where a token is not accepted, and answers 200 or 404; this header says so."""
    return answer.headers.get("X-Seraph-LoginReason", "").startswith(LOGIN_FAILED)


def _json(answer: requests.Response, what: str) -> Any:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise Unavailable(NOT_JSON.format(what=what)) from None


def _json_or_nothing(answer: requests.Response, what: str) -> Any:
    return _json(answer, what) if answer.content else None


def _detail(answer: requests.Response) -> str:
    """What Jira says is wrong, in one line: `errorMessages`, then `errors` by field. A page of HTML says nothing."""
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return answer.reason or ""
    if not isinstance(said, dict):
        return answer.reason or ""
    messages, fields = said.get("errorMessages"), said.get("errors")
    told = [str(one) for one in messages] if isinstance(messages, list) else []
    if isinstance(fields, dict):
        told += [f"{name}: {reason}" for name, reason in list(fields.items())[:MOST_FIELDS]]
    return "; ".join(told) or str(said.get("message") or answer.reason or "")
