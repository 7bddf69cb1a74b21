"""The keys of what the pages agent writes: what it wrote before is found by them."""

from typing import Final

from bot.agents.spec import LivingSection
from bot.domain.pages import SectionEdit, slug
from bot.domain.sections import digest

NOTE: Final = "page:{slug}"
SECTION: Final = "section:{slug}"
NOTICE: Final = "stale:{slug}"


def note_prefix(living: LivingSection) -> str:
    """What the keys of all notes on a section begin with."""
    return NOTE.format(slug=slug(living.wanted.section))


def note_key(living: LivingSection, edit: SectionEdit) -> str:
    """Of the note that proposes a text. One that may not tell it has a key of the text that is not true."""
    told = edit.result if living.tells_page else edit.base
    return f"{note_prefix(living)}:{told or digest('')}"


def section_key(living: LivingSection) -> str:
    """Sections of two pages may have one name."""
    page = living.page.id if living.page else ""
    return f"{SECTION.format(slug=slug(living.wanted.section))}:{page}"


def notice_key(living: LivingSection) -> str:
    """Of our comment on the page that says that the section is not true."""
    return NOTICE.format(slug=slug(living.wanted.section))
