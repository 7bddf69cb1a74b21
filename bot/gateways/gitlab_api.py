"""One token's access to one GitLab: python-gitlab's low-level calls with our time-outs and our errors."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import gitlab
import requests

from bot.domain.change import Target
from bot.errors import PlatformError, Refused, Unavailable
from bot.gateways.http import CONNECT_SECONDS, READ_SECONDS, status_error, transport_error

PER_PAGE = 100
MAX_PAGES = 100


class GitLabApi:
    """Typed calls by path below `/api/v4`. Raises only `PlatformError`s; sends every request once.

    `setting` names the setting the token came from, for error sentences. Redirects are refused, so that the token
    goes to no other host; `keep_base_url` does the same for the next-page links of an instance that names itself
    otherwise.
    """

    def __init__(self, url: str, token: str, setting: str) -> None:
        session = requests.Session()
        session.max_redirects = 0
        session.hooks["response"].append(self._remember)
        self._headers: Mapping[str, str] = {}
        self.url = url
        self.token = token
        self._setting = setting
        self._client = gitlab.Gitlab(
            url,
            private_token=token,
            session=session,
            timeout=READ_SECONDS,
            keep_base_url=True,
            retry_transient_errors=False,
            user_agent="trivet",
        )
        self._client.timeout = (CONNECT_SECONDS, READ_SECONDS)  # type: ignore[assignment]

    def get(self, path: str, what: str, **query: Any) -> Any:
        return self._call("get", path, what, query=query)

    def post(self, path: str, what: str, data: dict[str, Any] | None = None) -> Any:
        return self._call("post", path, what, data=data)

    def put(self, path: str, what: str, data: dict[str, Any]) -> Any:
        return self._call("put", path, what, data=data)

    def delete(self, path: str, what: str) -> None:
        self._call("delete", path, what)

    def pages(self, path: str, what: str, per_page: int = PER_PAGE, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page after page, at most `MAX_PAGES`."""
        for page in range(1, MAX_PAGES + 1):
            answer = self._response("get", path, what, query={**query, "per_page": per_page, "page": page})
            items = _json(answer, what)
            if not isinstance(items, list):
                raise PlatformError(f"GitLab answered {what} with something that is not a list")
            yield from items
            if not answer.headers.get("X-Next-Page") and 'rel="next"' not in answer.headers.get("Link", ""):
                return

    def stream(self, path: str, what: str) -> Iterator[bytes]:
        """The answer's body in chunks, never held whole."""
        answer = self._response("get", path, what, streamed=True)
        try:
            yield from answer.iter_content(65_536)
        except requests.RequestException as error:
            raise transport_error(error, platform="GitLab", what=what) from None
        finally:
            answer.close()

    def _call(
        self,
        verb: str,
        path: str,
        what: str,
        query: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
    ) -> Any:
        answer = self._response(verb, path, what, query=query, data=data)
        return _json(answer, what) if answer.content else None

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
        except gitlab.exceptions.RedirectError:
            raise status_error(301, platform="GitLab", what=what, setting=self._setting) from None
        except requests.RequestException as error:
            raise transport_error(error, platform="GitLab", what=what) from None

    def _remember(self, answer: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        self._headers = answer.headers

    def _http_error(self, error: gitlab.exceptions.GitlabError, what: str) -> PlatformError:
        return status_error(
            error.response_code or 0,
            platform="GitLab",
            what=what,
            setting=self._setting,
            detail=_text(error.error_message),
            headers=self._headers,
        )


def merge_request_path(target: Target) -> str:
    """`/projects/:id/merge_requests/:iid`, by number where it is known, else by the quoted path."""
    return f"{project_path(target)}/merge_requests/{target.iid}"


def project_path(target: Target) -> str:
    return f"/projects/{target.project_id or quote(target.project, safe='')}"


def _json(answer: requests.Response, what: str) -> Any:
    try:
        return answer.json()
    except requests.exceptions.JSONDecodeError:
        raise Unavailable(
            f"GitLab answered {what} with something that is not JSON; is a proxy in between?"
        ) from None


def _text(message: Any) -> str:
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)


def was_refused_for_line(error: Refused) -> bool:
    """Whether a 400 speaks of the position, so that a file-level note may still be accepted."""
    return any(word in error.detail for word in ("line_code", "position", "Position"))
