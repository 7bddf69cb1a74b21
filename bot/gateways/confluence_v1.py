"""Pages as Data Center tells them, by version 1 of the API (docs.atlassian.com/ConfluenceServer/rest)."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from bot.domain.pages import Page, PageComment
from bot.errors import NotFound
from bot.gateways.confluence_api import ConfluenceApi, content_path
from bot.gateways.confluence_shapes import (
    AboveShape,
    AncestorsShape,
    CommentShape,
    ContentShape,
    PropertyShape,
    shaped,
    status_of,
)

PAGE = "body.storage,version,space,ancestors"
COMMENT = "body.storage,version,history,extensions"
FOUND = 25  # pages of one title, of which a space has one
MOST_READ = 5_000  # comments; there is no asking for the newest
NO_PAGE = "{what} is no page of Confluence's but a {type}"


class DataCenterPages:
    def __init__(self, api: ConfluenceApi) -> None:
        self._api = api

    def page(self, page: str) -> Page:
        """In whatever status it is."""
        what = f"page {page}"
        found = shaped(ContentShape, self._content(page, what, PAGE), what)
        if found.type != "page":
            raise NotFound(NO_PAGE.format(what=what, type=found.type))
        return self._page(found)

    def named(self, space: str, title: str) -> list[Page]:
        """Raises NotFound where there is no such space."""
        what = f"page “{title}” of space {space}"
        query = {"spaceKey": space, "title": title, "type": "page", "expand": PAGE}
        found = self._api.v1.listed("/content", what, FOUND, **query)
        return [self._page(shaped(ContentShape, one, what)) for one in found]

    def comments(self, page: str, most: int) -> list[PageComment]:
        """Those that answer none: what is said without `depth`."""
        what = f"the comments of page {page}"
        path = f"{content_path(page)}/child/comment"
        found = self._api.v1.listed(path, what, MOST_READ, location="footer", expand=COMMENT)
        comments = sorted(
            (shaped(CommentShape, one, what) for one in found), key=lambda one: one.history.created
        )
        return [_comment(one) for one in comments if one.place.location == "footer"][-most:]

    def property(self, page: str, key: str) -> PropertyShape | None:
        what = f"property {key} of page {page}"
        path = f"{content_path(page)}/property/{quote(key, safe='')}"
        try:
            return shaped(PropertyShape, self._api.v1.get(path, what, expand="version"), what)
        except NotFound:
            return None

    def above(self, page: str) -> Sequence[AboveShape]:
        """What it stands below, the highest first."""
        what = f"the pages above page {page}"
        return shaped(AncestorsShape, self._content(page, what, "ancestors"), what).ancestors

    def _content(self, page: str, what: str, expand: str) -> Any:
        """First as it stands, so that nobody's draft comes in its place, and only then in any other status."""
        try:
            return self._api.v1.get(content_path(page), what, expand=expand)
        except NotFound:
            return self._api.v1.get(content_path(page), what, expand=expand, status="any")

    def _page(self, found: ContentShape) -> Page:
        return Page(
            id=found.id,
            space=found.space.key,
            title=found.title,
            version=found.version.number,
            storage=found.body.storage.value,
            url=self._api.address(found.links.page(found.id)),
            status=status_of(found.status, found.id),
            author=found.version.author,
            message=found.version.message,
            parent=found.ancestors[-1].id if found.ancestors else "",
        )


def _comment(found: CommentShape) -> PageComment:
    return PageComment(found.id, found.author, found.body.storage.value, found.version.number)
