"""GitLab's answers, reduced to the fields we use and checked once; nothing later sees the raw form.

Sources: docs.gitlab.com/api/merge_requests, /discussions, /draft_notes, /award_emoji, /tags, /commits.
"""

from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import Field

from bot.gateways import shapes
from bot.gateways.shapes import Shape

S = TypeVar("S", bound=Shape)


class UserShape(Shape):
    id: int
    username: str = ""


class RefsShape(Shape):
    """Empty or all zeros while GitLab prepares the diff."""

    base_sha: str | None = None
    start_sha: str | None = None
    head_sha: str | None = None


class ReferencesShape(Shape):
    """`full`: "group/project!7"."""

    full: str = ""


class HeadPipelineShape(Shape):
    """The newest pipeline of a merge request, if the token may see it. Of a merged result, `sha` is the merge."""

    id: int
    sha: str
    project_id: int | None = None


class MergeRequestShape(Shape):
    """One merge request, alone or in a list, which lacks `diff_refs`, `changes_count` and `head_pipeline`.

    `user_notes_count` counts notes of every kind but GitLab's own (`Gitlab::IssuableMetadata`).
    """

    iid: int
    project_id: int
    title: str
    description: str | None = None
    state: str
    draft: bool = False
    author: UserShape | None = None
    source_branch: str
    target_branch: str
    sha: str | None = None
    diff_refs: RefsShape | None = None
    references: ReferencesShape = Field(default_factory=ReferencesShape)
    web_url: str = ""
    labels: tuple[str, ...] = ()
    changes_count: str | None = None
    user_notes_count: int | None = None
    source_project_id: int | None = None
    head_pipeline: HeadPipelineShape | None = None
    updated_at: datetime


class PlaceShape(Shape):
    """The part of a position that says where a note stands now."""

    new_path: str | None = None
    new_line: int | None = None
    old_line: int | None = None


class NoteShape(Shape):
    """`author` is None where the account is gone. `resolved_by` goes with `resolved`."""

    id: int
    body: str | None = None
    author: UserShape | None = None
    system: bool = False
    internal: bool = False
    type: str | None = None
    resolvable: bool = False
    resolved: bool | None = None
    resolved_by: UserShape | None = None
    position: PlaceShape | None = None
    created_at: datetime


class DiscussionShape(Shape):
    """`individual_note`: it is no thread but one note alone, which a reply would make a thread."""

    id: str
    individual_note: bool = False
    notes: tuple[NoteShape, ...]


class VersionShape(Shape):
    """A version of a merge request's diff: GitLab makes one for each push."""

    created_at: datetime


class DraftShape(Shape):
    """`discussion_id`: the thread it answers in, None for any other; publishing it closes or opens that one."""

    id: int
    note: str
    discussion_id: str | None = None
    resolve_discussion: bool = False


class AwardShape(Shape):
    id: int
    name: str
    user: UserShape


class MemberShape(Shape):
    access_level: int
    state: str = "active"


class AccountShape(Shape):
    """Somebody's account. In a list `public_email` may be missing (None) and `bot` is: asked for by id it has both."""

    id: int
    username: str
    state: str
    public_email: str | None = None
    bot: bool = False


class ProjectShape(Shape):
    path_with_namespace: str


class CodeProjectShape(ProjectShape):
    """`default_branch` is None for an empty repository, or for one that the token may not read."""

    id: int
    visibility: Literal["private", "internal", "public"]
    default_branch: str | None = None
    web_url: str = ""


class CommitStatusShape(Shape):
    """`pipeline_id` is what the status belongs to; older versions do not tell it."""

    id: int
    status: str
    name: str
    ref: str | None = None
    description: str | None = None
    target_url: str | None = None
    pipeline_id: int | None = None


class PipelineShape(Shape):
    """`ref`: a branch or tag, or "refs/merge-requests/7/merge"."""

    id: int
    project_id: int
    ref: str
    sha: str


class CommitShape(Shape):
    """`message` is the whole one."""

    id: str
    message: str | None = None
    author_name: str | None = None


class TreeEntryShape(Shape):
    """`mode`: git's ("100644"). A name that is not UTF-8 comes with replacement characters."""

    name: str
    type: str
    mode: str


class ReleasedCommitShape(Shape):
    """A commit of a list, or of a tag."""

    id: str
    committed_date: datetime


class TagShape(Shape):
    """`commit` is None where the tag names a tree or a file."""

    name: str
    commit: ReleasedCommitShape | None = None


class AuthorShape(UserShape):
    name: str = ""


class MergedShape(Shape):
    """A merged merge request of a list. `sha` is its head; of the others GitLab has those that the merge made.

    `merged_at` is None for some of the oldest, from before GitLab kept it.
    """

    iid: int
    title: str
    description: str | None = None
    web_url: str = ""
    author: AuthorShape | None = None
    labels: tuple[str, ...] = ()
    source_branch: str = ""
    target_branch: str = ""
    sha: str | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    merged_at: datetime | None = None
    updated_at: datetime


class BranchShape(Shape):
    commit: CommitShape
    web_url: str = ""


def shaped(shape: type[S], data: Any, what: str) -> S:
    """The answer in its form. Raises PlatformError, which names the first field that does not fit."""
    return shapes.shaped(shape, data, what, "GitLab")
