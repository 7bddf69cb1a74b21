"""The page of a case as Confluence would give it, and the project of a case beside its merge request."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.domain.change import Target
from bot.domain.flow import CodeProject
from bot.domain.pages import Page, PageComment, PagePerson
from bot.domain.releases import MergedRequest, Tag
from bot.domain.rules import Rules, SpaceRule
from bot.entry.case_checkout import BASE, CaseReader
from bot.errors import NotFound
from bot.evaluation.drift_cases import DriftCase
from bot.gateways.git import GitSnapshot
from bot.proposing.means import Wiki

PROJECT: Final = CodeProject(1, "evaluation/case", "private", BASE)
"""Not public, so that texts of its pages may stand in its merge requests."""
ME: Final = PagePerson("trivet", "Trivet")

NO_PAGE = "there is no page {page}"
NO_BRANCH = "there is no branch {name}"


def case_wiki(case: DriftCase, reader: CaseReader) -> Wiki:
    """The operator has tied the page's space to the project."""
    rules = Rules(spaces=(SpaceRule(space=case.page.space, gitlab=PROJECT.path),))
    return Wiki(pages=CasePages(case.page), code=CaseCode(reader), rules=rules)


class CasePages:
    """The port `PageReader` on one page, which nobody has commented on and no run has written to."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def me(self) -> PagePerson:
        return ME

    def page(self, page: str) -> Page:
        if page != self._page.id:
            raise NotFound(NO_PAGE.format(page=page))
        return self._page

    def find(self, space: str, title: str) -> Page | None:
        return self._page if (space, title) == (self._page.space, self._page.title) else None

    def is_restricted(self, page: Page) -> bool:
        return False

    def comments(self, page: str) -> Sequence[PageComment]:
        return ()

    def remembered(self, page: str, section: str) -> Mapping[str, Any] | None:
        return None


class CaseCode:
    """The port `CodeReader` on the checkout of a case: a private project without tags."""

    def __init__(self, reader: CaseReader) -> None:
        self._reader = reader

    def project(self, path: str) -> CodeProject:
        return PROJECT

    def branch(self, project: CodeProject, name: str) -> GitSnapshot:
        """Raises NotFound."""
        if name != BASE:
            raise NotFound(NO_BRANCH.format(name=name))
        return self._reader.target_branch(self._reader.merge_request(Target(project.path, 0)))

    def username(self, *, username: str = "", email: str = "") -> str:
        return ""

    def tags(self, project: CodeProject) -> Sequence[Tag]:
        return ()

    def merged(self, project: CodeProject, since: Tag | None, until: str) -> Sequence[MergedRequest]:
        return ()
