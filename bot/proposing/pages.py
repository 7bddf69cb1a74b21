"""A run of the pages agent: on a merge request's sections, on release notes, or because a page has changed."""

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

GONE = "page {page} is gone, or the bot may not see it: nothing is done"
OWN = "the bot changed this page itself"
NOBODY = "no merge request touches a section of {title}"
AGAIN = "{title} has changed: {requests} looked at again ({targets})"
NOT_TOLD = "pipelines of {path} start nothing for {page}: TRIVET_RULES maps its space to another project"


def propose_pages(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where there is nothing to do, Superseded, PlatformError, UsageError without a Confluence."""
    if request.page:
        raise Stopped(look_again(request, means.with_pages(), means))
    if request.release:
        return propose_release_notes(request, run, means)
    return propose_sections(request, run, means)


def look_again(request: JobRequest, wiki: Wiki, means: Means) -> str:
    """Start a run for each open merge request that touches the page's sections, and for each of which it has a remark.

    What was done, in words. Raises Stopped, PlatformError.
    """
    page = _page(request, wiki)
    me = wiki.me().id
    if page.author == me:
        raise Stopped(OWN)
    remarks = [one.storage for one in wiki.pages.comments(page.id) if one.author == me]
    again = [
        one
        for target in wiki.looking(page.id)[:MOST_AGAIN]
        if (one := _readable(target, means))
        if one.state == OPENED or any(one.web_url in text for text in remarks)
    ]
    if not again:
        return NOBODY.format(title=page.title)
    for one in again:
        means.start(_looked_at(one, page))
    targets = ", ".join(str(one.target) for one in again)
    return AGAIN.format(title=page.title, requests=counted(len(again), "merge request"), targets=targets)


def _page(request: JobRequest, wiki: Wiki) -> Page:
    try:
        page = wiki.pages.page(request.page)
    except NotFound:
        raise Stopped(GONE.format(page=request.page)) from None
    if request.project and not wiki.rules.shares_space(page.space, request.project):
        raise Withheld(NOT_TOLD.format(path=request.project, page=request.page))
    return page


def _readable(target: Target, means: Means) -> MergeRequest | None:
    try:
        return means.reader.merge_request(target)
    except (NotFound, Forbidden):
        return None


def _looked_at(one: MergeRequest, page: Page) -> JobRequest:
    target = one.target
    return JobRequest(
        agent="pages",
        project=target.project,
        project_id=target.project_id,
        iid=target.iid,
        trigger="page",
        key=f"pages:{target.project_id}:{target.iid}:page:{page.id}:{page.version}",
    )
