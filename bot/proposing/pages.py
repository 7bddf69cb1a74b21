"""A run of the pages agent: on a merge request's sections, on release notes, or because a page has changed."""

import html
import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from bot.domain.actions import Proposal
from bot.domain.change import MergeRequest, Target
from bot.domain.markdown import counted
from bot.domain.pages import Page
from bot.errors import Forbidden, NotFound, Stopped, Withheld
from bot.proposing.living import propose_sections
from bot.proposing.means import Means, Wiki
from bot.proposing.release_notes import propose_release_notes
from bot.routing import JobRequest

MOST_AGAIN: Final = 50  # merge requests that one change of a page has looked at again
OPENED: Final = "opened"
ADDRESS: Final = re.compile(r'href="([^"]*)"')

GONE = "page {page} is gone, or the bot may not see it: nothing is done"
NOBODY = "no merge request touches a section of page {page}"
AGAIN = "page {page} has changed: {requests} looked at again"
NOT_TOLD = "pipelines of {path} start nothing for page {page}: TRIVET_RULES maps its space to another project"


def propose_pages(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where there is nothing to do, Superseded, PlatformError, UsageError without a Confluence."""
    if request.page:
        raise Stopped(look_again(request, means.with_pages(), means))
    if request.release:
        return propose_release_notes(request, run, means)
    return propose_sections(request, run, means)


def look_again(request: JobRequest, wiki: Wiki, means: Means) -> str:
    """Start a run for each open merge request that touches the page's sections, and for each of which it has a remark.

    What was done, in words that tell nothing of the page: a pipeline may have asked, for its own project's only. A page
    that nobody looked at is not read. Raises Stopped, Withheld, PlatformError.
    """
    looking = [one for one in wiki.looking(request.page) if request.project in ("", one.project)]
    if not looking:
        return NOBODY.format(page=request.page)
    page = _page(request, wiki)
    me = wiki.me().id
    remarked = _addresses(one.storage for one in wiki.pages.comments(page.id) if one.author == me)
    again = list(islice(_concerned(looking, remarked, means), MOST_AGAIN))
    for one in again:
        means.start(_looked_at(one, request))
    return AGAIN.format(page=page.id, requests=counted(len(again), "merge request"))


def _page(request: JobRequest, wiki: Wiki) -> Page:
    try:
        page = wiki.pages.page(request.page)
    except NotFound:
        raise Stopped(GONE.format(page=request.page)) from None
    if request.project and not wiki.rules.shares_space(page.space, request.project):
        raise Withheld(NOT_TOLD.format(path=request.project, page=request.page))
    return page


def _addresses(comments: Iterator[str]) -> frozenset[str]:
    return frozenset(html.unescape(address) for text in comments for address in ADDRESS.findall(text))


def _concerned(looking: list[Target], remarked: Collection[str], means: Means) -> Iterator[MergeRequest]:
    """Those that are open, or of which a comment of ours speaks."""
    for target in looking:
        try:
            one = means.reader.merge_request(target)
        except (NotFound, Forbidden):
            continue
        if one.state == OPENED or one.web_url in remarked:
            yield one


def _looked_at(one: MergeRequest, request: JobRequest) -> JobRequest:
    """A run of its own for each change of the page that was told."""
    target = one.target
    return JobRequest(
        agent="pages",
        project=target.project,
        project_id=target.project_id,
        iid=target.iid,
        trigger="page",
        key=f"pages:{target.project_id}:{target.iid}:{request.key}",
        repeats=request.repeats,
    )
