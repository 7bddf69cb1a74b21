"""One section of a page brought to a new text, whoever else writes at the same time; done again, it is done once.

The page is read, then what its property remembers: what others of us wrote was told there before. Then the property is
told which text is about to stand on the page, the page is written, and the property is told that it stands. A run that
ends anywhere between is done again from the beginning.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from bot.domain.actions import WriteSection
from bot.domain.pages import Page
from bot.domain.sections import difference, digest, find, wrapped
from bot.errors import Refused
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_pages import create, former, write_over
from bot.gateways.confluence_plan import (
    COMMENTED,
    Author,
    Case,
    LeftAlone,
    Plan,
    check_owner,
    first_text,
    message,
)
from bot.gateways.confluence_properties import Remembered, Write, remember, remembered
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_rescue import Rescue, is_any_lost, marked_again, rescued, standing, text
from bot.gateways.confluence_tries import settled
from bot.gateways.http import Conflict

COMMENTS_AGAIN = "Trivet: inline comments put back"
MOST_RESCUES = 5  # versions in which more comments are looked for that were lost while others were put back

TAKEN: Final = "already exists"  # Confluence's words for a title, Cloud's and Data Center's
TITLE_TAKEN = (
    "the title “{title}” is taken by an archived page, or by one that the bot may not see: rename that page, or let "
    "the bot in"
)

Done = tuple[Literal["done", "unchanged"], Page]


class SectionWriter:
    """Sections written by one account. `reader` reads with the same token."""

    def __init__(self, api: ConfluenceApi, reader: ConfluenceReader, author: Author) -> None:
        self._api = api
        self._reader = reader
        self._author = author

    def write(self, action: WriteSection) -> Done:
        """What was done, and the page. Raises LeftAlone and Damaged; Conflict where others kept writing."""
        return settled(lambda: self._tried(action))

    def _tried(self, action: WriteSection) -> Done:
        page = self._found(action)
        return self._written(action, page) if page else self._made(action)

    def _found(self, action: WriteSection) -> Page | None:
        if action.page:
            return self._reader.page(action.page)
        return self._reader.find(action.space, action.title)

    def _made(self, action: WriteSection) -> Done:
        """A new page; one that somebody made in the same moment is written to as if it had always been there."""
        new = first_text(action, self._author)
        body = wrapped(action.section, new)
        try:
            number = create(self._api, action.space, action.title, action.parent, body)
        except (Refused, Conflict) as error:
            page = self._found(action)
            if page is None and isinstance(error, Refused) and TAKEN in error.detail:
                raise Refused(TITLE_TAKEN.format(title=action.title)) from None
            if page is None:
                raise
            return self._written(action, page)
        page = self._reader.page(number)
        wanted = action.result if action.body is None else digest(new)
        self._tell(
            action, page, Write(wanted, self._as_it_stands(action, page, digest(new)), 1, is_done=True)
        )
        return "done", page

    def _written(self, action: WriteSection, page: Page) -> Done:
        known = remembered(self._reader, page.id, action.section) or Remembered()
        check_owner(action, page, known.kept)
        if known.last and known.last.version > page.version:
            page = self._reader.page(page.id)  # another one of us wrote it meanwhile
        if self._completed(action, page, known):
            return self._tried(action)
        plan = Case(action, page, known, self._author).plan()
        if plan.storage is None:
            self._confirm(action, page, plan, known)
            return "unchanged", page
        return "done", self._replaced(action, page, plan, plan.storage)

    def _replaced(self, action: WriteSection, page: Page, plan: Plan, storage: str) -> Page:
        """The page with this body. Watchers would hear of a text that is made anew at every merge each time."""
        written = Write(plan.wanted, plan.digest, page.version + 1)
        self._tell(action, page, written)
        write_over(self._api, page, storage, message(action), quiet=action.body is not None)
        now = self._reader.page(page.id)
        done = replace(written, digest=self._as_it_stands(action, now, plan.digest), is_done=True)
        self._save_comments(action, now, written, plan.digest)
        self._tell(action, now, done)
        return now

    def _confirm(self, action: WriteSection, page: Page, plan: Plan, known: Remembered) -> None:
        """Tell the property of a text that stands there already. One that stands in no boundary of ours is not ours."""
        last = known.last
        if not plan.is_marked:
            return
        is_told = last is not None and (last.wanted, last.digest) == (plan.wanted, plan.digest)
        version = last.version if last and is_told else page.version
        self._tell(action, page, Write(plan.wanted, plan.digest, version, is_done=True))

    def _completed(self, action: WriteSection, page: Page, known: Remembered) -> bool:
        """Whether a run that was broken off had written the page: what it had still to do is done then."""
        last = known.last
        if last is None or last.is_done or page.version < last.version:
            return False
        then = page if page.version == last.version else former(self._api, page, last.version)
        stood = then and self._author.wrote(then, action.section) and standing(then.storage, action.section)
        if not stood or (stood.digest != last.digest and stood.digest in known.kept.digests):
            return False  # the version was made by somebody else, or of another text of ours
        done = replace(last, digest=stood.digest, is_done=True)
        self._save_comments(action, page, last, stood.digest)
        is_back = self._is_taken_back(action, page, last, known)
        self._change(
            action, page, lambda known: known.without_write(last) if is_back else known.with_write(done)
        )
        return True

    def _is_taken_back(self, action: WriteSection, page: Page, write: Write, known: Remembered) -> bool:
        """Whether the text of ours from before this write stands there again, for comments hung on its words."""
        section = standing(page.storage, action.section)
        if section is None or section.digest == write.digest or section.digest not in known.kept.digests:
            return False
        newest = min(page.version, write.version + MOST_RESCUES)
        return any(self._is_rescue(page, one) for one in range(write.version + 1, newest + 1))

    def _save_comments(self, action: WriteSection, now: Page, write: Write, digest: str) -> None:
        """Put back the inline comments that our write took away, and our writes to that end; `digest` stood after it.

        Raises LeftAlone where they hung on words that are gone: then the section is as it was.
        """
        version = write.version - 1
        done = self._put_back(now, version, lambda before, now: _rescue(action, before, now, digest))
        newest = self._reader.page(now.id) if done else now
        for later in range(version + 1, min(newest.version, version + MOST_RESCUES)):
            if self._is_rescue(newest, later + 1):
                self._put_back(newest, later, lambda before, now: marked_again(before.storage, now.storage))
        if done and done.is_undone:
            self._change(action, now, lambda known: known.without_write(write))
            raise LeftAlone(COMMENTED, now, _undone(action, now, done))

    def _put_back(
        self, now: Page, version: int, rescue: Callable[[Page, Page], Rescue | None]
    ) -> Rescue | None:
        """What was written for the comments of a version that are not there now, if anything."""
        before = former(self._api, now, version)
        if before is None or not is_any_lost(before.storage, now.storage):
            return None
        return settled(lambda: self._written_back(self._reader.page(now.id), before, rescue))

    def _written_back(
        self, now: Page, before: Page, rescue: Callable[[Page, Page], Rescue | None]
    ) -> Rescue | None:
        found = rescue(before, now)
        if found:
            write_over(self._api, now, found.storage, COMMENTS_AGAIN, quiet=True)
        return found

    def _is_rescue(self, page: Page, version: int) -> bool:
        made = page if page.version == version else former(self._api, page, version)
        return made is not None and (made.author, made.message) == (self._author.id, COMMENTS_AGAIN)

    def _as_it_stands(self, action: WriteSection, page: Page, written: str) -> str:
        """The digest of what we wrote as Confluence has it, as far as nobody wrote since."""
        section = find(page.storage, action.section) if self._author.wrote(page, action.section) else None
        return section.digest if section else written

    def _tell(self, action: WriteSection, page: Page, write: Write) -> None:
        """The property what was written, or is about to be. Raises LeftAlone where others own it since we read it."""

        def told(known: Remembered) -> Remembered:
            check_owner(action, page, known.kept)
            return known.with_write(write).told(action)

        self._change(action, page, told)

    def _change(self, action: WriteSection, page: Page, change: Callable[[Remembered], Remembered]) -> None:
        remember(self._api, self._reader, page.id, action.section, change)


def _undone(action: WriteSection, written: Page, rescue: Rescue) -> str:
    return difference(text(rescue.storage, action.section), text(written.storage, action.section))


def _rescue(action: WriteSection, before: Page, now: Page, digest: str) -> Rescue | None:
    is_next = now.version == before.version + 1
    return rescued(before.storage, now.storage, action.section, digest, is_next=is_next)
