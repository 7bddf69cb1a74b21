"""Jira's ways of saying no. Its body is `{"errorMessages": [...], "errors": {field: text}}`, and some are not JSON."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.sandbox.jira.model import Site

NO_ISSUE = "Issue does not exist or you do not have permission to see it."
INVALID_PAYLOAD = "Invalid request payload. Refer to the REST API documentation and try again."
INVALID_INPUT = "INVALID_INPUT"
NOT_SIGNED_IN = "Client must be authenticated to access this resource."
NOT_ON_SCREEN = "Field '{field}' cannot be set. It is not on the appropriate screen, or unknown."
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."


class JiraRefusal(Exception):
    """Ends a request with this answer; `body` is JSON, or text where `media` says so."""

    def __init__(
        self,
        status: int,
        body: Any,
        media: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.media = media
        self.headers = dict(headers or {})


def refused(status: int, *messages: str, **fields: str) -> JiraRefusal:
    """`messages` go to `errorMessages`, `fields` to `errors`."""
    return JiraRefusal(status, {"errorMessages": list(messages), "errors": fields})


def no_path(site: "Site", method: str, path: str, status: int) -> JiraRefusal:
    """404, or 405 where the path is known and the method is not. `path` follows `/rest`."""
    title = "Method Not Allowed" if status == 405 else "Not Found"
    if site.cloud:
        told = {"type": "about:blank", "title": title, "status": status, "instance": f"/rest{path}"}
        return JiraRefusal(status, told | {"detail": f"No endpoint {method}"})
    return JiraRefusal(status, {"message": f"null for uri: {site.url}/rest{path}", "status-code": status})


def no_issue() -> JiraRefusal:
    return refused(404, NO_ISSUE)


def no_project(key: str) -> JiraRefusal:
    return refused(404, f"No project could be found with key '{key}'.")


def not_on_screen(field: str) -> str:
    return NOT_ON_SCREEN.format(field=field)
