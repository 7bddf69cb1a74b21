"""The keys of what the pages agent writes about a section."""

import hashlib

from bot.agents.spec import LivingSection
from bot.domain import page_keys
from bot.domain.pages import SectionEdit, slug
from bot.domain.sections import digest


def note_prefix(living: LivingSection) -> str:
    """What the keys of all notes on a section begin with."""
    return page_keys.note_prefix(_page(living), living.wanted.section)


def note_key(living: LivingSection, edit: SectionEdit) -> str:
    """Of the note that proposes a text in place of another: a yes to one is none to the next.

    One that may not tell it has a key of the text that is not true.
    """
    base = edit.base or digest("")
    told = hashlib.sha256(f"{base} {edit.result}".encode()).hexdigest()[:32] if living.tells_page else base
    return f"{note_prefix(living)}:{told}"


def is_about(key: str, living: LivingSection) -> bool:
    """Whether the note with this key is on the section; of a page that cannot be read its name has to do."""
    page, section = page_keys.note_about(key) or ("", "")
    names = (page if living.page else "", section)
    return names == (_page(living), slug(living.wanted.section))


def section_key(living: LivingSection) -> str:
    return page_keys.section_key(_page(living), living.wanted.section)


def notice_key(living: LivingSection) -> str:
    return page_keys.notice_key(living.wanted.section)


def _page(living: LivingSection) -> str:
    return living.page.id if living.page else ""
