"""A Confluence in memory, as the port shows it; what was asked of it is noted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.pages import Page, PageComment, PagePerson
from bot.errors import NotFound

WIKI_BOT = PagePerson(id="wiki-bot", name="Trivet Bot", username="trivet")
ENDPOINTS = "<h2>Endpoints</h2><p>Totals have <strong>two</strong> decimals.</p><h2>Else</h2><p>Other.</p>"
GUIDE = Page(
    id="123",
    space="DOC",
    title="API guide",
    version=4,
    storage=ENDPOINTS,
    url="https://wiki.example.com/pages/123",
    author="ada-1",
)
RELEASES = Page(
    id="200",
    space="DOC",
    title="Releases",
    version=1,
    storage="<p>All releases.</p>",
    url="https://wiki.example.com/pages/200",
    author="ada-1",
)


@dataclass
class Pages:
    """The port `PageReader`. `memories` by page id and section; `restricted` are ids of pages; `trouble` is raised."""

    known: Sequence[Page] = (GUIDE, RELEASES)
    said: Mapping[str, Sequence[PageComment]] = field(default_factory=dict)
    memories: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    restricted: frozenset[str] = frozenset()
    trouble: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def me(self) -> PagePerson:
        return WIKI_BOT

    def page(self, page: str) -> Page:
        self._ask(f"page {page}")
        found = next((one for one in self.known if one.id == page), None)
        if found is None:
            raise NotFound(f"Confluence does not find page {page} (404)")
        return found

    def find(self, space: str, title: str) -> Page | None:
        self._ask(f"find {space}: {title}")
        return next((one for one in self.known if (one.space, one.title) == (space, title)), None)

    def is_restricted(self, page: Page) -> bool:
        self._ask(f"restrictions of {page.id}")
        return page.id in self.restricted

    def comments(self, page: str) -> Sequence[PageComment]:
        self._ask(f"comments of {page}")
        return self.said.get(page, ())

    def remembered(self, page: str, section: str) -> Mapping[str, Any] | None:
        self._ask(f"memory of {page}: {section}")
        return self.memories.get((page, section))

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.trouble:
            raise self.trouble
