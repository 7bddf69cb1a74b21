"""What people see of pages: their versions, our sections, and the notes of the next release, counted at Confluence."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.counting import BOT, Json, Tally, notes
from tests.chaos.grounds import NEXT, Sight

BEGINS = re.compile(r">trivet-[^<]+-begin<")
LIMIT = re.compile(r"at most <strong>(\d+)</strong>")
LISTED = r'/merge_requests/{iid}(?:"|&quot;)'


@dataclass(frozen=True)
class Kept:
    """A page of people's with one section of ours, and the limits that it told, one after the other."""

    title: str
    limits: tuple[int, ...]


def pages(sight: Sight, merged: Sequence[int], kept: Sequence[Kept]) -> Tally:
    """`merged`: the merge requests that the notes of the next release list, one version each at most."""
    guides = [(one, page) for one in kept for page in sight.pages(one.title)]
    found = sight.pages(NEXT)
    return Tally(
        lost=(
            *([] if found else [f"there is no {NEXT}"]),
            *(text for page in found for text in _unlisted(sight, page, merged)),
            *(text for one, page in guides for text in _outdated(one, page)),
        ),
        doubled=(
            *([f"there are {len(found)} pages {NEXT}"] if len(found) > 1 else []),
            *(text for page in found for text in _listed_again(page, merged)),
            *(text for page in found for text in _written_again(page, len(merged))),
            *(text for one, page in guides for text in _written_again(page, len(one.limits))),
            *(text for _, page in guides for text in _stands_again(page)),
        ),
        left=(),
    )


def _unlisted(sight: Sight, page: Json, merged: Sequence[int]) -> Iterator[str]:
    """Each merge request stands in the notes, and tells where that is."""
    for iid in merged:
        if not _times(page, iid):
            yield f"!{iid} is not in {NEXT}"
        if not any(page["url"] in one.words for one in notes(sight.request(iid))):
            yield f"!{iid} does not tell of {NEXT}"


def _outdated(one: Kept, page: Json) -> Iterator[str]:
    told = LIMIT.findall(page["body"])
    if str(one.limits[-1]) not in told:
        yield f"{one.title} tells {told}, not {one.limits[-1]}"


def _listed_again(page: Json, merged: Sequence[int]) -> Iterator[str]:
    yield from (f"!{iid} is {times} times in {NEXT}" for iid in merged if (times := _times(page, iid)) > 1)


def _times(page: Json, iid: int) -> int:
    return len(re.findall(LISTED.format(iid=iid), page["body"]))


def _written_again(page: Json, most: int) -> Iterator[str]:
    """A version of ours that says what the one before said, one that says what an older one said, or one too many."""
    ours = [one for one in page["versions"] if one["author"]["name"] == BOT]
    bodies = [one["body"] for one in page["versions"]]
    for before, after in pairwise(page["versions"]):
        if after["author"]["name"] == BOT and before["body"] == after["body"]:
            yield f"version {after['number']} of {page['title']} says what the one before said"
    if len({*bodies}) < len(bodies):
        yield f"{page['title']} goes back to what it said before"
    if len(ours) > most:
        yield f"{page['title']} has {len(ours)} versions of ours, for {most} changes"


def _stands_again(page: Json) -> Iterator[str]:
    """A section, its text or a remark below the page, more often than once."""
    if len(BEGINS.findall(page["body"])) > 1:
        yield f"{page['title']} has our section more than once"
    if len(LIMIT.findall(page["body"])) > 1:
        yield f"{page['title']} tells its limit more than once"
    remarks = [one for one in page["comments"] if one["author"]["name"] == BOT]
    if len({one["body"] for one in remarks}) < len(remarks):
        yield f"{page['title']} has a remark of ours twice"
