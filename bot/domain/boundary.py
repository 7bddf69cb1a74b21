"""Where a section stands on a page: within our boundary, or below the heading of its name.

A boundary is a pair of paragraphs with an `anchor` macro each, which Confluence keeps and nobody sees.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.pages import slug
from bot.domain.storage_line import MARKS, TRANSPARENT, line_text, macro_name
from bot.domain.storage_scan import Element, elements, text_of
from bot.errors import Damaged

ANCHOR = "trivet-{slug}-{end}"
OUR_ANCHOR = re.compile(r"trivet-.+-(begin|end)")
BOUNDARY = (
    '<p><ac:structured-macro ac:name="anchor" ac:schema-version="1">'
    '<ac:parameter ac:name="">{anchor}</ac:parameter></ac:structured-macro></p>'
)
HEADINGS: Final = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
LINES = frozenset({"p", *HEADINGS})
WITHIN_LINES = frozenset({*MARKS, *TRANSPARENT, "a"})
ALIKE = re.compile(r"[\s_-]+")

NO_BEGIN = (
    'The section "{name}" has no begin any more: put an anchor named "{first}" in a paragraph above its text, '
    'or take away the anchor "{last}" as well.'
)
NO_END = (
    'The section "{name}" has no end any more: put an anchor named "{last}" in a paragraph below its text, '
    'or take away the anchor "{first}" as well.'
)
DOUBLED = (
    'The anchors "{first}" and "{last}" stand on the page more than once, so it is not clear which text the section '
    '"{name}" is: keep one of each.'
)
COUNTS = {(0, 1): NO_BEGIN, (1, 0): NO_END} | dict.fromkeys([(0, 2), (1, 2), (2, 0), (2, 1), (2, 2)], DOUBLED)
"""What is wrong, by how many begins and ends there are; 2 stands for more."""
ON_ONE_LINE = (
    'Begin and end of the section "{name}" stand in one paragraph: '
    'give the anchors "{first}" and "{last}" a paragraph each, with the section\'s text between them.'
)
APART = (
    'Begin and end of the section "{name}" are not side by side any more, one is in a table, list, box or column: '
    'put the anchors "{first}" and "{last}" above and below the section\'s text, in the same place.'
)
TURNED = (
    'The end of the section "{name}" stands before its begin: '
    'put the anchor "{first}" above the section\'s text and "{last}" below it.'
)
SEVERAL_HEADINGS = (
    'The page has {count} headings "{name}", so it is not clear which one the section is: '
    "rename all but one of them."
)


@dataclass(frozen=True, slots=True)
class Place:
    """The nodes within `container` from byte `start` to byte `end`."""

    container: Element
    start: int
    end: int
    is_marked: bool


def place_of(page: Element, name: str) -> Place | None:
    """Where the section of this name stands on a page that was scanned, None for nowhere.

    Raises Damaged where the boundary is not whole, or the name stands in several headings.
    """
    return _within_boundary(page, name) or _below_heading(page, name)


def wrapped(name: str, inner: str) -> str:
    """The text between our boundaries."""
    begin, end = (BOUNDARY.format(anchor=anchor) for anchor in _anchors(name))
    return f"{begin}{inner}{end}"


def _anchors(name: str) -> tuple[str, str]:
    known = slug(name)
    return ANCHOR.format(slug=known, end="begin"), ANCHOR.format(slug=known, end="end")


def _within_boundary(page: Element, name: str) -> Place | None:
    first, last = _anchors(name)
    begins, ends = _lines_of(page, first), _lines_of(page, last)
    if not begins and not ends:
        return None
    fault = _fault(begins, ends)
    if fault:
        raise Damaged(fault.format(name=name, first=first, last=last))
    return Place(_around(begins[0]), begins[0].end, ends[0].start, is_marked=True)


def _fault(begins: Sequence[Element], ends: Sequence[Element]) -> str:
    """What is wrong with the paragraphs of a boundary, "" for nothing."""
    if len(begins) != 1 or len(ends) != 1:
        return COUNTS[min(len(begins), 2), min(len(ends), 2)]
    begin, end = begins[0], ends[0]
    if begin is end:
        return ON_ONE_LINE
    if begin.parent is not end.parent:
        return APART
    return TURNED if end.start < begin.start else ""


def _around(element: Element) -> Element:
    assert element.parent  # the page's own element has no name, so it is never looked for
    return element.parent


def _lines_of(page: Element, anchor: str) -> list[Element]:
    """The paragraphs in which an anchor of this name stands."""
    return [_line_around(macro) for macro in elements(page.children) if _anchor_name(macro) == anchor]


def _anchor_name(element: Element) -> str:
    if macro_name(element) != "anchor":
        return ""
    inside = [child for child in element.children if isinstance(child, Element)]
    names = (one for one in inside if one.name == "ac:parameter" and not one.attributes.get("ac:name"))
    return next((text_of(one.children).strip().lower() for one in names), "")


def _line_around(macro: Element) -> Element:
    """The paragraph or heading that the macro stands in, through marks; else what of it stands by itself."""
    top = macro
    while top.parent and top.parent.name in WITHIN_LINES:
        top = top.parent
    return top.parent if top.parent and top.parent.name in LINES else top


def _below_heading(page: Element, name: str) -> Place | None:
    wanted = _alike(name)
    headings = [
        one for one in elements(page.children) if one.name in HEADINGS and _heading_name(one) == wanted
    ]
    if len(headings) > 1:
        raise Damaged(SEVERAL_HEADINGS.format(count=len(headings), name=name))
    if not headings:
        return None
    heading, container = headings[0], _around(headings[0])
    following = (one for one in container.children if isinstance(one, Element) and one.start >= heading.end)
    end = next((one.start for one in following if _ends(heading, one)), container.inner_end)
    return Place(container, heading.end, end, is_marked=False)


def _ends(heading: Element, element: Element) -> bool:
    """Whether a heading's text ends before this element: a heading as high, or the boundary of another section."""
    if HEADINGS.get(element.name, len(HEADINGS) + 1) <= HEADINGS[heading.name]:
        return True
    boundaries = (one for one in elements([element]) if OUR_ANCHOR.fullmatch(_anchor_name(one)))
    return any(_line_around(one) is element for one in boundaries)


def _heading_name(heading: Element) -> str:
    return _alike(line_text(heading.children))


def _alike(text: str) -> str:
    return ALIKE.sub(" ", text).strip().casefold()
