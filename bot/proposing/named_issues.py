"""The issues that a merge request names: keys of real projects, each read once."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.background import Commit, LinkedIssue
from bot.domain.change import MergeRequest
from bot.domain.criteria import criteria
from bot.domain.flow import CodeProject, issue_may_be_told
from bot.domain.issue_keys import found, found_in_branch
from bot.domain.issues import Issue
from bot.errors import Forbidden, NotFound
from bot.proposing.means import Tracker

MOST_ISSUES = 20  # that one merge request is tied to
MOST_TOLD = 5  # whose texts a reviewer is given


@dataclass(frozen=True)
class NamedIssues:
    """`unreadable`: keys of known projects that the bot cannot read. `left_out`: how many were not looked at."""

    issues: tuple[Issue, ...] = ()
    unreadable: tuple[str, ...] = ()
    left_out: int = 0


def named_issues(request: MergeRequest, commits: Sequence[Commit], tracker: Tracker) -> NamedIssues:
    """In the order of branch, title, description and commits. One that moved is known by its new key.

    Raises AccessDenied for a token that is no longer good.
    """
    known = tracker.issues.projects()
    texts = (request.title, request.description, *(one.message for one in commits))
    named = found(texts, known, most=MOST_ISSUES)
    keys = dict.fromkeys((*found_in_branch(request.source_branch, known), *named.keys))
    left_out = named.left_out + max(0, len(keys) - MOST_ISSUES)
    issues: dict[str, Issue] = {}
    unreadable: list[str] = []
    for key in list(keys)[:MOST_ISSUES]:
        try:
            issue = tracker.issues.issue(key, _criteria_fields(key, tracker))
        except (NotFound, Forbidden):
            unreadable.append(key)
        else:
            issues.setdefault(issue.id, issue)
    return NamedIssues(tuple(issues.values()), tuple(unreadable), left_out)


def linked_issues(
    request: MergeRequest, commits: Sequence[Commit], tracker: Tracker, project: CodeProject
) -> tuple[LinkedIssue, ...]:
    """What the named issues ask for, of those whose texts may be told in the merge request."""
    path = request.target.project
    told = [
        issue
        for issue in named_issues(request, commits, tracker).issues
        if issue_may_be_told(issue, project, mapped=tracker.rules.maps(issue.project, path))
    ]
    return tuple(_linked(issue) for issue in told[:MOST_TOLD])


def _linked(issue: Issue) -> LinkedIssue:
    asked = criteria(issue.key, issue.description, issue.fields.values())
    return LinkedIssue(issue.key, issue.title, issue.description, issue.url, asked)


def _criteria_fields(key: str, tracker: Tracker) -> tuple[str, ...]:
    return tracker.rules.criteria_fields(key.rpartition("-")[0])
