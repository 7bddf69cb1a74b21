"""Our note on a merge request about one section: what is not true any more, why, and the text that is proposed.

Where the page's texts may not stand in the merge request, the note says no more than where to look.
"""

from collections.abc import Iterator
from typing import Final

from bot.agents.pages.judging import change_of
from bot.agents.pages.standing import Standing, stage
from bot.agents.pages.telling import CUT_LINE, address, changed_lines, place
from bot.agents.spec import LivingSection, SectionsContext
from bot.domain.markdown import code, fence, one_line, prose_line
from bot.domain.pages import Reason

WRONG = "**{place} is no longer true with this merge request.**"
FIRST = "**{place} has no text yet. Proposed:**"
AT_MERGE = "**{place}: what was proposed for it, and what became of that at the merge.**"
MAY_BE_WRONG = "**{place} may be out of date with this merge request.**"
NOT_SHOWN = (
    "What stands there is not shown here: not everybody who reads this merge request may read the page."
)
WHERE = "Section {section} of {page}"
REASON = "- {why} ({shown})"
BY_HAND = "To be put right by hand, as it stands in a part of the page that is not rewritten from here:"
INSTEAD = "Proposed in its place:"

ACCEPT = "To have this written to the page at the merge, react to this note with a thumbs-up or write `/trivet accept`."
ACCEPTED = "Accepted: it is written to the page at the merge."
ACCEPTED_BEFORE = (
    "Accepted, before later commits changed the code that it is about: at the merge it is written only if it is right "
    "for that code, too."
)
UNASKED = "It is written to the page at the merge."
TOO_LARGE = "The new text is too large to be accepted here: the page is to be put right by hand."
NOT_ACCEPTED = "Nobody accepted this before the merge, so it was not written."
WRITING = "At the merge:"

REPLACED = "{place}: replaced by a newer proposal."
NOT_NEEDED = "{place}: no longer needed, nothing in it is wrong with this merge request as it is now."
BLOCKED = "{place}: accepted, but not written: {trouble}. Once that is put right, `/trivet accept` here has it written."
OVERTAKEN = "{place}: this text was accepted, but later commits changed the code that it is about; it was not written."
CLOSED = "{place}: the merge request was closed without a merge, so nothing is written."

LONGEST_DIFFERENCE: Final = 30_000  # characters; a note takes 60,000
LONGEST_WHY: Final = 300


def proposal(standing: Standing, context: SectionsContext, *, keeps_edits: bool) -> str:
    """`keeps_edits`: the note can hold the edits, so that a member may accept them."""
    if not standing.living.tells_page:
        return _untold(standing, UNASKED if standing.is_due and stage(context.request) == "open" else "")
    return _told(standing, context, _end(standing, context, keeps_edits=keeps_edits))


def written(standing: Standing, context: SectionsContext) -> str:
    """What became of the writing is told below it."""
    is_told = standing.living.tells_page
    return _told(standing, context, WRITING, AT_MERGE) if is_told else _untold(standing, WRITING)


def replaced(living: LivingSection) -> str:
    return REPLACED.format(place=_where(living))


def not_needed(living: LivingSection) -> str:
    return NOT_NEEDED.format(place=_where(living))


def overtaken(living: LivingSection) -> str:
    return OVERTAKEN.format(place=_where(living))


def blocked(living: LivingSection) -> str:
    return BLOCKED.format(place=_where(living), trouble=one_line(living.trouble).rstrip("."))


def closed(living: LivingSection) -> str:
    return CLOSED.format(place=_where(living))


def shows_all(standing: Standing, context: SectionsContext) -> bool:
    """Whether the note shows the whole difference: nobody can say yes to what they do not see."""
    return CUT_LINE not in changed_lines(standing, context, LONGEST_DIFFERENCE)


def _told(standing: Standing, context: SectionsContext, end: str, headline: str = "") -> str:
    headline = headline or (WRONG if standing.living.section else FIRST)
    reasons = _reasons(standing, by_hand=False)
    parts = (
        headline.format(place=_where(standing.living)),
        "\n".join(_item(one, context) for one in reasons),
        _difference(standing, context),
        *_parts_by_hand(_reasons(standing, by_hand=True), context),
        end,
    )
    return "\n\n".join(filter(None, parts))


def _untold(standing: Standing, end: str) -> str:
    """What nobody could read can be accepted by nobody."""
    parts = (MAY_BE_WRONG.format(place=_where(standing.living)), NOT_SHOWN, end)
    return "\n\n".join(filter(None, parts))


def _where(living: LivingSection) -> str:
    """By the names that `.trivet.yml` gives, which everybody here may read."""
    title = one_line(living.wanted.page)
    url = living.page.url.replace("(", "%28").replace(")", "%29") if living.page else ""
    return WHERE.format(section=code(living.wanted.section), page=f"[{title}]({url})" if url else title)


def _reasons(standing: Standing, *, by_hand: bool) -> list[Reason]:
    return [one for one in standing.edit.reasons if one.by_hand == by_hand] if standing.edit else []


def _item(reason: Reason, context: SectionsContext) -> str:
    return REASON.format(why=prose_line(reason.why, LONGEST_WHY), shown=_shown(reason, context))


def _shown(reason: Reason, context: SectionsContext) -> str:
    url = address(reason, context.request)
    return f"[{one_line(place(reason))}]({url})" if url else one_line(place(reason))


def _difference(standing: Standing, context: SectionsContext) -> str:
    lines = changed_lines(standing, context, LONGEST_DIFFERENCE)
    return fence("diff", lines) if lines else ""


def _parts_by_hand(reasons: list[Reason], context: SectionsContext) -> Iterator[str]:
    if reasons:
        yield BY_HAND
    for one in reasons:
        yield _item(one, context)
        if one.instead:
            yield INSTEAD
            yield fence("text", one.instead.split("\n"))


def _end(standing: Standing, context: SectionsContext, *, keeps_edits: bool) -> str:
    if standing.edit is None or not standing.edit.edits:
        return ""
    return _fate(standing, context) or (ACCEPT if keeps_edits else TOO_LARGE)


def _fate(standing: Standing, context: SectionsContext) -> str:
    """What becomes of it without anybody doing anything; "" where a member may still accept it."""
    if stage(context.request) == "merged":
        return NOT_ACCEPTED
    if standing.is_accepted and standing.edit:
        is_of_now = standing.edit.of == change_of(standing.living, context)
        return ACCEPTED if is_of_now else ACCEPTED_BEFORE
    return UNASKED if standing.is_due else ""
