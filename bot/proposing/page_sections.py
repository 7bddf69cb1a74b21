"""What is read of the sections that a merge request concerns: their pages, who may be told of them, and our notes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from bot.agents.spec import LivingSection, Shown
from bot.domain.flow import page_may_be_told
from bot.domain.page_comments import OUT_OF_DATE, has_key, has_label
from bot.domain.page_keys import notice_key
from bot.domain.pages import Page, PageComment, slug
from bot.domain.repo_config import PageSection
from bot.domain.sections import LARGEST_PAGE, find, is_ours, kept_of
from bot.errors import Damaged
from bot.proposing.acceptance import About
from bot.proposing.means import Wiki

NOT_MAPPED = "TRIVET_RULES maps no space to {project}, so that the page “{page}” is not looked for"
OTHER_SPACE = (
    "TRIVET_RULES does not map the space {space} to {project}, so that the page “{page}” is not read"
)
NO_PAGE = "there is no page “{page}” in {spaces}, or the bot may not see it"
SEVERAL = "there is a page “{page}” in each of {spaces}: name the space in .trivet.yml"
NOT_CURRENT = "the page “{page}” is {status}"
TOO_LARGE = "the page “{page}” has {size:,} bytes, and more than {limit:,} are not safe to write"
TAKEN_AWAY = "a person took the section “{section}” off the page “{page}”: it is not put back"
UNTOLD = "the page “{page}” cannot be kept true: why is not told, as not everybody who reads this may read the page"

Touched = tuple[PageSection, tuple[str, ...]]
"""A section, and the changed files that it is about."""


@dataclass(frozen=True)
class _Reads:
    """What is read once a page. `tells` None: whether it may be told what keeps a page from being found."""

    find: Callable[[str | None, str], Page | str]
    tells: Callable[[Page | None], bool]
    comments: Callable[[str], Sequence[PageComment]]


def read_sections(
    touched: Iterable[Touched], shown: Mapping[About, Sequence[Shown]], project: str, wiki: Wiki
) -> list[LivingSection]:
    """Those that are concerned: by a changed file, or by a note of ours on this very page. Raises PlatformError.

    `shown` are our notes.
    """
    reads = _reads(project, wiki)
    found = [(one, files, reads.find(one.space, one.page)) for one, files in touched]
    known = frozenset(page.id for _, _, page in found if isinstance(page, Page))
    sections = (
        _section(LivingSection(one, files, shown=tuple(_notes(one, page, known, shown))), page, reads, wiki)
        for one, files, page in found
    )
    return [one for one in sections if one.files or one.shown]


def _reads(project: str, wiki: Wiki) -> _Reads:
    def tells(page: Page | None) -> bool:
        if not wiki.rules.spaces_of(project):
            return True
        restricted = page is not None and wiki.pages.is_restricted(page)
        return page_may_be_told(wiki.code.project(project), mapped=True, restricted=restricted)

    return _Reads(
        find=cache(lambda space, title: _page(space, title, project, wiki)),
        tells=cache(tells),
        comments=cache(lambda page: _comments(page, wiki)),
    )


def _notes(
    wanted: PageSection, found: Page | str, known: frozenset[str], shown: Mapping[About, Sequence[Shown]]
) -> Iterator[Shown]:
    """Those on this section; of a page that cannot be read, those of its name on no page that is known."""
    for (page, section), notes in shown.items():
        is_here = page == found.id if isinstance(found, Page) else page not in known
        if is_here and section == slug(wanted.section):
            yield from notes


def _section(plain: LivingSection, found: Page | str, reads: _Reads, wiki: Wiki) -> LivingSection:
    """With what stands on its page; a sentence in place of the page says why it cannot be read."""
    wanted = plain.wanted
    if isinstance(found, str):
        return _troubled(plain, found, is_told=reads.tells(None))
    known = replace(plain, page=found, tells_page=reads.tells(found))
    if found.status != "current":
        trouble = NOT_CURRENT.format(page=wanted.page, status=found.status)
        return _troubled(known, trouble, is_told=known.tells_page)
    if (size := len(found.storage.encode())) > LARGEST_PAGE:
        trouble = TOO_LARGE.format(page=wanted.page, size=size, limit=LARGEST_PAGE)
        return _troubled(known, trouble, is_told=known.tells_page)
    try:
        section = find(found.storage, wanted.section)
    except Damaged as error:
        return _troubled(known, str(error), is_told=known.tells_page)
    kept = kept_of(wiki.pages.remembered(found.id, wanted.section))
    if section is None and kept is not None and kept.is_made:
        trouble = TAKEN_AWAY.format(section=wanted.section, page=wanted.page)
        return _troubled(known, trouble, is_told=known.tells_page)
    ours = section is not None and is_ours(section, kept)
    return replace(known, section=section, is_ours=ours, has_notice=_has_notice(found, wanted, reads))


def _troubled(living: LivingSection, trouble: str, *, is_told: bool) -> LivingSection:
    """What is the matter with a page is as little for everybody as its text; nor are the names of other spaces."""
    return replace(living, trouble=trouble if is_told else UNTOLD.format(page=living.wanted.page))


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


def _comments(page: str, wiki: Wiki) -> list[PageComment]:
    """Ours."""
    me = wiki.me().id
    return [one for one in wiki.pages.comments(page) if one.author == me]


def _has_notice(page: Page, wanted: PageSection, reads: _Reads) -> bool:
    """Whether we say there, as of now, that the section is not true."""
    key = notice_key(wanted.section)
    ours = (one.storage for one in reads.comments(page.id) if has_key(one.storage, key))
    return any(has_label(storage, OUT_OF_DATE) for storage in ours)
