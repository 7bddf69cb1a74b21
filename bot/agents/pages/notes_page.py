"""The text of a page of release notes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from bot.agents.link.plain import plain
from bot.agents.pages.notes_listing import Entry, Listing
from bot.agents.pages.notes_memory import Found
from bot.agents.pages.notes_rules import Kind, Noise
from bot.agents.spec import NotesContext, NotesPage
from bot.domain.document import (
    Block,
    BulletList,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    Panel,
    Paragraph,
    Text,
    inlines,
    paragraph,
)
from bot.domain.markdown import counted
from bot.domain.sections import LONGEST_SECTION
from bot.domain.storage import to_storage

NEXT: Final = "next"

INTRO = "Version {version} of {project}: {requests}{since}."
INTRO_NEXT = "What the next version of {project} brings: {requests}{since} so far."
SINCE = " since {tag}"
COMPARE, PROJECT = "Compare the code", "Open the project"
BREAKING = "Breaking changes"
BEWARE = "Read these before you upgrade."
AS_DECLARED, AS_FOUND = "as its author says", "found in the change"
NO_ROOM = "Older merge requests broke something, too, and have no room here: {requests}."
NOTHING = "Nothing in it is of note to users."
NO_MERGES = "Nothing was merged."
BY = "by {author}"
MORE_ISSUES = "{count} more"
NOISE = "Not listed: {counts}."
NOISE_COUNT = "{reason} ({count})"
LEFT_OUT = "{requests} merged before these have no room here."

MOST_ISSUES: Final = 10  # that an item names
LONGEST_AUTHOR: Final = 60  # characters
LONGEST_VERSION: Final = 100
MOST_STORAGE: Final = (
    LONGEST_SECTION - 10_000
)  # characters of entries in storage; the rest is for what stands around
MOST_BREAKING: Final = 40_000  # of them for breaking changes
LEVEL: Final = 2  # of the headings

Items = tuple[Inlines, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A page's text. `left_out`: how many merge requests are not in it, the oldest ones."""

    body: Document
    left_out: int


def written(page: NotesPage, listing: Listing, found: Found, context: NotesContext) -> Written:
    """`found` is what a model found to be broken, by iid."""
    breaking = _breaking(listing.entries, found)
    room = MOST_STORAGE - len(to_storage(Document(blocks=breaking)))
    shown = _fitting({one.iid: (_entry(one, context),) for one in listing.entries}, room)
    left_out = page.left_out + len(listing.entries) - len(shown)
    changes = _changes(listing, shown)
    blocks = (
        _intro(page, listing, context),
        *breaking,
        *changes,
        *(() if breaking or changes else (_nothing(listing),)),
        *_rest(listing.noise, left_out),
    )
    return Written(Document(blocks=blocks), left_out)


# --- what it begins and ends with ---


def _intro(page: NotesPage, listing: Listing, context: NotesContext) -> Paragraph:
    count = len(listing.entries) + len(listing.noise) + page.left_out
    form = INTRO_NEXT if page.version == NEXT else INTRO
    said = form.format(
        version=plain(page.version, context.redactor, LONGEST_VERSION),
        project=context.project.path,
        requests=counted(count, "merge request"),
        since=SINCE.format(tag=plain(page.since, context.redactor, LONGEST_VERSION)) if page.since else "",
    )
    return paragraph(said, *_code_link(page, context))


def _code_link(page: NotesPage, context: NotesContext) -> Inlines:
    """To the project where there is nothing to compare (docs.gitlab.com/user/project/repository/compare_revisions)."""
    project = context.project
    tip = page.until or (project.default_branch if page.version == NEXT else page.version)
    if not project.web_url:
        return ()
    url = f"{project.web_url}/-/compare/{quote(page.since, safe='')}...{quote(tip, safe='')}"
    if not page.since or not tip or context.redactor.redact(url) != url:
        return inlines(" ", Link(text=PROJECT, url=project.web_url))
    return inlines(" ", Link(text=COMPARE, url=url))


def _nothing(listing: Listing) -> Paragraph:
    return paragraph(NOTHING if listing.noise else NO_MERGES)


def _rest(noise: Sequence[Entry], left_out: int) -> Iterator[Block]:
    counts = Counter(one.place for one in noise)
    said = [NOISE_COUNT.format(reason=one, count=counts[one]) for one in Noise if counts[one]]
    sentences = [NOISE.format(counts=", ".join(said))] if said else []
    if left_out:
        sentences.append(LEFT_OUT.format(requests=counted(left_out, "merge request")))
    if sentences:
        yield paragraph(Text(text=" ".join(sentences), emphasis=True))


# --- breaking changes ---


def _breaking(entries: Sequence[Entry], found: Found) -> tuple[Block, ...]:
    items = {one.iid: tuple(_breaks(one, found.get(one.iid))) for one in entries}
    shown = _fitting({iid: item for iid, item in items.items() if item}, MOST_BREAKING)
    forgotten = {one.iid for one in entries if found.get(one.iid, ()) is None}
    without = {iid for iid, item in items.items() if item} - set(shown) | forgotten
    if not shown and not without:
        return ()
    every = tuple(item for one in entries for item in shown.get(one.iid, ()))
    more = NO_ROOM.format(requests=counted(len(without), "merge request"))
    return (
        Heading(level=LEVEL, content=inlines(BREAKING)),
        Panel(tone="warning", content=(paragraph(BEWARE),)),
        *((BulletList(items=every),) if every else ()),
        *((paragraph(more),) if without else ()),
    )


def _breaks(one: Entry, found: tuple[str, ...] | None) -> Iterator[Inlines]:
    """The author's words first; a model's that say the same are not told again."""
    told = {sentence.casefold() for sentence in one.declared}
    for sentence in one.declared:
        yield _item(sentence, one, AS_DECLARED)
    for sentence in found or ():
        if sentence.casefold() not in told:
            yield _item(sentence, one, AS_FOUND)


def _item(sentence: str, one: Entry, source: str) -> Inlines:
    return inlines(sentence, " (", _request(one), f", {source})")


# --- what has changed ---


def _changes(listing: Listing, shown: Mapping[int, Items]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for kind in Kind:
        items = tuple(item for one in listing.of(kind) for item in shown.get(one.iid, ()))
        if items:
            blocks += [Heading(level=LEVEL, content=inlines(kind.value)), BulletList(items=items)]
    return tuple(blocks)


def _fitting(items: Mapping[int, Items], room: int) -> dict[int, Items]:
    """Those of the latest merge requests; `items`, none empty, are in the order of the merges."""
    shown: dict[int, Items] = {}
    for iid in reversed(list(items)):
        room -= len(to_storage(Document(blocks=(BulletList(items=items[iid]),))))
        if room < 0:
            break
        shown[iid] = items[iid]
    return shown


def _entry(one: Entry, context: NotesContext) -> Inlines:
    author = plain(one.merged.author_name or one.merged.author, context.redactor, LONGEST_AUTHOR).lstrip("@ ")
    by = inlines(BY.format(author=author)) if author else ()
    return inlines(f"{one.title} (", *_with_commas([*_issues(one), _request(one), *by]), ")")


def _issues(one: Entry) -> Iterator[Inline]:
    yield from (Link(text=issue.key, url=issue.url) for issue in one.issues[:MOST_ISSUES])
    if more := len(one.issues[MOST_ISSUES:]):
        yield Text(text=MORE_ISSUES.format(count=more))


def _request(one: Entry) -> Link:
    return Link(text=f"!{one.iid}", url=one.merged.url)


def _with_commas(parts: Iterable[Inline]) -> Iterator[Inline]:
    for number, part in enumerate(parts):
        if number:
            yield Text(text=", ")
        yield part
