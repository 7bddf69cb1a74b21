"""Reads Confluence: pages, who may see them, comments, properties; Cloud and Data Center look alike after it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from bot.domain.pages import PROPERTY, Page, PageComment, PagePerson, slug
from bot.errors import Forbidden, NotFound, Refused
from bot.gateways.confluence_api import ConfluenceApi, content_path
from bot.gateways.confluence_shapes import AboveShape, PersonShape, PropertyShape, RestrictionShape, shaped
from bot.gateways.confluence_v1 import DataCenterPages
from bot.gateways.confluence_v2 import CloudPages

MAX_COMMENTS = 1_000
STANDING = ("current", "archived")
ADMITTED = "restrictions.user,restrictions.group"


class ConfluenceReader:
    """The port `PageReader` on Confluence. An object serves one job. `me`: the bot, where it is known already."""

    def __init__(self, api: ConfluenceApi, me: PagePerson | None = None) -> None:
        self._api = api
        self._known = me

    def me(self) -> PagePerson:
        return self._me

    def page(self, page: str) -> Page:
        return self._pages.page(page)

    def find(self, space: str, title: str) -> Page | None:
        """As Confluence tells titles apart: not by the case of letters. Data Center finds no archived ones."""
        named = [page for page in self._named(space, title) if page.status in STANDING]
        alike = [page for page in named if _folded(page.title) == _folded(title)]
        return next((page for page in alike if page.title == title), alike[0] if alike else None)

    def is_restricted(self, page: Page) -> bool:
        """Own restrictions do not name those of the pages above (CONFSERVER-45609), so that each is asked.

        What may not be asked, or is gone by now, counts as restricted, and so does what stands above and cannot be
        asked: a folder, or a page that may not be seen.
        """
        try:
            return self._is_restricted(page.id) or self._is_hidden_from_above(page.id)
        except (Forbidden, NotFound):
            return True

    def comments(self, page: str) -> Sequence[PageComment]:
        return self._pages.comments(page, MAX_COMMENTS)

    def remembered(self, page: str, section: str) -> Mapping[str, Any] | None:
        found = self.property(page, PROPERTY.format(section=slug(section)))
        return found.value if found and isinstance(found.value, dict) else None

    def property(self, page: str, key: str) -> PropertyShape | None:
        """A content property with its version, None where there is none."""
        return self._pages.property(page, key)

    @cached_property
    def _me(self) -> PagePerson:
        """Data Center answers for nobody, too, where it does not know a token."""
        if self._known:
            return self._known
        what = "the bot's own account"
        found = shaped(PersonShape, self._api.v1.get("/user/current", what), what)
        if not found.id:
            raise self._api.not_accepted(what)
        return found.person()

    @cached_property
    def _pages(self) -> CloudPages | DataCenterPages:
        return CloudPages(self._api) if self._api.is_cloud else DataCenterPages(self._api)

    def _named(self, space: str, title: str) -> Sequence[Page]:
        """None in a space that is gone or may not be seen."""
        try:
            return self._pages.named(space, title)
        except NotFound:
            return ()

    def _is_hidden_from_above(self, page: str) -> bool:
        above = self._pages.above(page)
        return above is None or any(self._hides(one) for one in reversed(above))

    def _hides(self, above: AboveShape) -> bool:
        """What does not say, be it that a folder cannot be asked, may be restricted."""
        try:
            return self._is_restricted(above.id)
        except (Forbidden, NotFound, Refused):
            return True

    def _is_restricted(self, page: str) -> bool:
        what = f"the restrictions of page {page}"
        path = f"{content_path(page)}/restriction/byOperation/read"
        return shaped(RestrictionShape, self._api.v1.get(path, what, expand=ADMITTED), what).is_set


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()
