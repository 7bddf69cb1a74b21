"""What goes into a release of a GitLab project: its tags, and the merge requests between two points of its history.

Which merge requests those are is told by the commits between the points, not by times: a branch that was merged long
ago is released when its commit comes into the release. The commits come from the list of commits, which takes a range
of revisions and is paged (docs.gitlab.com/api/commits, `ref_name`); the comparison of the two points would hold the
diffs of all files as well.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from bot.domain.flow import CodeProject
from bot.domain.releases import MergedRequest, Tag
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_shapes import MergedShape, ReleasedCommitShape, TagShape, shaped

BOTS: Final = re.compile(
    r"(project|group)_\d+_bot(_\w+)?|service_account_\w+|(renovate|dependabot)([-_.].*)?|.+[-_.]bot|.+\[bot\]",
    re.IGNORECASE,
)
"""User names of bots: those GitLab gives to access tokens and service accounts, well-known ones, and their like.

A list of merge requests does not tell which authors are bots (docs.gitlab.com/api/merge_requests).
"""

MOST_TAGS: Final = 100
MOST_COMMITS: Final = 2_000
MOST_LOOKED_AT: Final = 2_000
MOST_MERGED: Final = 500
SLACK: Final = timedelta(days=1)  # by which a committer's clock may be wrong
EVER: Final = datetime.min.replace(tzinfo=UTC)


def newest_tags(api: GitLabApi, project: str, most: int) -> Sequence[Tag]:
    """The newest tags of a project (path), newest first; none that leads to no commit. `most`: a hundred or fewer."""
    what = f"the tags of {project}"
    query: dict[str, Any] = {"order_by": "updated", "sort": "desc"}
    items = islice(api.pages(f"/projects/{quote(project, safe='')}/repository/tags", what, **query), most)
    tags = [shaped(TagShape, item, what) for item in items]
    return [Tag(one.name, one.commit.id, _moment(one.commit.committed_date)) for one in tags if one.commit]


def merged_between(
    api: GitLabApi, project: CodeProject, since: Tag | None, until: str
) -> Sequence[MergedRequest]:
    """The merge requests whose merge is in `until` (a tag or branch) and not in `since`, the latest first.

    The newest `MOST_COMMITS` commits are looked at. What was merged before the oldest of them, and after the commit of
    `since`, counts by the time of its merge if it was merged into `until` or the default branch. Raises NotFound where
    there is no `until`.
    """
    history = _history(api, project, since, until)
    if not history.commits:
        return []
    branches = {until, project.default_branch}
    found = [
        one
        for one in _merged_after(api, project, history.begin - SLACK if history.begin > EVER else None)
        if history.holds(one) or (one.target_branch in branches and history.lies_before(one))
    ]
    found.sort(key=_merged_at, reverse=True)
    return [_request(one) for one in found[:MOST_MERGED]]


@dataclass(frozen=True)
class _History:
    """The commits between two points, newest first. `begin`: the time before which nothing in it was merged.

    `unread` is None where all commits are known; else what is older than it is not.
    """

    commits: frozenset[str]
    begin: datetime
    unread: datetime | None

    def holds(self, merged: MergedShape) -> bool:
        """By the commit that the merge made in the target branch; of a fast-forward merge, the head."""
        return (merged.merge_commit_sha or merged.squash_commit_sha or merged.sha) in self.commits

    def lies_before(self, merged: MergedShape) -> bool:
        return self.unread is not None and self.begin < _merged_at(merged) < self.unread


def _history(api: GitLabApi, project: CodeProject, since: Tag | None, until: str) -> _History:
    commits = _commits(api, project, f"{since.commit}..{until}" if since else until)
    if not commits:
        _check(api, project, until)
    oldest = min((one.committed_date for one in commits), default=EVER)
    cut = len(commits) >= MOST_COMMITS
    begin = min(_time(since), oldest) if cut else oldest
    return _History(frozenset(one.id for one in commits), begin, oldest if cut else None)


def _commits(api: GitLabApi, project: CodeProject, revisions: str) -> list[ReleasedCommitShape]:
    what = f"the commits {revisions} of {project.path}"
    found = api.pages(f"/projects/{project.id}/repository/commits", what, ref_name=revisions)
    return [shaped(ReleasedCommitShape, item, what) for item in islice(found, MOST_COMMITS)]


def _check(api: GitLabApi, project: CodeProject, revision: str) -> None:
    """GitLab answers an empty list for what is not there (`CommitNotFound` in Gitlab::Git::Repository#log)."""
    path = f"/projects/{project.id}/repository/commits/{quote(revision, safe='')}"
    api.get(path, f"{revision} of {project.path}", stats="false")


def _merged_after(api: GitLabApi, project: CodeProject, moment: datetime | None) -> list[MergedShape]:
    """In the order they were made, which no change meanwhile shifts: with one by time of update, one that is commented
    on while the list is read would be left out.
    """
    what = f"the merged merge requests of {project.path}"
    query: dict[str, Any] = {"state": "merged", "scope": "all", "order_by": "created_at", "sort": "desc"}
    if moment:
        query["updated_after"] = _moment(moment)
    items = islice(api.pages(f"/projects/{project.id}/merge_requests", what, **query), MOST_LOOKED_AT)
    return list({one.iid: one for one in (shaped(MergedShape, item, what) for item in items)}.values())


def _request(merged: MergedShape) -> MergedRequest:
    author = merged.author.username if merged.author else ""
    known_by = (merged.merge_commit_sha, merged.squash_commit_sha, merged.sha)
    return MergedRequest(
        iid=merged.iid,
        title=merged.title,
        description=merged.description or "",
        url=merged.web_url,
        author=author,
        author_name=merged.author.name if merged.author else "",
        is_bot=BOTS.fullmatch(author) is not None,
        labels=merged.labels,
        target_branch=merged.target_branch,
        source_branch=merged.source_branch,
        merged_at=_moment(_merged_at(merged)),
        commits=tuple(sha for sha in known_by if sha),
    )


def _merged_at(merged: MergedShape) -> datetime:
    return merged.merged_at or merged.updated_at


def _time(tag: Tag | None) -> datetime:
    return datetime.fromisoformat(tag.at) if tag and tag.at else EVER


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
