"""One connection to Confluence, Cloud or Data Center: `atlassian-python-api`'s session, with our own paths.

Cloud has two roots, version 2 for pages and what hangs on them, version 1 for restrictions, search and accounts; Data
Center has version 1 alone. The package's own page calls overwrite what people wrote, and its requests are logged with
their bodies and repeated: only its session and authentication are used.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Literal
from urllib.parse import parse_qs

from requests import Session

from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable
from bot.gateways.atlassian import Verb, Wire, is_cloud_host, is_gateway
from bot.gateways.confluence_shapes import ListShape, shaped
from bot.gateways.http import Conflict

PER_PAGE = 100
MOST_PAGES = 100  # of a list; search leaves out what may not be seen, so that a page can be short
MOST_ERRORS = 20
NO_CHECK = {"X-Atlassian-Token": "no-check"}  # Data Center refuses some requests of scripts without it
EXCEPTION = re.compile(r"^(?:[\w$]+\.)+[\w$]+: ")
TAKEN = "already exists"  # of a title: that refusal quotes it, and it may speak of versions
STALE = re.compile(
    r"\bversion (?:must be|is stale|conflict)|\b(?:current|provided|stale) version\b", re.IGNORECASE
)

CHANGED = "{what} changed in Confluence at the same moment ({status}): it will be tried again"
ENDLESS = "Confluence's list of {what} does not come to an end"
NO_SITE = "Confluence does not say where people open it: set TRIVET_CONFLUENCE__BROWSE_URL"
NO_NUMBER = "Confluence has nothing of the id {said!r}: its ids are numbers"
SPACES = "the list of spaces"


class Root:
    """Calls by path below one root of the API. Raises only `PlatformError`s."""

    def __init__(self, wire: Wire, address: str) -> None:
        self._wire = wire
        self._address = address

    def get(self, path: str, what: str, /, **query: Any) -> Any:
        """The answer as JSON. Raises Unavailable where it is none: a proxy's page, most likely."""
        return self._wire.json("GET", self._address + path, what, query)

    def post(self, path: str, what: str, data: Any, /, **query: Any) -> Any:
        """The answer as JSON, None where there is none."""
        return self._wire.json_or_nothing("POST", self._address + path, what, query, data)

    def put(self, path: str, what: str, data: Any, /, **query: Any) -> Any:
        """The answer as JSON, None where there is none. Raises Conflict where `data` counts from an old version."""
        return self._wire.json_or_nothing("PUT", self._address + path, what, query, data)

    def delete(self, path: str, what: str, /, **query: Any) -> None:
        self._wire.sent("DELETE", self._address + path, what, query)

    def listed(self, path: str, what: str, most: int, /, **query: Any) -> list[dict[str, Any]]:
        """The first `most` entries of a list, each once, a hundred at a time."""
        return list(islice(self.entries(path, what, **{"limit": min(PER_PAGE, most), **query}), most))

    def entries(self, path: str, what: str, /, **query: Any) -> Iterator[dict[str, Any]]:
        """The entries of a list, each once; a hundred more are asked for when they are wanted.

        Raises PlatformError where there are still more after `MOST_PAGES` requests.
        """
        seen: set[str] = set()
        for page in self._pages(path, what, {"limit": PER_PAGE, **query}):
            for entry in page.results:
                name = str(entry.get("id", f"entry {len(seen)}"))
                if name not in seen:
                    seen.add(name)
                    yield entry

    def _pages(self, path: str, what: str, query: Mapping[str, Any]) -> Iterator[ListShape]:
        """Of the link to the next page only its query counts, be it a cursor or a number: host and path stay ours.

        What the link repeats is repeated, like the statuses that are asked for.
        """
        asked = dict(query)
        for _ in range(MOST_PAGES):
            page = shaped(ListShape, self.get(path, what, **asked), what)
            yield page
            if not page.links.next:
                return
            following = {**query, **parse_qs(page.links.next.partition("?")[2])}
            if following == asked:
                break
            asked = following
        raise PlatformError(ENDLESS.format(what=what))


class ConfluenceApi:
    """`v1` and, on Cloud, `v2`: calls by path. `setting` names the setting the token came from.

    `url`: a site, with or without `/wiki`, or the API gateway's address of one, or a Data Center with its context
    path. How requests are sent, and how often: see `Wire`.
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
        self._cloud_url = _below_wiki(self.url)
        self._deployment = deployment
        self._browse_url = browse_url
        self._wire = Wire(
            _session(self.url, email, token),
            platform="Confluence",
            token=token,
            setting=setting,
            detail=_detail,
            fault=_fault,
            pause=pause,
        )

    @cached_property
    def is_cloud(self) -> bool:
        """By the setting, else by the host, else by asking once whether it has version 2 of the API.

        Whoever asks without a good token is told so by Cloud (401), and raises AccessDenied.
        """
        if self._deployment != "auto":
            return self._deployment == "cloud"
        return is_cloud_host(self.url) or self._has_v2()

    @cached_property
    def v1(self) -> Root:
        return Root(self._wire, f"{self._base}/rest/api")

    @cached_property
    def v2(self) -> Root:
        """On Cloud only."""
        return Root(self._wire, f"{self._cloud_url}/api/v2")

    @cached_property
    def site(self) -> str:
        """Where people open this Confluence: as configured, else the address itself, which the gateway's is not."""
        if self._browse_url:
            return _below_wiki(self._browse_url) if self.is_cloud else self._browse_url.rstrip("/")
        if is_gateway(self.url):
            return self._told_site()
        return self._cloud_url if self.is_cloud else self.url

    def address(self, webui: str) -> str:
        """Where a person opens what Confluence calls `_links.webui`."""
        return f"{self.site}/{webui.lstrip('/')}"

    def beside(self, verb: Verb, path: str, what: str, data: Any = None) -> Any:
        """The answer of what stands beside the API; None where there is none. `path` from `/rest` on."""
        return self._wire.json_or_nothing(verb, self._base + path, what, data=data)

    def ahead(self) -> float | None:
        """By how many seconds its clock is ahead of ours, see `Wire.ahead`."""
        return self._wire.ahead(f"{self._base}/rest/api/user/current", "the bot's own account")

    @property
    def _base(self) -> str:
        return self._cloud_url if self.is_cloud else self.url

    def not_accepted(self, what: str) -> PlatformError:
        """The error for a token that Confluence takes for nobody's, though it answers."""
        return self._wire.not_accepted(what)

    def _has_v2(self) -> bool:
        try:
            answer = self._wire.sent("GET", f"{self._cloud_url}/api/v2/spaces", SPACES, {"limit": 1})
        except (AccessDenied, Unavailable):
            raise
        except PlatformError:  # Data Center finds nothing there, or leads to its login page
            return False
        return answer.headers.get("Content-Type", "").startswith("application/json")

    def _told_site(self) -> str:
        base = shaped(ListShape, self.v2.get("/spaces", SPACES, limit=1), SPACES).links.base
        if not base.startswith("https://") or is_gateway(base):
            raise PlatformError(NO_SITE)
        return base.rstrip("/")


def page_path(page: str) -> str:
    """`/pages/:id`, of version 2. Raises NotFound where it is no id."""
    return f"/pages/{_number(page)}"


def content_path(content: str) -> str:
    """`/content/:id`, of version 1: pages and comments. Raises NotFound where it is no id."""
    return f"/content/{_number(content)}"


def _session(url: str, email: str | None, token: str) -> Session:
    """As atlassian-python-api makes it, which is imported only where there is a Confluence: 10 MB, 0.1 s."""
    from atlassian.rest_client import AtlassianRestAPI

    client = AtlassianRestAPI(
        url,
        username=email,
        password=token if email else None,
        token=None if email else token,
        backoff_and_retry=False,
        retry_with_header=False,
    )
    client._session.headers.update(NO_CHECK)
    return client._session


def _number(said: str) -> str:
    if said.isascii() and said.isdigit():
        return said
    raise NotFound(NO_NUMBER.format(said=said))


def _below_wiki(url: str) -> str:
    """Cloud's address of Confluence, from a site's with or without it."""
    return url.rstrip("/").removesuffix("/wiki") + "/wiki"


def _fault(status: int, what: str, detail: str) -> PlatformError | None:
    """A version that is not the next one is a conflict: 409, and on some ways through version 2 a 400 that says so."""
    is_stale = status == 400 and TAKEN not in detail and STALE.search(detail)
    if status == 409 or is_stale:
        return Conflict(CHANGED.format(what=what, status=status))
    return None


def _detail(said: dict[str, Any]) -> str:
    """What Confluence says is wrong, in one line: `errors` (version 2), or `message` and `data.errors` (version 1)."""
    data = said.get("data")
    more = data.get("errors") if isinstance(data, dict) else None
    told = [EXCEPTION.sub("", str(said.get("message") or ""))]
    told += [_error(one) for errors in (said.get("errors"), more) for one in _few(errors)]
    return "; ".join(dict.fromkeys(text for text in told if text))


def _few(errors: Any) -> list[dict[str, Any]]:
    return [one for one in errors if isinstance(one, dict)][:MOST_ERRORS] if isinstance(errors, list) else []


def _error(one: dict[str, Any]) -> str:
    """`title` and `detail` of version 2; `message.translation` or `message.key` of version 1."""
    message = one.get("message")
    if isinstance(message, dict):
        return str(message.get("translation") or message.get("key") or "")
    return ": ".join(str(one[name]) for name in ("title", "detail") if one.get(name))
