"""Our comments in the footer of a page, as they are read: known by their last line, telling by a status label."""

from typing import Final

from bot.domain.storage_scan import Element, elements, scan, text_of
from bot.errors import Damaged

MARK: Final = "Trivet keeps this comment up to date ({key})."
OUT_OF_DATE, TRUE_AGAIN = "OUT OF DATE", "TRUE AGAIN"

MACRO, PARAMETER, NAME = "ac:structured-macro", "ac:parameter", "ac:name"


def has_key(comment: str, key: str) -> bool:
    """Whether the comment's storage ends with the line of this key: one that cannot be read is none of ours."""
    try:
        return last_line(comment) == MARK.format(key=key)
    except Damaged:
        return False


def has_label(comment: str, words: str) -> bool:
    """Whether a status label of the comment reads so; it is not told by the same words in a text or in code.

    Raises Damaged where the storage is not well-formed.
    """
    return any(_label(one) == words for one in elements(scan(comment).children))


def last_line(fragment: str) -> str:
    """The characters of its last element that has any, blanks as one. Raises Damaged where it is not well-formed."""
    lines = [" ".join(text_of([one]).split()) for one in scan(fragment).children if isinstance(one, Element)]
    return next((line for line in reversed(lines) if line), "")


def _label(element: Element) -> str:
    """Its words, "" for any other element."""
    if element.name != MACRO or element.attributes.get(NAME) != "status":
        return ""
    titles = [
        one
        for one in element.children
        if isinstance(one, Element) and one.name == PARAMETER and one.attributes.get(NAME) == "title"
    ]
    return " ".join(text_of(titles).split())
