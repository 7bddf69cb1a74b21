"""A merge request and the sections of pages that `.trivet.yml` ties to the paths it changes."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

from bot.agents.spec import AgentResult, LivingSection, SectionsContext, Shown
from bot.domain.actions import Proposal, UpsertNote
from bot.domain.change import ChangeSet, MergeRequest, shown_path
from bot.domain.commands import Command, parse_command
from bot.domain.flow import page_may_be_told
from bot.domain.markdown import failure_note, recovery_note
from bot.domain.notes import Note
from bot.domain.pages import Page, slug
from bot.domain.repo_config import PageSection, matches
from bot.domain.sections import find, is_ours, kept_of
from bot.errors import Damaged, Stopped
from bot.policy import Ground
from bot.proposing.means import Means, Wiki
from bot.proposing.proposal import proposal
from bot.proposing.review import DEVELOPER, NOT_ALLOWED, OWN, bound_to
from bot.proposing.rules import read_rules
from bot.proposing.said import Own, Said, read_said
from bot.routing import THUMBS, JobRequest

OPENED: Final = "opened"
FAILURE: Final = "failure"
ACCEPT: Final = "accept"
READING = "reading the pages"

NO_SECTIONS = ".trivet.yml names no sections of pages"
DRAFT = "{target} is a draft: pages are held against it when it is ready"
UNTOUCHED = "{target} changes no path that a section of a page describes"
NOT_MAPPED = "TRIVET_RULES maps no space to {project}, so that the page “{page}” is not looked for"
OTHER_SPACE = (
    "TRIVET_RULES does not map the space {space} to {project}, so that the page “{page}” is not read"
)
NO_PAGE = "there is no page “{page}” in {spaces}, or the bot may not see it"
SEVERAL = "there is a page “{page}” in each of {spaces}: name the space in .trivet.yml"
NOT_CURRENT = "the page “{page}” is {status}"
TAKEN_AWAY = "a person took the section “{section}” off the page “{page}”: it is not put back"


def propose_sections(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where no page is concerned, Superseded, PlatformError."""
    started = time.monotonic()
    wiki = means.with_pages()
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    _may_ask(request, merge_request, means)
    rules = read_rules(merge_request, means.reader)
    wanted = rules.config.pages.sections
    _is_due(merge_request, wanted)
    change = means.reader.change_set(merge_request)
    said = read_said(merge_request, means, with_people=True)
    touched = _touched(wanted, change, said)
    if not touched:
        raise Stopped(UNTOUCHED.format(target=merge_request.target))
    means.tell(READING)
    sections = _sections(touched, merge_request, said, wiki, means)
    means.checkpoint(merge_request)
    context = SectionsContext(
        request=merge_request,
        trigger=request.trigger,
        change=change,
        snapshot=means.reader.snapshot(merge_request),
        redactor=means.redactor,
        sections=sections,
        model=means.model,
        steps=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=rules.complaints,
    )
    result = _with_troubles(means.agent.run(context), sections, merge_request, said, means)
    means.checkpoint(merge_request)
    ground = Ground(means.agent, spaces=frozenset(one.page.space for one in sections if one.page))
    pages = tuple(dict.fromkeys(one.page.id for one in sections if one.page))
    bound = replace(bound_to(merge_request), pages=pages)
    return proposal(request, run, means, bound, result, ground, started)


def _may_ask(request: JobRequest, merge_request: MergeRequest, means: Means) -> None:
    """A command is a member's. Whose thumbs-up counts is looked at with the others."""
    if means.me and request.person == means.me.id:
        raise Stopped(OWN)
    is_asked = request.trigger == "command" and request.person is not None
    if is_asked and means.reader.access_level(merge_request.target, request.person or 0) < DEVELOPER:
        raise Stopped(NOT_ALLOWED)


def _is_due(request: MergeRequest, wanted: Sequence[PageSection]) -> None:
    if not wanted:
        raise Stopped(NO_SECTIONS)
    if request.draft and request.state == OPENED:
        raise Stopped(DRAFT.format(target=request.target))


def _touched(
    wanted: Sequence[PageSection], change: ChangeSet, said: Said
) -> list[tuple[PageSection, tuple[str, ...]]]:
    """The sections whose paths are changed, by which files, and those of which a note of ours speaks still."""
    proposed = {own.mark.key.split(":")[1] for own in _own(said)}
    found = [(one, _changed(one, change)) for one in wanted]
    return [(one, files) for one, files in found if files or slug(one.section) in proposed]


def _changed(wanted: PageSection, change: ChangeSet) -> tuple[str, ...]:
    return tuple(
        shown_path(file.path)
        for file in change.files
        if any(matches(wanted.paths, path) for path in {file.old_path, file.new_path})
    )


def _own(said: Said) -> list[Own]:
    return [own for own in said.own if own.mark.agent == "pages" and own.mark.kind == "page"]


# --- what is read of each section ---


def _sections(
    touched: Iterable[tuple[PageSection, tuple[str, ...]]],
    request: MergeRequest,
    said: Said,
    wiki: Wiki,
    means: Means,
) -> list[LivingSection]:
    """Each page is read once, be it that several of its sections are concerned."""
    project = request.target.project
    is_told = cache(lambda page: _tells_page(page, project, wiki))
    page_of = cache(lambda space, title: _page(space, title, project, wiki))
    shown = _shown(request, said, means)
    return [
        _section(LivingSection(wanted, files), page_of(wanted.space, wanted.page), shown, is_told, wiki)
        for wanted, files in touched
    ]


def _section(
    plain: LivingSection,
    found: Page | str,
    shown: dict[str, list[Shown]],
    tells_page: Callable[[Page], bool],
    wiki: Wiki,
) -> LivingSection:
    """With what stands on its page; a sentence in place of the page says why it cannot be read."""
    wanted = plain.wanted
    plain = replace(plain, shown=tuple(shown.get(slug(wanted.section), ())))
    if isinstance(found, str):
        return replace(plain, trouble=found)
    known = replace(plain, page=found, tells_page=tells_page(found))
    if found.status != "current":
        return replace(known, trouble=NOT_CURRENT.format(page=wanted.page, status=found.status))
    try:
        section = find(found.storage, wanted.section)
    except Damaged as error:
        return replace(known, trouble=str(error))
    kept = kept_of(wiki.pages.remembered(found.id, wanted.section))
    if section is None and kept is not None and kept.is_made:
        return replace(known, trouble=TAKEN_AWAY.format(section=wanted.section, page=wanted.page))
    return replace(
        known,
        section=section,
        is_ours=section is not None and is_ours(section, kept),
        has_notice=_has_notice(found, wanted, wiki),
    )


def _page(space: str | None, title: str, project: str, wiki: Wiki) -> Page | str:
    """Only in spaces that the operator tied to the project."""
    spaces = wiki.rules.spaces_of(project)
    if not spaces:
        return NOT_MAPPED.format(project=project, page=title)
    if space is not None and not wiki.rules.shares_space(space, project):
        return OTHER_SPACE.format(space=space, project=project, page=title)
    looked_in = (space,) if space is not None else spaces
    found = [page for one in looked_in if (page := wiki.pages.find(one, title))]
    if len(found) == 1:
        return found[0]
    named = ", ".join(page.space for page in found) or ", ".join(looked_in)
    return (SEVERAL if found else NO_PAGE).format(page=title, spaces=named)


def _tells_page(page: Page, project: str, wiki: Wiki) -> bool:
    restricted = wiki.pages.is_restricted(page)
    return page_may_be_told(wiki.code.project(project), mapped=True, restricted=restricted)


def _has_notice(page: Page, wanted: PageSection, wiki: Wiki) -> bool:
    me, key = wiki.me().id, f"(stale:{slug(wanted.section)})"
    return any(one.author == me and key in one.storage for one in wiki.pages.comments(page.id))


# --- what members have said yes to ---


def _shown(request: MergeRequest, said: Said, means: Means) -> dict[str, list[Shown]]:
    """Our notes by the section they are about, oldest first."""
    level = cache(partial(means.reader.access_level, request.target))
    is_member: Callable[[int], bool] = lambda person: (  # noqa: E731
        (means.me is None or person != means.me.id) and level(person) >= DEVELOPER
    )
    accepting = [note for note in said.people if _accepts(note, means)]
    notes: dict[str, list[Shown]] = {}
    for own in sorted(_own(said), key=lambda one: one.note):
        accepted = own.section is not None and (
            any(note.id > own.note and is_member(note.author_id) for note in accepting)
            or _has_thumb(request, own.note, is_member, means)
        )
        notes.setdefault(own.mark.key.split(":")[1], []).append(Shown(own.mark.key, own.section, accepted))
    return notes


def _accepts(note: Note, means: Means) -> bool:
    command = parse_command(note.body, means.me.username if means.me else None)
    return isinstance(command, Command) and command.name == ACCEPT


def _has_thumb(request: MergeRequest, note: int, is_member: Callable[[int], bool], means: Means) -> bool:
    awards = means.reader.awards(request.target, note)
    return any(award.name == THUMBS and is_member(award.person) for award in awards)


# --- what is told where a page cannot be kept true ---


def _with_troubles(
    result: AgentResult, sections: Sequence[LivingSection], request: MergeRequest, said: Said, means: Means
) -> AgentResult:
    """On an open merge request in one note, edited in place, which is put right once nothing is wrong any more."""
    troubles = list(dict.fromkeys(one.trouble for one in sections if one.trouble))
    if troubles and request.state == OPENED:
        note = UpsertNote(key=FAILURE, body=failure_note("; ".join(troubles)))
    elif any(mark.kind == FAILURE for mark in said.marks(means.agent.name)):
        note = UpsertNote(key=FAILURE, body=recovery_note(request.head), create=False)
    else:
        return result
    return replace(result, actions=(*result.actions, note))
