"""A merge request and the sections of pages that `.trivet.yml` ties to the paths it changes."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

from bot.agents.spec import AgentResult, LivingSection, SectionsContext
from bot.domain.actions import Proposal, UpsertNote
from bot.domain.change import ChangeSet, MergeRequest, shown_path
from bot.domain.markdown import code, failure_note
from bot.domain.page_keys import note_about
from bot.domain.pages import slug
from bot.domain.repo_config import PageSection, matches
from bot.errors import Stopped
from bot.policy import Ground
from bot.ports import Snapshot
from bot.proposing.acceptance import ASKED, is_on_proposal, may_accept, own_notes, shown_notes
from bot.proposing.means import Means, Wiki
from bot.proposing.page_sections import Touched, read_sections
from bot.proposing.proposal import proposal
from bot.proposing.review import bound_to
from bot.proposing.rules import read_rules
from bot.proposing.said import Said, read_said
from bot.routing import OVER, JobRequest

OPENED: Final = "opened"
FAILURE: Final = "failure"
READING = "reading the pages"

NO_SECTIONS = ".trivet.yml names no sections of pages"
DRAFT = "{target} is a draft: pages are held against it when it is ready"
UNTOUCHED = "{target} changes no path that a section of a page describes"
NOTHING_ACCEPTED = "{target} is {state}, and no text that it proposed for a page is accepted"
RECOVERED = "An earlier run could not keep a page true here; at commit {head} nothing keeps the pages from being read."


def propose_sections(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where no page is concerned, Superseded, PlatformError."""
    started = time.monotonic()
    wiki = means.with_pages()
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    may_accept(request, merge_request, means)
    rules = read_rules(merge_request, means.reader)
    wanted = rules.config.pages.sections
    _is_due(merge_request, wanted)
    said = read_said(merge_request, means, with_people=True)
    is_on_proposal(request, said)
    change = means.reader.change_set(merge_request)
    read = _read(_touched(wanted, change, said), merge_request, said, wiki, means)
    sections = _concerned(read, request, merge_request)
    means.checkpoint(merge_request)
    context = SectionsContext(
        request=merge_request,
        trigger=request.trigger,
        change=change,
        snapshot=means.reader.snapshot(merge_request),
        redactor=means.redactor,
        branch=cache(partial(_branch, merge_request, wiki)),
        newest_note=said.newest,
        sections=sections,
        model=means.model,
        steps=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=rules.complaints,
    )
    result = _with_troubles(means.agent.run(context), read, merge_request, said, means)
    means.checkpoint(merge_request)
    ground = Ground(means.agent, spaces=frozenset(one.page.space for one in sections if one.page))
    pages = tuple(dict.fromkeys(one.page.id for one in sections if one.page))
    bound = replace(bound_to(merge_request), pages=pages)
    return proposal(request, run, means, bound, result, ground, started)


def _branch(request: MergeRequest, wiki: Wiki) -> Snapshot:
    """Raises PlatformError."""
    return wiki.code.branch(wiki.code.project(request.target.project), request.target_branch)


def _is_due(request: MergeRequest, wanted: Sequence[PageSection]) -> None:
    if not wanted:
        raise Stopped(NO_SECTIONS)
    if request.draft and request.state == OPENED:
        raise Stopped(DRAFT.format(target=request.target))


def _touched(wanted: Sequence[PageSection], change: ChangeSet, said: Said) -> list[Touched]:
    """The sections whose paths are changed, by which files, and those of whose name a note of ours speaks."""
    proposed = {about[1] for own in own_notes(said) if (about := note_about(own.mark.key))}
    found = [(one, _changed(one, change)) for one in wanted]
    return [(one, files) for one, files in found if files or slug(one.section) in proposed]


def _changed(wanted: PageSection, change: ChangeSet) -> tuple[str, ...]:
    return tuple(
        shown_path(file.path)
        for file in change.files
        if any(matches(wanted.paths, path) for path in {file.old_path, file.new_path})
    )


def _read(
    touched: Sequence[Touched], request: MergeRequest, said: Said, wiki: Wiki, means: Means
) -> list[LivingSection]:
    """Raises Stopped where no section is concerned."""
    if touched:
        means.tell(READING)
    shown = shown_notes(request, said, means) if touched else {}
    sections = read_sections(touched, shown, request.target.project, wiki)
    if not sections:
        raise Stopped(UNTOUCHED.format(target=request.target))
    return sections


def _concerned(
    sections: list[LivingSection], request: JobRequest, merge_request: MergeRequest
) -> list[LivingSection]:
    """Who says yes when the merge request is over has what was accepted written, and nothing judged anew."""
    if request.trigger not in ASKED or merge_request.state not in OVER:
        return sections
    accepted = [one for one in sections if any(shown.is_accepted for shown in one.shown)]
    if not accepted:
        raise Stopped(NOTHING_ACCEPTED.format(target=merge_request.target, state=merge_request.state))
    return accepted


# --- what is told where a page cannot be kept true ---


def _with_troubles(
    result: AgentResult, sections: Sequence[LivingSection], request: MergeRequest, said: Said, means: Means
) -> AgentResult:
    """On an open merge request in one note, edited in place, which is put right once nothing is wrong any more."""
    troubles = tuple(dict.fromkeys(one.trouble for one in sections if one.trouble))
    result = replace(result, failures=(*result.failures, *troubles))
    if troubles and request.state == OPENED:
        note = UpsertNote(key=FAILURE, body=failure_note("; ".join(troubles)))
    elif not troubles and not result.failures and _has_failed(said, means):
        body = RECOVERED.format(head=code(request.head[:8]))
        note = UpsertNote(key=FAILURE, body=body, create=False)
    else:
        return result
    return replace(result, actions=(*result.actions, note))


def _has_failed(said: Said, means: Means) -> bool:
    return any(mark.kind == FAILURE for mark in said.marks(means.agent.name))
