"""Pages as Cloud tells them, by version 2 of the API (developer.atlassian.com/cloud/confluence/rest/v2)."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from bot.domain.pages import Page, PageComment
from bot.errors import NotFound
from bot.gateways.confluence_api import ConfluenceApi, page_path
from bot.gateways.confluence_shapes import (
    AboveShape,
    CloudCommentShape,
    CloudPageShape,
    PropertyShape,
    SpaceShape,
    shaped,
    status_of,
)
from bot.gateways.confluence_spaces import space_of

STORAGE = {"body-format": "storage"}
FOUND = 25  # pages of one title, of which a space has one
MOST_ABOVE = 250  # the most that is told at once


class CloudPages:
    """What it read of spaces it keeps: an object serves one job."""

    def __init__(self, api: ConfluenceApi) -> None:
        self._api = api
        self._keys: dict[str, str] = {}

    def page(self, page: str) -> Page:
        """In whatever status it is; a draft that was never published is not found."""
        what = f"page {page}"
        return self._page(shaped(CloudPageShape, self._content(page, what), what))

    def named(self, space: str, title: str) -> list[Page]:
        """Current and archived ones, as is usual where no status is asked for. Raises NotFound for no such space."""
        what = f"page “{title}” of space {space}"
        query = {"space-id": self._space_id(space), "title": title, **STORAGE}
        found = self._api.v2.listed("/pages", what, FOUND, **query)
        return [self._page(shaped(CloudPageShape, one, what)) for one in found]

    def comments(self, page: str, most: int) -> list[PageComment]:
        what = f"the comments of page {page}"
        path = f"{page_path(page)}/footer-comments"
        newest = self._api.v2.listed(path, what, most, sort="-created-date", **STORAGE)
        return [_comment(shaped(CloudCommentShape, one, what)) for one in reversed(newest)]

    def property(self, page: str, key: str) -> PropertyShape | None:
        what = f"property {key} of page {page}"
        found = self._api.v2.listed(f"{page_path(page)}/properties", what, 1, key=key)
        return shaped(PropertyShape, found[0], what) if found else None

    def above(self, page: str) -> Sequence[AboveShape] | None:
        """What it stands below, the highest first; None where that is too much to be told at once."""
        what = f"the pages above page {page}"
        found = self._api.v2.listed(f"{page_path(page)}/ancestors", what, MOST_ABOVE, limit=MOST_ABOVE)
        return None if len(found) == MOST_ABOVE else [shaped(AboveShape, one, what) for one in found]

    def _content(self, page: str, what: str) -> Any:
        """First as it stands. That the trash is told of only when asked for is not said, and not ruled out."""
        try:
            return self._api.v2.get(page_path(page), what, **STORAGE)
        except NotFound:
            return self._api.v2.get(page_path(page), what, status="trashed", **STORAGE)

    def _page(self, found: CloudPageShape) -> Page:
        return Page(
            id=found.id,
            space=self._space_key(found.space),
            title=found.title,
            version=found.version.number,
            storage=found.body.storage.value,
            url=self._api.address(found.links.page(found.id)),
            status=status_of(found.status, found.id),
            author=found.version.author,
            message=found.version.message,
            parent=found.parent,
        )

    def _space_key(self, number: str) -> str:
        if number not in self._keys:
            what = f"space {number}"
            data = self._api.v2.get(f"/spaces/{quote(number, safe='')}", what)
            self._keys[number] = shaped(SpaceShape, data, what).key
        return self._keys[number]

    def _space_id(self, key: str) -> str:
        space = space_of(self._api, key)
        self._keys[space.id] = space.key
        return space.id


def _comment(found: CloudCommentShape) -> PageComment:
    return PageComment(found.id, found.version.author, found.body.storage.value, found.version.number)
