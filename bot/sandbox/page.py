"""The page a person looks at: files served as they are, everything else the browser asks of `/sandbox/state`."""

import re
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from bot.sandbox.model import State

STATIC = files("bot.sandbox") / "static"
TYPES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "diff.js": "text/javascript; charset=utf-8",
    "issue.js": "text/javascript; charset=utf-8",
    "forms.js": "text/javascript; charset=utf-8",
    "pairs.js": "text/javascript; charset=utf-8",
    "adf.js": "text/javascript; charset=utf-8",
    "wiki.js": "text/javascript; charset=utf-8",
    "storage.js": "text/javascript; charset=utf-8",
    "markdown.js": "text/javascript; charset=utf-8",
    "dom.js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
WIKI_PAGE = re.compile(r"(?:wiki/)?spaces/[^/]+/pages/(\d+)(?:/[^/]*)?")
NO_PAGE = "There is no such page in the sandbox."
NO_FILE = "There is no such file."
NOT_TEXT = "This file is not text."


def router(state: State) -> APIRouter:
    """The page at `/` and at the web address of every merge request, issue and Confluence page, its parts, and the
    files its form edits."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def first_page() -> Response:
        return part("index.html")

    @routes.get("/{project:path}/-/merge_requests/{iid:int}")
    def request_page(project: str, iid: int) -> Response:
        found = state.project(project)
        known = found is not None and found.merge_request(iid) is not None
        return part("index.html", status=200 if known else 404)

    @routes.get("/jira/browse/{key}")
    def issue_page(key: str) -> Response:
        known = state.jira is not None and state.jira.issue(key) is not None
        return part("index.html", status=200 if known else 404)

    @routes.get("/confluence/{path:path}")
    def wiki_page(path: str) -> Response:
        found = WIKI_PAGE.fullmatch(path)
        known = (
            found is not None and state.confluence is not None and state.confluence.page(found[1]) is not None
        )
        return part("index.html", status=200 if known else 404)

    @routes.get("/sandbox/static/{name}")
    def static(name: str) -> Response:
        return part(name) if name in TYPES else PlainTextResponse(NO_PAGE, 404)

    @routes.get("/sandbox/file")
    def file_text(project: str, ref: str, path: str) -> Response:
        return text_of(state, project, ref, path)

    return routes


def part(name: str, status: int = 200) -> Response:
    """One of our own files. Nothing on the page may come from another site, or from text inside it."""
    return Response((STATIC / name).read_bytes(), status, HEADERS | {"Content-Type": TYPES[name]})


def text_of(state: State, project: str, ref: str, path: str) -> Response:
    """A file for the form that edits it: 404 when it is missing, 415 when it is no text.

    A browser's text field turns every line end into a newline, so `X-Line-End: crlf` says what to turn it back into.
    """
    found = state.project(project)
    content = found.repository.read(ref, path) if found else None
    if content is None:
        return PlainTextResponse(NO_FILE, 404, HEADERS)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return PlainTextResponse(NOT_TEXT, 415, HEADERS)
    if "\0" in text:
        return PlainTextResponse(NOT_TEXT, 415, HEADERS)
    line_end = "crlf" if "\r\n" in text else "lf"
    return PlainTextResponse(text, 200, HEADERS | {"X-Line-End": line_end})
