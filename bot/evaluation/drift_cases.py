"""The changes that make a page wrong, or do not: `drift/<slug>/`, stored as those of the reviews, with a `page.txt`.

`page.txt` is a page in Confluence's storage format, and the repository's own `.trivet.yml` ties one section of it to
the changed paths. Blocks are named by words of their Markdown, as a model is shown it, that no other block holds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Literal

from bot.domain.pages import Page
from bot.domain.repo_config import FILE, PageSection, load
from bot.domain.sections import Block, Section, find
from bot.evaluation.cases import Change, Data, Told, folders, named, read_story, trees

PAGE_FILE = "page.txt"
SPACE = "DOC"
PAGE_ID = "4711"
URL = "https://wiki.example/pages/4711"

NO_SECTION = "{slug}: the page has no section {name!r}"
NOT_ONE_SECTION = "{slug}: .trivet.yml ties {count} sections, not one"
NOT_ONE_BLOCK = "{slug}: {count} blocks hold {quote!r}, not one"
NOT_ONCE = "{slug}: {words!r} stands {count} times in the block, not once"

Truth = Literal["drift", "harmless", "tempting"]
"""Whether the change makes the page wrong; else whether it changes what the page is about (harmless) or not."""
Words = str | tuple[str, ...]
"""Words that a text has, or any of several wordings."""


class Wrong(Data):
    """A block that is not true after the change, and why.

    `path` and `line`: a line of the diff or at head that shows it. `change`: what is put in place of what in the
    block's Markdown; for an insertion `text` stands after it. The new text `has` certain words, and `gone` others.
    """

    quote: str
    why: str
    path: str
    line: str
    how: Literal["replace", "insert", "delete"] = "replace"
    change: tuple[tuple[str, str], ...] = ()
    text: str = ""
    has: tuple[Words, ...] = ()
    gone: tuple[str, ...] = ()


class DriftStory(Told):
    """`kind` is the kind of page, `trap` what makes the change look otherwise than it is, "" where nothing does.

    `tolerated`: quotes of blocks that may be changed as well, and need not be.
    """

    kind: str
    truth: Truth
    trap: str = ""
    why: str = ""
    wrong: tuple[Wrong, ...] = ()
    tolerated: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriftCase(Change):
    """A change, and what it makes of a page. `wanted` is the one entry of `.trivet.yml`, `section` what it names."""

    story: DriftStory
    page: Page
    wanted: PageSection
    section: Section

    def place(self, quote: str) -> int:
        """The number of the block that holds these words, from 0. Raises ValueError for none or several."""
        found = [number for number, block in enumerate(self.section.blocks) if quote in block.markdown]
        if len(found) != 1:
            raise ValueError(NOT_ONE_BLOCK.format(slug=self.slug, count=len(found), quote=quote))
        return found[0]

    def right_text(self, wrong: Wrong) -> str:
        """How the block may read, or what may be inserted, in Markdown. Raises ValueError."""
        if wrong.how != "replace":
            return wrong.text
        text = self.section.blocks[self.place(wrong.quote)].markdown
        for old, new in wrong.change:
            if text.count(old) != 1:
                raise ValueError(NOT_ONCE.format(slug=self.slug, words=old, count=text.count(old)))
            text = text.replace(old, new)
        return text

    def is_by_hand(self, wrong: Wrong) -> bool:
        """Whether the block cannot be rewritten from here, so that a person has to be told."""
        return wrong.how != "insert" and not rewritable(self.section.blocks[self.place(wrong.quote)])


def rewritable(block: Block) -> bool:
    return block.is_plain and not block.is_commented


def drift_cases() -> list[DriftCase]:
    """The whole set, by slug. Raises ValueError where a case and its page do not fit each other."""
    return [_case(folder) for folder in folders("drift")]


def chosen_drifts(slugs: Collection[str]) -> list[DriftCase]:
    """These cases, all of them where none is named. Raises UsageError for one that does not exist."""
    return named(drift_cases(), slugs)


def _case(folder: Traversable) -> DriftCase:
    story = DriftStory.model_validate(read_story(folder))
    before, after = trees(folder, story.deleted)
    wanted = _wanted(folder.name, before[FILE])
    storage = (folder / PAGE_FILE).read_text("utf-8")
    section = find(storage, wanted.section)
    if section is None:
        raise ValueError(NO_SECTION.format(slug=folder.name, name=wanted.section))
    page = Page(PAGE_ID, SPACE, wanted.page, 1, storage, URL)
    case = DriftCase(folder.name, story, before, after, page, wanted, section)
    for quote in (*story.tolerated, *(wrong.quote for wrong in story.wrong)):
        case.place(quote)
    return case


def _wanted(slug: str, rules: bytes) -> PageSection:
    config, complaint = load(rules)
    sections = config.pages.sections
    if complaint or len(sections) != 1:
        raise ValueError(complaint or NOT_ONE_SECTION.format(slug=slug, count=len(sections)))
    return sections[0]
