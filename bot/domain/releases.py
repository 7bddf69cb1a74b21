"""What goes into a release: its tag and the merge requests merged since the one before."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag. `commit` is the commit it leads to, `at` that commit's time (ISO 8601)."""

    name: str
    commit: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class MergedRequest:
    """A merged merge request. `author` is a user name, `author_name` the name shown; `is_bot` tells a bot account.

    `commits`: the SHAs it can be known by in the target branch (merge, squash, head). `merged_at` is ISO 8601.
    """

    iid: int
    title: str
    description: str
    url: str
    author: str
    author_name: str = ""
    is_bot: bool = False
    labels: tuple[str, ...] = ()
    target_branch: str = ""
    source_branch: str = ""
    merged_at: str = ""
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseIssue:
    """An issue that a merge request names. `kind` is the issue type's name in the tracker, "" where not known."""

    key: str
    url: str
    kind: str = ""
