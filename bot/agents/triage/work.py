"""The work that an issue begins: a branch, a draft merge request, and the link between the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.agents.spec import Code, TriageContext
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

NO_CODE = "no code: {key} has no GitLab project whose texts may stand in it"
EMPTY = "no code: {path} has no branch that work could begin on"
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
    code = context.code
    if not wanted:
        return Begun()
    if code is None or not code.branch:
        reason = EMPTY.format(path=code.project.path) if code else NO_CODE.format(key=context.issue.key)
        return Begun(decisions=tuple(Decision(key=one, allowed=False, reason=reason) for one in wanted))
    names = naming(context.rules)
    branch = _branch(context, code, names, kept)
    opened = OpenBranch(key=BRANCH, name=branch, ref=code.branch)
    if DRAFT not in wanted:
        return Begun(
            (opened,), Work(project=code.project.path, branch=branch, title=_title_before(kept, branch))
        )
    draft = _draft(context, code, names, branch)
    link = LinkIssue(key=LINK, issue=context.issue.key, made=DRAFT)
    return Begun((opened, draft, link), Work(project=code.project.path, branch=branch, title=draft.title))


def _branch(context: TriageContext, code: Code, names: Naming, kept: Kept) -> str:
    issue = context.issue
    if not code.tells_issue:
        return branch_name(names.branch, issue.key)
    before = kept.work
    if before and before.project == code.project.path and is_branch_of(before.branch, issue.key):
        return before.branch
    title, kind = (safe(without_invisible(text), context.redactor) for text in (issue.title, issue.type))
    return branch_name(names.branch, issue.key, title=title, kind=kind)


def _title_before(kept: Kept, branch: str) -> str:
    return kept.work.title if kept.work and kept.work.branch == branch else ""


def _draft(context: TriageContext, code: Code, names: Naming, branch: str) -> OpenMergeRequest:
    return OpenMergeRequest(
        key=DRAFT,
        branch=branch,
        target=names.target or code.branch,
        title=_title(context, code, names),
        body=_body(context, code),
        assignee=code.assignee,
    )


def _title(context: TriageContext, code: Code, names: Naming) -> str:
    issue = context.issue
    if not code.tells_issue:
        return issue.key
    title, kind = (line(text, context.redactor, LONGEST_TITLE) for text in (issue.title, issue.type))
    return merge_request_title(names.title, issue.key, title=title, kind=kind)


def _body(context: TriageContext, code: Code) -> str:
    """Markdown of our own templates; where the issue's texts may not stand, the key and the link alone."""
    link = ISSUE_LINK.format(link=_link(context.issue))
    if not code.tells_issue:
        return link
    items = "\n".join(_item(one, context) for one in context.criteria[:MOST_CRITERIA])
    parts = (link, OPENING, CRITERIA.format(items=items) if items else "")
    return "\n\n".join(filter(None, parts))


def _link(issue: Issue) -> str:
    return LINKED.format(key=issue.key, url=issue.url) if issue.url else code_span(issue.key)


def _item(criterion: Criterion, context: TriageContext) -> str:
    text = line(criterion.text, context.redactor, LONGEST_CRITERION)
    return CRITERION.format(text=one_line(only_key(text, context.issue.key), LONGEST_CRITERION))
