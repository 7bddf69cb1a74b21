"""One connection to GitLab: python-gitlab's low-level calls with our time-outs, our limits and our errors."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

import gitlab
import orjson
import requests

from bot.domain.change import Target
from bot.errors import PlatformError, Refused, Unavailable
from bot.gateways.bounded import BoundedAdapter, chunks
from bot.gateways.http import Broken, TooLarge, status_error, transport_error

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
PER_PAGE = 100
FIFTH = 20  # of a hundred: the page size for what GitLab cannot give us by the hundred
MAX_PAGES = 100

NOT_JSON = "GitLab answered {what} with something that is not JSON; is a proxy in between?"
NOT_A_LIST = "GitLab answered {what} with something that is not a list of objects"
ENDLESS = "GitLab has more than {most:,} items in {what}"
SIZE_HEADER = "X-Gitlab-Size"
NO_PLACE = ("line_code", "position", "Position", "new-style diff notes")


class GitLabApi:
    """Typed calls by path below `/api/v4`. Raises only `PlatformError`s; sends every request once.

    `setting` names the setting the token came from, for error sentences. Redirects are refused and next pages are
    asked for by number, so that the token goes to no other host.
    """

    def __init__(self, url: str, token: str, setting: str) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._setting = setting
        self._headers: Mapping[str, str] = {}
        self._client = gitlab.Gitlab(
            self.url,
            private_token=token,
            session=self._session(),
            keep_base_url=True,
            retry_transient_errors=False,
            user_agent="trivet",
        )
        self._client.timeout = (CONNECT_SECONDS, READ_SECONDS)  # type: ignore[assignment]  # requests takes a pair

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the last answer, whatever it was; empty before the first."""
        return self._headers

    def get(self, path: str, what: str, **query: Any) -> Any:
        """The answer as JSON. Raises Unavailable where it is none: a proxy's page, most likely."""
        return _json(self._response("get", path, what, query=query), what)

    def post(self, path: str, what: str, data: dict[str, Any] | None = None) -> Any:
        return _json_or_nothing(self._response("post", path, what, data=data), what)

    def put(self, path: str, what: str, data: dict[str, Any]) -> Any:
        return _json_or_nothing(self._response("put", path, what, data=data), what)

    def delete(self, path: str, what: str) -> None:
        self._response("delete", path, what)

    def pages(self, path: str, what: str, /, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, a hundred at a time, or in fifths where a hundred are too much for GitLab or for us.

        Raises PlatformError where there are more than `MAX_PAGES` pages: a part would pass for the whole.
        """
        page, size = 1, PER_PAGE
        while page <= MAX_PAGES * PER_PAGE // size:
            try:
                items, is_last = self._page(path, what, {**query, "per_page": size, "page": page})
            except (Broken, TooLarge):
                if size == FIFTH:
                    raise
                page, size = (page - 1) * (PER_PAGE // FIFTH) + 1, FIFTH
                continue
            yield from items
            if is_last:
                return
            page += 1
        raise PlatformError(ENDLESS.format(most=MAX_PAGES * PER_PAGE, what=what))

    def stream(self, path: str, what: str, limit: int) -> Iterator[bytes]:
        """A body in pieces, never held whole. Raises TooLarge beyond `limit` bytes."""
        with closing(self._response("get", path, what, streamed=True)) as answer:
            try:
                yield from chunks(answer, limit)
            except requests.RequestException as error:
                raise transport_error(error, platform="GitLab", what=what) from None

    def file(self, path: str, what: str, keep: int, **query: Any) -> tuple[int | None, bytes | None]:
        """A raw file: its size (None: not told) and its bytes, which are not read where they are more than `keep`."""
        with closing(self._response("get", path, what, query=query, streamed=True)) as answer:
            size = _announced(answer.headers)
            if size is not None and size > keep:
                return size, None
            try:
                content = b"".join(chunks(answer, keep))
            except requests.RequestException as error:
                fault = transport_error(error, platform="GitLab", what=what)
                if isinstance(fault, TooLarge):
                    return None, None
                raise fault from None
        return len(content), content

    def _page(self, path: str, what: str, query: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """The items of one page, and whether it is the last."""
        answer = self._response("get", path, what, query=query)
        items = _json(answer, what)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise PlatformError(NOT_A_LIST.format(what=what))
        follows = answer.headers.get("X-Next-Page") or 'rel="next"' in answer.headers.get("Link", "")
        return items, not follows

    def _response(
        self,
        verb: str,
        path: str,
        what: str,
        *,
        query: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        streamed: bool = False,
    ) -> requests.Response:
        try:
            return self._client.http_request(
                verb,
                path,
                query_data=query or {},
                post_data=data,
                streamed=streamed,
                obey_rate_limit=False,
                retry_transient_errors=False,
                max_retries=0,
            )
        except (gitlab.exceptions.GitlabHttpError, gitlab.exceptions.GitlabAuthenticationError) as error:
            raise self._http_error(error, what) from None
        except requests.RequestException as error:
            raise transport_error(error, platform="GitLab", what=what) from None
        except RecursionError:  # python-gitlab looks for a message in the JSON of an error
            raise Unavailable(NOT_JSON.format(what=what)) from None

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.max_redirects = 0
        session.hooks["response"].append(self._remember)
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter())
        return session

    def _remember(self, answer: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        """python-gitlab's errors come without the headers that say how long to wait."""
        self._headers = answer.headers

    def _http_error(self, error: gitlab.exceptions.GitlabError, what: str) -> PlatformError:
        return status_error(
            error.response_code or 0,
            platform="GitLab",
            what=what,
            setting=self._setting,
            detail=_text(error.error_message).replace(self.token, "***"),
            headers=self._headers,
        )


def merge_request_path(target: Target) -> str:
    """`/projects/:id/merge_requests/:iid`, by number where it is known, else by the quoted path."""
    return f"{project_path(target)}/merge_requests/{target.iid}"


def project_path(target: Target) -> str:
    return f"/projects/{target.project_id or quote(target.project, safe='')}"


def was_refused_for_place(error: Refused) -> bool:
    """Whether a 400 speaks of the position, so that the same note may be accepted elsewhere."""
    return any(word in error.detail for word in NO_PLACE)


def _json(answer: requests.Response, what: str) -> Any:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise Unavailable(NOT_JSON.format(what=what)) from None


def _json_or_nothing(answer: requests.Response, what: str) -> Any:
    return _json(answer, what) if answer.content else None


def _announced(headers: Mapping[str, str]) -> int | None:
    """The file's size by GitLab's header, else by HTTP's where the body is not compressed."""
    plain = "" if headers.get("Content-Encoding") else headers.get("Content-Length", "")
    said = headers.get(SIZE_HEADER, "") or plain
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 18 else None


def _text(message: Any) -> str:
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
