"""Reverts and what they take back, where both are in one release: together they are nothing to users."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bot.domain.releases import MergedRequest

TITLE: Final = re.compile(
    r'revert(?:\([^()]{0,60}\))?!?:?\s+(?P<quote>")?(?P<title>.+?)(?(quote)")', re.IGNORECASE
)
OF_REQUEST: Final = re.compile(
    r"\breverts merge request (?P<project>[\w./-]*)!(?P<iid>\d{1,10})", re.IGNORECASE
)
OF_COMMIT: Final = re.compile(r"\breverts commit (?P<commit>[0-9a-f]{7,64})\b", re.IGNORECASE)
"""What GitLab and git write into a revert (docs.gitlab.com/user/project/merge_requests/revert_changes)."""
LONGEST: Final = 10_000  # characters of a description that are looked at


def undone(merged: Sequence[MergedRequest], project: str) -> frozenset[int]:
    """The iids of the pairs. `merged`, the oldest first, are of the project with this path.

    A revert that is itself reverted takes nothing back.
    """
    gone: set[int] = set()
    for number in reversed(range(len(merged))):
        revert, before = merged[number], merged[:number]
        target = None if revert.iid in gone else _target(revert, before, project, gone)
        if target is not None:
            gone |= {revert.iid, target}
    return frozenset(gone)


def _target(
    revert: MergedRequest, before: Sequence[MergedRequest], project: str, gone: set[int]
) -> int | None:
    found = TITLE.fullmatch(revert.title.strip())
    if not found:
        return None
    left = [one for one in reversed(before) if one.iid not in gone]
    iids = set(_named(revert.description[:LONGEST], left, project))
    if iids:
        return next((one.iid for one in left if one.iid in iids), None)
    return next((one.iid for one in left if one.title.strip() == found["title"]), None)


def _named(description: str, left: Sequence[MergedRequest], project: str) -> Iterator[int]:
    """Those the description names, whether they are among `left` or not."""
    for found in OF_REQUEST.finditer(description):
        if found["project"] in ("", project):
            yield int(found["iid"])
    for found in OF_COMMIT.finditer(description):
        start = found["commit"].lower()
        yield from (one.iid for one in left if any(sha.startswith(start) for sha in one.commits))
