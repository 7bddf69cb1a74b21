"""The work that an issue begins: a branch, a draft merge request, and the link between the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.agents.spec import TriageContext, Workplace
from bot.agents.triage.names import branch_name, is_branch_of, merge_request_title, only_key
from bot.agents.triage.schema import Kept, Work
from bot.agents.triage.wanted import WORK, Naming, naming
from bot.agents.triage.words import line, safe
from bot.domain.actions import Action, Decision, LinkIssue, OpenBranch, OpenMergeRequest
from bot.domain.criteria import Criterion
from bot.domain.issues import Issue
from bot.domain.markdown import code as code_span
from bot.domain.markdown import one_line
from bot.domain.visible import without_invisible

BRANCH, DRAFT, LINK = "branch", "draft_merge_request", "link"
MOST_CRITERIA: Final = 30
LONGEST_CRITERION: Final = 500  # characters
LONGEST_TITLE: Final = 300

NOT_MAPPED = "no code: TRIVET_RULES maps {project} to no GitLab project; name one by `gitlab` in a rule of it"
NOT_READ = (
    "no code: the GitLab project of {project}, or its branch, cannot be read; the report of this run says why"
)
EMPTY = "no code: {path} has no branch that work could begin on; push a first commit"
SECURED = "the key and the link alone: {key} has a security level; without one its title and criteria stand there, too"
PUBLIC = (
    "the key and the link alone: {path} is public; in one that is not, title and criteria stand there, too"
)
ISSUE_LINK = "Issue: {link}"
LINKED = "[{key}]({url})"
OPENING = "A draft to work in, begun as the issue asked for it."
CRITERIA = "**Acceptance criteria**\n\n{items}"
CRITERION = "- [ ] {text}"


@dataclass(frozen=True, slots=True)
class Begun:
    """What is proposed, and how the comment names it; `work` None where nothing is begun."""

    actions: tuple[Action, ...] = ()
    work: Work | None = None
    decisions: tuple[Decision, ...] = ()


def begun(parts: Sequence[str], context: TriageContext, kept: Kept) -> Begun:
    """Names are the same each time, also after the issue's title has changed: then those that are remembered."""
    wanted = [part for part in parts if part in WORK]
    place = context.workplace
    if not wanted:
        return Begun()
    if place is None or not place.branch:
        reason = _hindrance(context)
        return Begun(decisions=tuple(Decision(key=one, allowed=False, reason=reason) for one in wanted))
    names = naming(context.rules)
    branch = _branch(context, place, names, kept)
    opened = OpenBranch(key=BRANCH, name=branch, ref=place.branch)
    told = _told(context, place)
    if DRAFT not in wanted:
        work = Work(project=place.project.path, branch=branch, title=_title_before(kept, branch))
        return Begun((opened,), work, told)
    draft = _draft(context, place, names, branch)
    link = LinkIssue(key=LINK, issue=context.issue.key, made=DRAFT)
    work = Work(project=place.project.path, branch=branch, title=draft.title)
    return Begun((opened, draft, link), work, told)


def _hindrance(context: TriageContext) -> str:
    """Why nothing can be begun, and what to do; what follows the colon is told in an answer, too."""
    if context.workplace:
        return EMPTY.format(path=context.workplace.project.path)
    return (NOT_READ if context.is_mapped else NOT_MAPPED).format(project=context.issue.project)


def _told(context: TriageContext, place: Workplace) -> tuple[Decision, ...]:
    """Why names and texts of the work say nothing of the issue, where they do not."""
    if place.tells_issue:
        return ()
    sentence = PUBLIC if context.issue.security is None else SECURED
    reason = sentence.format(key=context.issue.key, path=place.project.path)
    return (Decision(key=BRANCH, allowed=True, reason=reason),)


def _branch(context: TriageContext, place: Workplace, names: Naming, kept: Kept) -> str:
    issue, before = context.issue, kept.work
    if before and before.project == place.project.path and is_branch_of(before.branch, issue.key):
        return before.branch
    if not place.tells_issue:
        return branch_name(names.branch, issue.key)
    title, kind = (safe(without_invisible(text), context.redactor) for text in (issue.title, issue.type))
    return branch_name(names.branch, issue.key, title=title, kind=kind)


def _title_before(kept: Kept, branch: str) -> str:
    return kept.work.title if kept.work and kept.work.branch == branch else ""


def _draft(context: TriageContext, place: Workplace, names: Naming, branch: str) -> OpenMergeRequest:
    return OpenMergeRequest(
        key=DRAFT,
        branch=branch,
        target=names.target or place.branch,
        title=_title(context, place, names),
        body=_body(context, place),
        assignee=place.assignee,
    )


def _title(context: TriageContext, place: Workplace, names: Naming) -> str:
    issue = context.issue
    if not place.tells_issue:
        return issue.key
    title, kind = (line(text, context.redactor, LONGEST_TITLE) for text in (issue.title, issue.type))
    return merge_request_title(names.title, issue.key, title=title, kind=kind)


def _body(context: TriageContext, place: Workplace) -> str:
    """Markdown of our own templates; where the issue's texts may not stand, the key and the link alone."""
    link = ISSUE_LINK.format(link=_link(context.issue))
    if not place.tells_issue:
        return link
    items = "\n".join(_item(one, context) for one in context.criteria[:MOST_CRITERIA])
    parts = (link, OPENING, CRITERIA.format(items=items) if items else "")
    return "\n\n".join(filter(None, parts))


def _link(issue: Issue) -> str:
    return LINKED.format(key=issue.key, url=issue.url) if issue.url else code_span(issue.key)


def _item(criterion: Criterion, context: TriageContext) -> str:
    text = line(criterion.text, context.redactor, LONGEST_CRITERION)
    return CRITERION.format(text=one_line(only_key(text, context.issue.key), LONGEST_CRITERION))
