"""Whether a text may flow between a GitLab project and a Jira project or space: nobody learns what they could not read.

Only where the operator mapped the pair. A secured issue, or a public GitLab project as the place to write to, gets
the key and the link and nothing else.
"""

from dataclasses import dataclass
from typing import Literal

from bot.domain.issues import Issue

Visibility = Literal["private", "internal", "public"]


@dataclass(frozen=True, slots=True)
class CodeProject:
    """A GitLab project as read. `path` is the full path, `default_branch` "" for an empty repository."""

    id: int
    path: str
    visibility: Visibility
    default_branch: str = ""
    web_url: str = ""


def issue_may_be_told(issue: Issue, project: CodeProject, *, mapped: bool) -> bool:
    """Whether the issue's texts may stand in a merge request of the project. Who reads Jira is not known here."""
    return mapped and project.visibility != "public" and issue.security is None


def code_may_be_told(issue: Issue, *, mapped: bool) -> bool:
    """Whether the project's texts may stand in the issue; a comment on a secured one is read by those who see it."""
    return mapped and issue.security is None


def page_may_be_told(project: CodeProject, *, mapped: bool, restricted: bool) -> bool:
    """Whether a page's texts may stand in a merge request of the project."""
    return mapped and project.visibility != "public" and not restricted
