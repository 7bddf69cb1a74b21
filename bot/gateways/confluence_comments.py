"""Our one comment with a key in the footer of a page: found by its author and its last line, edited in place.

A body that says the same is not written again, however Confluence has rewritten it.
"""

from typing import Any, Literal
from urllib.parse import quote

from bot.domain.document import Document, paragraph
from bot.domain.page_comments import MARK, has_key
from bot.domain.pages import PageComment
from bot.domain.sections import digest
from bot.domain.storage import to_storage
from bot.errors import NotFound
from bot.gateways.confluence_api import ConfluenceApi, content_path
from bot.gateways.confluence_pages import MadeShape
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_shapes import shaped
from bot.gateways.confluence_tries import settled

WRITTEN, EDITED = "written", "edited in place"
NOT_THERE = "there is no comment to edit"

Done = tuple[Literal["done", "unchanged"], str, str]


def write_comment(
    api: ConfluenceApi, reader: ConfluenceReader, page: str, key: str, body: str, *, create: bool
) -> Done:
    """Make the page carry this comment once: what was done, in words, and the comment's id ("": there is none).

    `body` is storage. Raises Conflict where somebody kept changing the comment.
    """
    marked = body + to_storage(Document(blocks=(paragraph(MARK.format(key=key)),)))
    return settled(lambda: _written(api, reader, page, key, marked, create=create))


def _written(
    api: ConfluenceApi, reader: ConfluenceReader, page: str, key: str, body: str, *, create: bool
) -> Done:
    there = _collapsed(api, page, _ours(reader, page, key))
    if there and _says(there, body):
        return "unchanged", "", there.id
    if there:
        _edit(api, page, there, body)
        return "done", EDITED, there.id
    if not create:
        return "unchanged", NOT_THERE, ""
    made = _create(api, page, body)
    at_once = _collapsed(api, page, _ours(reader, page, key))
    return "done", WRITTEN, at_once.id if at_once else made


def _ours(reader: ConfluenceReader, page: str, key: str) -> list[PageComment]:
    me = reader.me().id
    return [one for one in reader.comments(page) if one.author == me and has_key(one.storage, key)]


def _says(comment: PageComment, body: str) -> bool:
    return digest(comment.storage) == digest(body)


def _collapsed(api: ConfluenceApi, page: str, own: list[PageComment]) -> PageComment | None:
    """Of several, two runs that overlapped, the oldest stays."""
    for double in own[1:]:
        try:
            _delete(api, page, double)
        except NotFound:
            continue
    return own[0] if own else None


def _create(api: ConfluenceApi, page: str, body: str) -> str:
    what, value = f"a comment on page {page}", {"value": body, "representation": "storage"}
    if api.is_cloud:
        made = api.v2.post("/footer-comments", what, {"pageId": page, "body": value})
    else:
        container = {"id": page, "type": "page"}
        made = api.v1.post(
            "/content", what, {"type": "comment", "container": container, "body": {"storage": value}}
        )
    return shaped(MadeShape, made, what).id


def _edit(api: ConfluenceApi, page: str, there: PageComment, body: str) -> None:
    what, value = _named(page, there), {"value": body, "representation": "storage"}
    version = {"number": there.version + 1}
    if api.is_cloud:
        api.v2.put(_path(there), what, {"version": version, "body": value})
    else:
        data: dict[str, Any] = {"id": there.id, "type": "comment", "version": {**version, "minorEdit": True}}
        api.v1.put(content_path(there.id), what, {**data, "body": {"storage": value}})


def _delete(api: ConfluenceApi, page: str, comment: PageComment) -> None:
    if api.is_cloud:
        api.v2.delete(_path(comment), _named(page, comment))
    else:
        api.v1.delete(content_path(comment.id), _named(page, comment))


def _path(comment: PageComment) -> str:
    return f"/footer-comments/{quote(comment.id, safe='')}"


def _named(page: str, comment: PageComment) -> str:
    return f"comment {comment.id} on page {page}"
