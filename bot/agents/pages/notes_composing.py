"""What is proposed for release notes: each page's text, a note on the merge request, links on its issues."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bot.agents.link.plain import plain
from bot.agents.pages.notes_asking import MOST_ASKED
from bot.agents.pages.notes_listing import Entry, Listing, in_order, listing
from bot.agents.pages.notes_memory import Found, memory, remembered
from bot.agents.pages.notes_page import NEXT, Written, written
from bot.agents.spec import AgentResult, NotesContext, NotesPage
from bot.domain.actions import Action, Decision, LinkIssue, UpsertNote, WriteSection
from bot.domain.markdown import counted, one_line
from bot.domain.pages import OWNER
from bot.domain.sections import difference, find
from bot.domain.storage import to_storage
from bot.errors import Damaged

SECTION: Final = "release-notes"
NOTE: Final = "release-notes"
SUMMARY: Final = "Release notes"

LISTED = "In the release notes: {title}."
NO_MODEL = "No model is configured: only the breaking changes that are declared stand in the release notes"
NOT_ASKED = "Not looked at for breaking changes yet: {requests}, as a run looks at the latest {most} at most"
LEFT_OUT = "{title}: {requests} left out, the oldest; there are more than the page has room for"
PARTLY = "Of {requests} only a part of the change was read for breaking changes"
FAILED = "Breaking changes of {requests} were not looked for: {reason}"
GLOBAL_ID = "release-notes={project}"
"""One link an issue: it leads to the notes of the next release, and then to those of its own."""
MOST_TOLD: Final = 50  # merge requests of a release whose notes are brought up to date
NOT_LISTED = "not in the release notes: {reason}"
AND_MORE = " and {count} more"
DIFFERENCE_CUT = "\n… the rest of the difference is left out"

MOST_NAMED: Final = 10  # merge requests in a sentence
LONGEST_DIFFERENCE: Final = 20_000  # characters
LONGEST_TITLE: Final = 255


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of the questions of this run, by iid: sentences found, or why there are none.

    `partly`: only a part of the change was read. `unasked`: how many a later run has to ask about; None: no model.
    """

    found: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)
    partly: Sequence[int] = ()
    unasked: int | None = 0


@dataclass(frozen=True, slots=True)
class Made:
    """One page: what stands on it, and what it remembers of its breaking changes."""

    page: NotesPage
    listing: Listing
    memory: dict[str, Any]
    text: Written


def composed(context: NotesContext, answers: Answers) -> AgentResult:
    every = {**_known(context), **answers.found}
    made = [_made(page, every, context) for page in context.pages]
    failures = tuple(_failures(answers.failed))
    return AgentResult(
        actions=(*(_section(one, context) for one in made), *_both_ways(made, context)),
        decisions=tuple(_not_listed(one) for page in made for one in page.listing.noise),
        complaints=(*context.complaints, *_complaints(made, answers, context), *failures),
        failures=failures,
    )


def _known(context: NotesContext) -> Found:
    """What any of the pages remembers: a merge request moves from one to the other."""
    known: dict[int, tuple[str, ...] | None] = {}
    for page in context.pages:
        known |= remembered(page.memory, context.redactor)
    return known


def _made(page: NotesPage, every: Found, context: NotesContext) -> Made:
    """The text has what will be remembered and no more, so that a later run writes the same."""
    listed = listing(page, context)
    kept = memory(every, [one.iid for one in reversed(in_order(page.merged))])
    return Made(page, listed, kept, written(page, listed, remembered(kept, context.redactor), context))


# --- the actions ---


def _section(made: Made, context: NotesContext) -> WriteSection:
    page = made.page
    return WriteSection(
        key=_key(page),
        space=context.space,
        section=SECTION,
        page=page.page.id if page.page else "",
        title=page.title,
        parent=context.parent,
        body=made.text.body,
        source=f"{context.project.path} {page.version}",
        memory=made.memory,
        difference=_difference(made),
        owner=OWNER.format(project=context.project.id),
    )


def _difference(made: Made) -> str:
    """To what stands on the page now; where that cannot be told, the gateway refuses, and says so."""
    lines = difference(_standing(made.page), to_storage(made.text.body))
    if len(lines) <= LONGEST_DIFFERENCE:
        return lines
    whole, _, _ = lines[: LONGEST_DIFFERENCE - len(DIFFERENCE_CUT)].rpartition("\n")
    return whole + DIFFERENCE_CUT


def _standing(page: NotesPage) -> str:
    if page.page is None:
        return ""
    try:
        section = find(page.page.storage, SECTION)
    except Damaged:
        return ""
    if section is None:
        return ""
    return page.page.storage.encode("utf-8", "surrogatepass")[section.start : section.end].decode(
        "utf-8", "surrogatepass"
    )


def _both_ways(made: Sequence[Made], context: NotesContext) -> Iterator[Action]:
    """From what was merged, and from its issues, to the page that lists it.

    What is released was told before that it is in the next release: those notes and links are brought up to date.
    """
    if context.merged:
        listing_it = next((one.page for one in made if one.listing.lists(context.merged)), None)
        yield from _to_page(context.merged, listing_it, context, create=True) if listing_it else ()
        return
    for one in made:
        told = (
            []
            if one.page.version == NEXT
            else [two.iid for two in one.page.merged if one.listing.lists(two.iid)]
        )
        for iid in told[:MOST_TOLD]:
            yield from _to_page(iid, one.page, context, create=False)


def _to_page(iid: int, page: NotesPage, context: NotesContext, *, create: bool) -> Iterator[Action]:
    title = one_line(plain(page.title, context.redactor, LONGEST_TITLE))
    body, other = LISTED.format(title=title), iid if iid != context.merged else 0
    yield UpsertNote(key=NOTE, body=body, tells=(_key(page),), create=create, iid=other)
    if context.links_issues:
        yield from (_link(one.key, iid, page, context, create=create) for one in page.issues.get(iid, ()))


def _link(issue: str, iid: int, page: NotesPage, context: NotesContext, *, create: bool) -> LinkIssue:
    return LinkIssue(
        key=f"page:{issue}:{iid}:{page.version}",
        issue=issue,
        global_id=GLOBAL_ID.format(project=context.project.id),
        title=plain(page.title, context.redactor, LONGEST_TITLE),
        summary=SUMMARY,
        state="none",
        made=_key(page),
        create=create,
    )


def _key(page: NotesPage) -> str:
    return f"notes:{page.version}"


# --- what is said of the rest ---


def _not_listed(one: Entry) -> Decision:
    reason = NOT_LISTED.format(reason=one.place.value)
    return Decision(key=f"mr:{one.iid}", allowed=False, reason=reason, about=f"!{one.iid} {one.title}")


def _complaints(made: Sequence[Made], answers: Answers, context: NotesContext) -> Iterator[str]:
    for one in made:
        if one.text.left_out:
            requests = counted(one.text.left_out, "merge request")
            yield LEFT_OUT.format(
                title=plain(one.page.title, context.redactor, LONGEST_TITLE), requests=requests
            )
    if answers.unasked is None:
        yield NO_MODEL
    elif answers.unasked:
        yield NOT_ASKED.format(requests=counted(answers.unasked, "merge request"), most=MOST_ASKED)
    if answers.partly:
        yield PARTLY.format(requests=_named(answers.partly))


def _failures(failed: Mapping[int, str]) -> Iterator[str]:
    """One sentence for each reason."""
    for reason in dict.fromkeys(failed.values()):
        iids = [iid for iid, why in failed.items() if why == reason]
        yield FAILED.format(requests=_named(iids), reason=reason)


def _named(iids: Sequence[int]) -> str:
    more = len(iids) - MOST_NAMED
    listed = ", ".join(f"!{iid}" for iid in sorted(iids)[:MOST_NAMED])
    return listed + (AND_MORE.format(count=more) if more > 0 else "")
