"""Our comment on a page: that a section of it may not be true, why, and what it should say; later that it is true."""

from collections.abc import Iterator
from typing import Final

from bot.agents.pages.standing import Standing
from bot.agents.pages.telling import address, changed_lines, place
from bot.agents.spec import LivingSection, SectionsContext
from bot.domain.document import (
    Block,
    BulletList,
    Code,
    Document,
    Inline,
    Inlines,
    Link,
    Lozenge,
    Text,
    inlines,
    paragraph,
)
from bot.domain.page_comments import OUT_OF_DATE, TRUE_AGAIN
from bot.domain.pages import Reason

MAY_BE_WRONG = " The section “{section}” may be out of date since merge request "
NO_TEXT = " This page has no section “{section}” yet; one was proposed with merge request "
OVERTAKEN = (
    "A text for it was accepted, but later commits changed the code that it is about: it was not written."
)
PROPOSED = "Proposed text, as a difference to what stands there:"
PROPOSED_BEFORE = "Proposed text, as a difference to what stood there when it was proposed:"
BY_HAND = "To be put right by hand: "
INSTEAD = "Proposed in its place:"
IS_TRUE = " The section “{section}” is true as far as the latest merge requests tell."

LONGEST_DIFFERENCE: Final = 10_000  # characters; a comment takes 30,000


def stale(standing: Standing, context: SectionsContext, *, is_now: bool = True) -> Document:
    """`is_now`: the page has still the text that the edits stand on."""
    words = MAY_BE_WRONG if standing.living.section else NO_TEXT
    link = Link(text=str(context.request.target), url=context.request.web_url)
    headline = paragraph(
        Lozenge(text=OUT_OF_DATE, color="yellow"),
        words.format(section=standing.living.wanted.section),
        link,
        ".",
    )
    return Document(blocks=(headline, *_told(standing, context, is_now=is_now)))


def true_again(living: LivingSection) -> Document:
    """The same whoever finds it out, so that it is written once."""
    words = IS_TRUE.format(section=living.wanted.section)
    return Document(blocks=(paragraph(Lozenge(text=TRUE_AGAIN, color="green"), words),))


def _told(standing: Standing, context: SectionsContext, *, is_now: bool) -> Iterator[Block]:
    reasons = standing.edit.reasons if standing.edit else ()
    if standing.overtaken:
        yield paragraph(OVERTAKEN)
    if reasons:
        yield BulletList(items=tuple(_item(one, context) for one in reasons))
    if lines := changed_lines(standing, context, LONGEST_DIFFERENCE):
        yield paragraph(PROPOSED if is_now else PROPOSED_BEFORE)
        yield Code(text="\n".join(lines), language="diff")
    for one in reasons:
        if one.instead:
            yield paragraph(INSTEAD)
            yield Code(text=one.instead)


def _item(reason: Reason, context: SectionsContext) -> Inlines:
    said = BY_HAND + reason.why if reason.by_hand else reason.why
    return inlines(f"{said} (", _shown(reason, context), ")")


def _shown(reason: Reason, context: SectionsContext) -> Inline:
    url = address(reason, context.request)
    return Link(text=place(reason), url=url) if url else Text(text=place(reason), code=True)
