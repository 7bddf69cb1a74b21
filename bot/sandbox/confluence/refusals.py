"""Confluence's ways of saying no: the body is `{"errors": [...]}` in v2, `{"statusCode", "message", ...}` in v1.

The words were seen in reports of people who met them: hunyadi/md2conf#113 and #149 (404 and a title that is taken in
v2), kovetskiy/mark#54 (XHTML), atlassian-api/atlassian-python-api#195 (no version), justmiles/go-markdown2confluence#43
(a stale version), sooperset/mcp-atlassian#474 (410).
"""

import http
from collections.abc import Mapping
from typing import Any

CODES = {
    400: "INVALID_REQUEST_PARAMETER",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "CONTENT_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
GONE = "com.atlassian.confluence.api.service.exceptions.GoneException: This deprecated endpoint has been removed."
TAKEN = "A page with this title already exists: A page already exists with "


class Refused(Exception):
    """Ends a request with this status and these words; `code` is v2's, where it is not the status's usual one."""

    def __init__(self, status: int, words: str, code: str = "") -> None:
        super().__init__(f"{status} {words}")
        self.status = status
        self.words = words
        self.code = code or CODES.get(status, http.HTTPStatus(status).name)


class Answered(Exception):
    """Ends a request with an answer that is in neither API's shape; `body` is JSON, or text as `media` says."""

    def __init__(self, status: int, body: Any, media: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.media = media
        self.headers = dict(headers)


def in_v2(refusal: Refused) -> dict[str, Any]:
    """A 404 says nothing but that."""
    title = "Not Found" if refusal.status == 404 else refusal.words
    return {"errors": [{"status": refusal.status, "code": refusal.code, "title": title, "detail": None}]}


def in_v1(refusal: Refused) -> dict[str, Any]:
    data = {
        "authorized": refusal.status not in (401, 403, 404),
        "valid": True,
        "allowedInReadOnlyMode": True,
        "errors": [],
        "successful": False,
    }
    reason = http.HTTPStatus(refusal.status).phrase
    return {"statusCode": refusal.status, "data": data, "message": refusal.words, "reason": reason}


def no_content(number: str) -> Refused:
    return Refused(404, f"No content found with id: ContentId{{id={number}}}")


def forbidden(words: str = "You do not have permission to do this.") -> Refused:
    return Refused(403, f"com.atlassian.confluence.api.service.exceptions.PermissionException: {words}")


def invalid(words: str) -> Refused:
    return Refused(400, words)
