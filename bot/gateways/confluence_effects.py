"""What the bot does on Confluence: sections of pages, and comments below them. Idempotent, by reading what is there.

A run that ended anywhere, with or without the answer to its last request, is simply done again.
"""

from collections.abc import Mapping
from typing import Final

from bot.domain.actions import CommentPage, Outcome, PageAction, WriteSection
from bot.domain.document import Code, Document, paragraph
from bot.domain.pages import Page, PagePerson, slug
from bot.errors import AccessDenied, Damaged, Forbidden, NotFound, PlatformError, Refused, Unavailable
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_comments import write_comment
from bot.gateways.confluence_plan import Author, Clean, LeftAlone, check_page
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_sections import SectionWriter

LONGEST_DIFFERENCE: Final = 20_000  # characters
MAY_NOT_WRITE = (
    "the bot may not edit this page: let its account in under the page's restrictions, or give it the right to "
    "edit in the space"
)
MAY_NOT_COMMENT = "the bot may not comment on this page: give its account the right to, in the space"
PROPOSED = "proposed:{section}"
"""The key of the comment that shows what was not written."""
SHOWN = "{reason}; a comment on the page shows the proposed text"
SAYS = (
    "Trivet has a new text for the section “{section}”, and did not write it: {reason}. It would change this:"
)
CUT = "The rest is left out."
SETTLED = "The section “{section}” is up to date: there is nothing to change any more."


class ConfluenceEffects:
    """One write token on one Confluence. `me` is its account.

    `clean` is the one sanitizer before every write; beside a document it is given the addresses that stood in the text
    before, which may stay.
    """

    def __init__(self, api: ConfluenceApi, *, me: PagePerson, clean: Clean) -> None:
        self._api = api
        self._reader = ConfluenceReader(api, me)
        self._me = me
        self._clean = clean

    def apply(self, action: PageAction, made: Mapping[str, str]) -> Outcome:
        """Make the page carry what the action says. `made`: addresses of what other actions made, by their key.

        What cannot be written on this one page is an outcome. Raises Unavailable, and AccessDenied where Confluence
        does not accept the token at all.
        """
        try:
            return self._applied(action, Author(self._me.id, self._clean, made))
        except Forbidden:
            reason = MAY_NOT_WRITE if isinstance(action, WriteSection) else MAY_NOT_COMMENT
            return Outcome(key=action.key, result="refused", reason=reason)
        except (LeftAlone, Damaged, NotFound, Refused) as error:
            return Outcome(key=action.key, result="refused", reason=str(error).removesuffix("."))
        except (Unavailable, AccessDenied):
            raise
        except PlatformError as error:
            return Outcome(key=action.key, result="failed", reason=str(error))

    def hides(self, page: str) -> bool:
        """Whether the page's texts may not be told any more: it is restricted, or gone from where it stood."""
        try:
            found = self._reader.page(page)
            return found.status != "current" or self._reader.is_restricted(found)
        except (NotFound, Forbidden):
            return True

    def _applied(self, action: PageAction, author: Author) -> Outcome:
        match action:
            case WriteSection():
                return self._write(action, author)
            case CommentPage():
                return self._comment(action, author)

    def _write(self, action: WriteSection, author: Author) -> Outcome:
        try:
            result, page = SectionWriter(self._api, self._reader, author).write(action)
        except LeftAlone as why:
            if action.body is None or not why.proposed:
                raise
            return self._propose(action, author, why)
        if action.body is not None:
            self._show(action, author, page, _settled(action), create=False)
        return Outcome(key=action.key, result=result, url=page.url)

    def _propose(self, action: WriteSection, author: Author, why: LeftAlone) -> Outcome:
        """People see on the page what was not written there, and why."""
        self._show(action, author, why.page, _proposal(action, why), create=True)
        return Outcome(key=action.key, result="refused", reason=SHOWN.format(reason=why))

    def _show(
        self, action: WriteSection, author: Author, page: Page, body: Document, *, create: bool
    ) -> None:
        key = PROPOSED.format(section=slug(action.section))
        write_comment(self._api, self._reader, page.id, key, author.storage(body), create=create)

    def _comment(self, action: CommentPage, author: Author) -> Outcome:
        page = self._reader.page(action.page)
        check_page(action, page)
        body = author.storage(action.body)
        result, reason, comment = write_comment(
            self._api, self._reader, page.id, action.key, body, create=action.create
        )
        url = _with_comment(page.url, comment) if comment else page.url
        return Outcome(key=action.key, result=result, reason=reason, url=url)


def _proposal(action: WriteSection, why: LeftAlone) -> Document:
    text = why.proposed[:LONGEST_DIFFERENCE]
    cut = (paragraph(CUT),) if len(text) < len(why.proposed) else ()
    says = paragraph(SAYS.format(section=action.section, reason=why))
    return Document(blocks=(says, Code(text=text, language="diff"), *cut))


def _settled(action: WriteSection) -> Document:
    return Document(blocks=(paragraph(SETTLED.format(section=action.section)),))


def _with_comment(url: str, comment: str) -> str:
    """Where a page shows one of its comments, on both deployments."""
    return f"{url}{'&' if '?' in url else '?'}focusedCommentId={comment}"
