"""What the tests of writing to Confluence ask for, and look at afterwards."""

from collections.abc import Collection
from typing import Any

from confluence_bridge import ConfluenceBridge

from bot.domain import clean_document
from bot.domain.actions import Outcome, PageAction, WriteSection
from bot.domain.document import BulletList, Document, inlines, paragraph
from bot.domain.pages import PROPERTY, BlockEdit
from bot.domain.sections import digest, edited, find
from bot.gateways.confluence_effects import ConfluenceEffects
from bot.sandbox.confluence.model import Page
from bot.sandbox.confluence.storage import Saving, saved

SECRET = "glpat-" + "Yt7Kq2Rm9Xw4"
OURS = "https://gitlab.example.com/group/shop/-/merge_requests/7"
GUIDE = "API guide"
NOTES = "release-notes"
TITLE = "Release next"


def clean(document: Document, urls: Collection[str]) -> Document:
    """The sanitizer, which knows one secret and one host."""
    return clean_document.clean(
        document,
        redact=lambda text: text.replace(SECRET, "[removed]"),
        hosts=frozenset({"gitlab.example.com"}),
        urls=urls,
    )


def apply(wiki: ConfluenceBridge, action: PageAction, made: dict[str, str] | None = None) -> Outcome:
    """As a job of its own would."""
    return ConfluenceEffects(wiki.api(), me=wiki.me(), clean=clean).apply(action, made or {})


def text(*items: str) -> Document:
    return Document(
        blocks=(paragraph("What is new:"), BulletList(items=tuple(inlines(one) for one in items)))
    )


def notes(wiki: ConfluenceBridge, *items: str, **given: Any) -> WriteSection:
    """For the page of their title, or for one by its id, wherever it stands."""
    told: dict[str, Any] = {
        "title": TITLE,
        "parent": "" if "page" in given else wiki.page("Releases").id,
        "body": text(*items or ("Discount codes", "Vouchers are gone")),
        "source": "group/shop!7",
    }
    return WriteSection(key="notes:next", space="DOC", section=NOTES, **{**told, **given})


def living(page: Page, *edits: BlockEdit, section: str = "endpoints", **given: Any) -> WriteSection:
    """Edits of a section as it stands."""
    there = find(page.now.body, section)
    told: dict[str, Any] = {
        "page": page.id,
        "base": there.digest if there else "",
        "result": digest(edited(there, edits)),
        "edits": edits,
        "source": "group/shop!7",
    }
    return WriteSection(key=f"section:{section}", space="DOC", section=section, **{**told, **given})


def replaced(block: int, *content: Any) -> BlockEdit:
    return BlockEdit(block=block, how="replace", body=Document(blocks=(paragraph(*content),)))


def shouted(body: str, saving: Saving) -> str:
    """A rewriting that the digest is not blind to."""
    return saved(body, saving).replace("What is new", "WHAT IS NEW")


def new_text(page: Page, name: str = NOTES) -> str:
    section = find(page.now.body, name)
    assert section
    return section.markdown


def remembered(page: Page, name: str = NOTES) -> Any:
    return page.properties[PROPERTY.format(section=name)].value


def ours(page: Page) -> list[str]:
    return [one.now.body for one in page.comments if one.author.name == "trivet"]
