"""The keys of what we write about a section of a page: what was written before is found by them.

Sections of two pages may have one name: only a comment, which hangs on its page, needs no page in its key.
"""

from typing import Final

from bot.domain.pages import slug

NOTE: Final = "page:{page}:{slug}"
SECTION: Final = "section:{slug}:{page}"
NOTICE: Final = "stale:{slug}"


def note_prefix(page: str, section: str) -> str:
    """What the keys of all notes on a section begin with; the digest of a text follows behind a colon."""
    return NOTE.format(page=page, slug=slug(section))


def note_about(key: str) -> tuple[str, str] | None:
    """The page's id and the section's slug that a note is about; None for the key of another note."""
    match key.split(":"):
        case ["page", page, section, _]:
            return page, section
    return None


def section_key(page: str, section: str) -> str:
    return SECTION.format(slug=slug(section), page=page)


def notice_key(section: str) -> str:
    """Of our comment on the page that says that the section is not true."""
    return NOTICE.format(slug=slug(section))
