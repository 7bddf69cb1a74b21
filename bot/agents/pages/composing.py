"""What is proposed for the sections: notes on the merge request, new texts and remarks on the pages at the merge."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.agents.pages import note
from bot.agents.pages.keys import is_about, note_key, note_prefix, notice_key, section_key
from bot.agents.pages.notice import stale, true_again
from bot.agents.pages.standing import Standing, stage
from bot.agents.pages.telling import changed_lines
from bot.agents.spec import AgentResult, LivingSection, SectionsContext, Shown
from bot.domain.actions import Action, CommentPage, Decision, UpsertNote, WriteSection
from bot.domain.kept import fits
from bot.domain.pages import Page, SectionEdit

NAMED = '"{section}" of {page}'


def composed(standings: Sequence[Standing], context: SectionsContext) -> AgentResult:
    """Of sections of which nothing is known, only the notes on a merge request that was closed are put right."""
    return AgentResult(
        actions=tuple(_actions(standings, context)),
        decisions=tuple(_reused(one) for one in standings if one.why),
    )


def _actions(standings: Sequence[Standing], context: SectionsContext) -> Iterator[Action]:
    match stage(context.request):
        case "draft":
            return
        case "closed":
            for living in context.sections:
                yield from _closed(living)
        case "merged":
            for one in standings:
                yield from _at_the_merge(one, context)
            for living in context.sections:
                yield from _blocked(living)
        case "open":
            for one in standings:
                yield from _while_open(one, context)


def _reused(standing: Standing) -> Decision:
    living = standing.living
    about = NAMED.format(section=living.wanted.section, page=living.wanted.page)
    return Decision(key=note_prefix(living), allowed=standing.is_judged, reason=standing.why, about=about)


# --- while it is open ---


def _while_open(standing: Standing, context: SectionsContext) -> Iterator[Action]:
    if standing.edit is not None:
        yield _note(standing, standing.edit, context)
    yield from _older(standing)


def _note(
    standing: Standing, edit: SectionEdit, context: SectionsContext, *, create: bool = True
) -> UpsertNote:
    kept = _kept(standing, edit, context)
    keeps_edits = kept is not None and kept.edits == edit.edits
    return UpsertNote(
        key=note_key(standing.living, edit),
        body=note.proposal(standing, context, keeps_edits=keeps_edits),
        create=create,
        section=kept,
    )


def _kept(standing: Standing, edit: SectionEdit, context: SectionsContext) -> SectionEdit | None:
    """What the note keeps: anybody who reads the merge request can read it.

    Edits that it has no room for, or that it does not show whole, are left out: nobody can accept them.
    """
    if not standing.living.tells_page:
        return None
    is_acceptable = note.shows_all(standing, context) and fits(edit)
    return edit if is_acceptable else edit.model_copy(update={"edits": ()})


def _older(standing: Standing) -> Iterator[UpsertNote]:
    """Notes that propose something else are put right; one that proposes nothing any more is left as it is."""
    living, edit = standing.living, standing.edit
    body = note.not_needed(living) if edit is None else note.replaced(living)
    for shown in _proposing(living):
        if shown == standing.overtaken:
            yield _overtaken(shown, living)
        elif edit is None or shown.key != _note_of(living, edit):
            yield UpsertNote(key=shown.key, body=body, create=False)


def _note_of(living: LivingSection, edit: SectionEdit) -> str:
    """The key of the note whose text was accepted, wherever the page has come to since; else that of its own."""
    accepted = (one for one in living.shown if one.is_accepted and one.edit)
    same = (
        one.key
        for one in accepted
        if one.edit and (one.edit.base, one.edit.result) == (edit.base, edit.result)
    )
    return next(same, note_key(living, edit))


def _overtaken(shown: Shown, living: LivingSection) -> UpsertNote:
    """What was accepted is kept, so that a later run tells the same."""
    section = shown.edit if living.tells_page else None
    return UpsertNote(key=shown.key, body=note.overtaken(living), create=False, section=section)


def _proposing(living: LivingSection) -> list[Shown]:
    """The notes on this section, of this page, that propose something."""
    return [one for one in living.shown if is_about(one.key, living) and _proposes(one, living)]


def _proposes(shown: Shown, living: LivingSection) -> bool:
    """A note that may not tell the page's text keeps none."""
    return shown.edit is not None or not living.tells_page


def _closed(living: LivingSection) -> Iterator[UpsertNote]:
    """What it proposes is kept, for a merge request may be opened again."""
    for shown in _proposing(living):
        section = shown.edit if living.tells_page else None
        yield UpsertNote(key=shown.key, body=note.closed(living), create=False, section=section)


# --- at the merge ---


def _blocked(living: LivingSection) -> Iterator[UpsertNote]:
    """What was accepted and cannot be written is kept: a later yes has it written."""
    for shown in _proposing(living) if living.trouble else ():
        if shown.is_accepted:
            yield UpsertNote(key=shown.key, body=note.blocked(living), create=False, section=shown.edit)


def _at_the_merge(standing: Standing, context: SectionsContext) -> Iterator[Action]:
    living, edit, page = standing.living, standing.edit, standing.living.page
    if page is None:
        raise AssertionError("a section without a page is not judged")
    if not standing.is_judged:
        yield from _as_nobody_knows(standing, page, context)
        return
    if edit is None:
        yield from _true_again(living, page)
    elif standing.is_written:
        yield from _after_writing(standing, edit, page, context)
        return
    elif standing.is_due:
        yield from _write(standing, edit, page, context)
    else:
        yield _note(standing, edit, context, create=False)
        yield _stale(standing, page, context)
    yield from _older(standing)


def _as_nobody_knows(standing: Standing, page: Page, context: SectionsContext) -> Iterator[Action]:
    """What was accepted for other code is not written on trust, and not dropped in silence."""
    if standing.overtaken:
        yield _overtaken(standing.overtaken, standing.living)
        yield _stale(standing, page, context)


def _write(standing: Standing, edit: SectionEdit, page: Page, context: SectionsContext) -> Iterator[Action]:
    """Whether the page is true afterwards depends on what becomes of the writing."""
    living, key = standing.living, section_key(standing.living)
    yield WriteSection(
        key=key,
        page=page.id,
        space=page.space,
        section=living.wanted.section,
        base=edit.base,
        result=edit.result,
        edits=edit.edits,
        source=str(context.request.target),
        difference="\n".join(changed_lines(standing, context)) if living.tells_page else "",
    )
    yield UpsertNote(
        key=_note_of(living, edit),
        body=note.written(standing, context),
        create=False,
        section=_kept(standing, edit, context),
        tells=(key,),
    )
    done = _after_writing(standing, edit, page, context)
    yield from (one.model_copy(update={"after": key}) for one in done)
    later = stale(standing, context, is_now=False)
    yield _stale(standing, page, context).model_copy(update={"body": later, "after": key, "on": "refused"})


def _after_writing(
    standing: Standing, edit: SectionEdit, page: Page, context: SectionsContext
) -> Iterable[CommentPage]:
    """Without what has to be put right by hand the section is true."""
    by_hand = tuple(one for one in edit.reasons if one.by_hand)
    if not by_hand:
        return _true_again(standing.living, page)
    rest = edit.model_copy(update={"edits": (), "reasons": by_hand})
    return [_stale(replace(standing, edit=rest), page, context)]


def _true_again(living: LivingSection, page: Page) -> Iterator[CommentPage]:
    """Nobody judged a section whose files the merge request does not change: what is said of it stands."""
    if living.has_notice and living.files:
        yield CommentPage(
            key=notice_key(living), space=page.space, page=page.id, body=true_again(living), create=False
        )


def _stale(standing: Standing, page: Page, context: SectionsContext) -> CommentPage:
    body = stale(standing, context)
    living = standing.living
    return CommentPage(
        key=notice_key(living), space=page.space, page=page.id, body=body, is_told=living.tells_page
    )
