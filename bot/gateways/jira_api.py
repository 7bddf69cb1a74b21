"""One connection to Jira, Cloud or Data Center: the `jira` package's session with our time-outs, limits and errors."""

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote

from jira import JIRA

from bot.errors import Forbidden, PlatformError, Refused, Unavailable
from bot.gateways.atlassian import Verb, Wire, is_cloud_host, is_gateway
from bot.gateways.jira_shapes import ServerShape, shaped

PER_PAGE = 100
SERVER_INFO = "/rest/api/2/serverInfo"  # both deployments have it there
MOST_FIELDS = 20  # of an error's field messages

NOT_A_LIST = "Jira answered {what} with something that is not a list of objects"
CONFLICT = "Jira was changing {what} at the same moment (409): it will be tried again"
FULL = "Jira takes no more for {what} (413): {detail}"
LIMIT = "the issue has reached one of Jira's limits, or the text is too long"


class JiraApi:
    """Typed calls by path below `/rest/api/3` on Cloud, `/rest/api/2` on Data Center. Raises only `PlatformError`s.

    `setting` names the setting the token came from. How requests are sent, and how often: see `Wire`.
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
        self._deployment = deployment
        self._browse_url = browse_url
        self._client = JIRA(
            self.url,
            basic_auth=(email, token) if email else None,
            token_auth=None if email else token,
            get_server_info=False,
            max_retries=0,
        )
        self._wire = Wire(
            self._client._session,
            platform="Jira",
            token=token,
            setting=setting,
            detail=_detail,
            fault=_fault,
            pause=pause,
        )

    @cached_property
    def is_cloud(self) -> bool:
        """By the setting, else by the host, else by asking once (`deploymentType` of serverInfo)."""
        if self._deployment != "auto":
            return self._deployment == "cloud"
        return is_cloud_host(self.url) or self.server.deployment == "Cloud"

    @cached_property
    def site(self) -> str:
        """Where people open this Jira: as configured, else the address itself, which the gateway's is not."""
        if self._browse_url:
            return self._browse_url.rstrip("/")
        return self.server.site.rstrip("/") if is_gateway(self.url) else self.url

    def browse(self, key: str) -> str:
        """Where a person opens an issue."""
        return f"{self.site}/browse/{quote(key, safe='')}"

    def get(self, path: str, what: str, /, **query: Any) -> Any:
        """The answer as JSON. Raises Unavailable where it is none: a proxy's page, most likely."""
        return self._wire.json("GET", self._address(path), what, query)

    def post(self, path: str, what: str, data: Any) -> Any:
        """The answer as JSON, None where there is none."""
        return self._wire.json_or_nothing("POST", self._address(path), what, data=data)

    def put(self, path: str, what: str, data: Any, /, **query: Any) -> Any:
        """The answer as JSON, None where there is none."""
        return self._wire.json_or_nothing("PUT", self._address(path), what, query, data)

    def put_quietly(self, path: str, what: str, data: Any) -> Any:
        """A change that notifies nobody; one that does where the account may not decide that (403, Data Center)."""
        try:
            return self.put(path, what, data, notifyUsers="false")
        except Forbidden:
            return self.put(path, what, data)

    def delete(self, path: str, what: str) -> None:
        self._wire.sent("DELETE", self._address(path), what)

    def beside(self, verb: Verb, path: str, what: str, data: Any = None) -> Any:
        """The answer of what stands beside the API, as webhooks do; None where it is empty. `path`: from `/rest` on."""
        return self._wire.json_or_nothing(verb, self.url + path, what, data=data)

    def ahead(self) -> float | None:
        """By how many seconds its clock is ahead of ours, see `Wire.ahead`."""
        return self._wire.ahead(self.url + SERVER_INFO, "its server information")

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
    def server(self) -> ServerShape:
        """What Jira says of itself, to everybody."""
        what = "its server information"
        return shaped(ServerShape, self._wire.json("GET", self.url + SERVER_INFO, what), what)

    def _address(self, path: str) -> str:
        return f"{self.url}/rest/api/{3 if self.is_cloud else 2}{path}"


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


def _fault(status: int, what: str, detail: str) -> PlatformError | None:
    if status == 409:
        return Unavailable(CONFLICT.format(what=what))
    if status == 413:
        return Refused(FULL.format(what=what, detail=LIMIT), detail)
    return None


def _detail(said: dict[str, Any]) -> str:
    """What Jira says is wrong, in one line: `errorMessages`, then `errors` by field."""
    messages, fields = said.get("errorMessages"), said.get("errors")
    told = [str(one) for one in messages] if isinstance(messages, list) else []
    if isinstance(fields, dict):
        told += [f"{name}: {reason}" for name, reason in list(fields.items())[:MOST_FIELDS]]
    return "; ".join(told) or str(said.get("message") or "")
