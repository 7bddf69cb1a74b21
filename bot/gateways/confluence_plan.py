"""What is to become of one section of a page, decided from what was read; nothing is asked or written here.

A text of ours is written over; a text of people stays, unless they accepted the edits that were made for it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from bot.domain.actions import CommentPage, WriteSection
from bot.domain.document import Document
from bot.domain.pages import BlockEdit, Page, slug
from bot.domain.sections import (
    LARGEST_PAGE,
    LONGEST_SECTION,
    Kept,
    Section,
    append,
    difference,
    digest,
    edited,
    find,
    is_ours,
    lost_comments,
    merged,
    reanchored,
    splice,
)
from bot.domain.storage import to_storage
from bot.errors import PlatformError, Refused
from bot.gateways.confluence_properties import Remembered
from bot.gateways.confluence_text import addresses

LONGEST_MESSAGE = 250  # characters of a version's message, a column of 255 in Data Center

STANDS_ELSEWHERE = "a page of this title stands elsewhere in the space, and it holds no section of ours"
NOT_CURRENT = "the page is {status}, and nothing is written there"
STATUSES = {"archived": "archived", "trashed": "in the trash", "draft": "a draft that nobody has published"}
MOVED = "the page is in the space {space} now, where these texts do not belong"
OTHERS = "these are the release notes of another project: choose another title in .trivet.yml"
MADE_ANEW = "release notes stand in this section, which are made anew at each merge and not edited"
GONE = "a person took the section away, so it is not written again"
CHANGED = "the section was changed after this text was proposed for it"
MISFIT = "the edits do not fit the section: {reason}"
EDITED = "a person edited this section, so it was not overwritten"
COMMENTED = "an inline comment hangs on words of this section that would go, so it was not overwritten"
TOO_LARGE = "the page would have {size:,} bytes, and more than {limit:,} are not safe to write"
TOO_LONG = "the section would have {size:,} characters, and it may have {limit:,}"
MESSAGE = "Trivet: {section} from "

Clean = Callable[[Document, Collection[str]], Document]


class LeftAlone(PlatformError):
    """The section stays as it is. `proposed`: what was to be written, as a difference to show to people, or ""."""

    def __init__(self, message: str, page: Page, proposed: str = "") -> None:
        super().__init__(message)
        self.page = page
        self.proposed = proposed


@dataclass(frozen=True, slots=True)
class Plan:
    """`storage`: the page's new body, None where the text asked for stands there already.

    `wanted` names the text asked for, `digest` is the section's once that is done. `is_marked`: it is ours by then.
    """

    wanted: str
    digest: str
    storage: str | None = None
    is_marked: bool = True


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, by the account's id, through the one sanitizer. `made`: addresses that other actions made, by key."""

    id: str
    clean: Clean
    made: Mapping[str, str]

    def storage(self, document: Document, before: str = "") -> str:
        """A document as storage; links that stood in `before` stay."""
        return to_storage(self.clean(document, addresses(before)), self.made)

    def edits(self, edits: tuple[BlockEdit, ...], before: str) -> list[BlockEdit]:
        known = addresses(before)
        return [one.model_copy(update={"body": self.clean(one.body, known)}) for one in edits]

    def wrote(self, page: Page, section: str) -> bool:
        """Whether the page's newest version is our write of this section, so that nobody has changed it since."""
        is_write = page.version == 1 or page.message.startswith(MESSAGE.format(section=slug(section)))
        return page.author == self.id and is_write


def message(action: WriteSection) -> str:
    """A version's message."""
    return f"{MESSAGE.format(section=slug(action.section))}{action.source}"[:LONGEST_MESSAGE]


def check_page(action: WriteSection | CommentPage, page: Page) -> None:
    """Raises LeftAlone where a page is not one to write on any more."""
    if page.status != "current":
        raise LeftAlone(NOT_CURRENT.format(status=STATUSES[page.status]), page)
    if page.space.casefold() != action.space.casefold():
        raise LeftAlone(MOVED.format(space=page.space), page)


def check_owner(action: WriteSection, page: Page, kept: Kept) -> None:
    """Raises LeftAlone, without the text asked for, where the section belongs to somebody else."""
    if kept.owner not in ("", action.owner):
        raise LeftAlone(OTHERS if action.owner else MADE_ANEW, page)


@dataclass(frozen=True, slots=True)
class Case:
    """A text asked for a section, the page as it was read, and what its property remembers of the section."""

    action: WriteSection
    page: Page
    remembered: Remembered
    author: Author

    def plan(self) -> Plan:
        """Raises LeftAlone where nothing may be written, Damaged where the section cannot be told from the rest."""
        check_page(self.action, self.page)
        section = find(self.page.storage, self.action.section)
        self._check_place(section)
        whole = self._whole(section)
        wanted = self.action.result if whole is None else digest(whole)
        if section and self._stands(section, wanted):
            return Plan(wanted, section.digest, is_marked=section.is_marked)
        self._check_base(section, whole)
        return self._change(section, wanted, self._edited(section) if whole is None else whole)

    def _whole(self, section: Section | None) -> str | None:
        """The whole text asked for, None where edits are."""
        if self.action.body is None:
            return None
        return self.author.storage(self.action.body, section.storage if section else "")

    def _edited(self, section: Section | None) -> str:
        edits = self.author.edits(self.action.edits, section.storage if section else "")
        try:
            return edited(section, edits)
        except ValueError as error:
            raise LeftAlone(MISFIT.format(reason=error), self.page) from None

    def _change(self, section: Section | None, wanted: str, text: str) -> Plan:
        if section is None:
            storage = append(self.page.storage, self.action.section, text)
            return self._fitting(Plan(wanted, digest(text), storage), text)
        old = section.storage
        new = reanchored(old, text if self.action.body is None else merged(old, text))
        if digest(new) == section.digest:
            return Plan(wanted, section.digest, is_marked=section.is_marked)
        if lost_comments(old, new):
            raise LeftAlone(COMMENTED, self.page, difference(old, new))
        return self._fitting(Plan(wanted, digest(new), splice(self.page.storage, section, new)), new)

    def _fitting(self, plan: Plan, text: str) -> Plan:
        size = len((plan.storage or "").encode())
        if len(text) > LONGEST_SECTION:
            raise LeftAlone(TOO_LONG.format(size=len(text), limit=LONGEST_SECTION), self.page)
        if size > LARGEST_PAGE:
            raise LeftAlone(TOO_LARGE.format(size=size, limit=LARGEST_PAGE), self.page)
        return plan

    def _check_place(self, section: Section | None) -> None:
        """A page with the title asked for is the one that is meant, or another one of that name."""
        is_meant = self.action.parent in ("", self.page.parent)
        is_ours = (section and section.is_marked) or self.remembered.kept.digests
        if not (is_meant or is_ours):
            raise LeftAlone(STANDS_ELSEWHERE, self.page)

    def _stands(self, section: Section, wanted: str) -> bool:
        """Whether the text asked for is there, be it as the sanitizer or Confluence made it of what we wrote."""
        last = self.remembered.last
        is_last = last is not None and (last.wanted, last.digest) == (wanted, section.digest)
        return is_last or section.digest == wanted

    def _check_base(self, section: Section | None, whole: str | None) -> None:
        """Raises LeftAlone where another text stands there than the one to be written over."""
        if section is None:
            if self.remembered.kept.is_made:
                raise LeftAlone(GONE, self.page)
            if self.action.base:
                raise LeftAlone(CHANGED, self.page)
        elif whole is None:
            if section.digest != self.action.base:
                raise LeftAlone(CHANGED, self.page)
        elif not self._is_ours(section):
            raise LeftAlone(EDITED, self.page, difference(section.storage, whole))

    def _is_ours(self, section: Section) -> bool:
        if is_ours(section, self.remembered.kept):
            return True
        return section.is_marked and self.author.wrote(self.page, self.action.section)


def first_text(action: WriteSection, author: Author) -> str:
    """What the section of a new page says. Raises Refused where that is too long for one."""
    text = author.storage(action.body) if action.body else edited(None, author.edits(action.edits, ""))
    if len(text) > LONGEST_SECTION:
        raise Refused(TOO_LONG.format(size=len(text), limit=LONGEST_SECTION))
    return text
