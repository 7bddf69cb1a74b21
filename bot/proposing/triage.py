"""A run on an issue: what the operator's rules start, or what a comment asks for."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from bot.agents.spec import Asked, Code, TriageContext, Workplace
from bot.domain.actions import CommentIssue, Proposal
from bot.domain.criteria import criteria
from bot.domain.document import Document, paragraph
from bot.domain.flow import CodeProject, code_may_be_told, issue_may_be_told
from bot.domain.issue_commands import HELP, parse_issue_command
from bot.domain.issues import Choices, Issue, IssueComment, memory_of
from bot.domain.rules import JiraRule, On
from bot.errors import Forbidden, NotFound, PlatformError, Stopped, Withheld
from bot.policy import Ground
from bot.proposing.link import FAILURE
from bot.proposing.means import Means, Tracker
from bot.proposing.proposal import Bound, proposal
from bot.routing import JobRequest

COMMENT: Final = "triage"
DRAFT: Final = "draft_merge_request"
WORK: Final = frozenset({"branch", DRAFT})
FIELDS: Final = frozenset({"component", "priority"})
BY_HAND: Final = ("shell", "pipeline")
READING = "reading {issue}"
GONE = "{issue} is gone, or the bot may not see it: nothing is done"
NO_RULE = "no rule of TRIVET_RULES is started by {issue} in its present status, {status}"
NOT_ADDRESSED = "the comment does not ask the bot for anything"
COMMENT_GONE = "the comment is gone"
OWN = "the bot does not answer itself"
OWN_MOVE = "the bot moved {issue} to {status} itself"
NOT_ALLOWED = "the roles that may command the bot in {project} are {roles}"
NOBODY = "none: TRIVET_RULES names none"
RECOVERED = "An earlier run of Trivet on this issue failed; a later one went well."
NOT_TOLD = (
    "pipelines of {path} are told nothing of {issue}: it is secured, or now of a Jira project that TRIVET_RULES does "
    "not map to {path}, or {path} is public"
)
ELSEWHERE = (
    "{what} is not begun in {path}: another rule that {issue} starts names {first}, and a run begins its work in one "
    "project, at one branch"
)
CODE_HIDDEN = "{path}, which TRIVET_RULES maps {project} to, cannot be read: {reason}"


def propose_triage(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where there is nothing to do, PlatformError, UsageError where no tracker is connected."""
    started = time.monotonic()
    tracker = means.connected()
    means.tell(READING.format(issue=request.issue))
    issue = _issue(request, tracker)
    _may_be_reported(request, issue, tracker)
    comments = tracker.issues.comments(issue.key)
    asked = _asked(request, issue, comments, tracker)
    rules = tracker.rules.of(issue.project) if asked else _rules(request, issue, tracker)
    means.still_ours()
    complaints: list[str] = []
    rules = rules if asked else _in_one_project(issue, rules, complaints)
    wanted = _wanted(rules, asked)
    code, workplace = _code(issue, rules, wanted, tracker, complaints)
    context = TriageContext(
        issue=issue,
        redactor=means.redactor,
        rules=rules,
        asked=asked,
        comments=comments,
        mine=tracker.me().id,
        criteria=criteria(issue.key, issue.description, issue.fields.values()),
        choices=_choices(issue, wanted, tracker, complaints),
        code=code,
        workplace=workplace,
        is_mapped=tracker.rules.code_of(issue.project) is not None,
        host=tracker.host,
        memory=memory_of(comments, COMMENT, tracker.me().id),
        model=means.model,
        steps=means.memory if means.model else None,
        still_wanted=means.still_ours,
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=complaints,
    )
    result = means.agent.run(context)
    result = replace(result, actions=(*result.actions, *_recovery(issue, comments, tracker)))
    means.still_ours()
    project = workplace.project if workplace else None
    ground = Ground(means.agent, issues=frozenset({issue.key}), code=project)
    return proposal(request, run, means, _bound(issue, project, code), result, ground, started)


def _issue(request: JobRequest, tracker: Tracker) -> Issue:
    """As it is now: what an event said may be long past."""
    fields = dict.fromkeys(rule.criteria_field for rule in tracker.rules.jira if rule.criteria_field)
    try:
        return tracker.issues.issue(request.issue, tuple(fields))
    except NotFound:
        if request.trigger in BY_HAND:
            raise
        raise Stopped(GONE.format(issue=request.issue)) from None


def _may_be_reported(request: JobRequest, issue: Issue, tracker: Tracker) -> None:
    """A pipeline gets the report, in which an issue's texts may stand, and whoever reads its project may read its log.

    The key it named may since be that of an issue of another Jira project. Raises Withheld.
    """
    path = request.project
    mapped = tracker.rules.maps(issue.project, path)
    if path and not (mapped and issue_may_be_told(issue, tracker.code.project(path), mapped=mapped)):
        raise Withheld(NOT_TOLD.format(path=path, issue=request.issue))


def _rules(request: JobRequest, issue: Issue, tracker: Tracker) -> tuple[JiraRule, ...]:
    """Those that the issue, as it is now, starts."""
    if request.trigger in BY_HAND:
        return _all_rules(issue, tracker)
    is_made = request.trigger == "created"
    found = tracker.rules.started(issue.project, "created") if is_made else _of_status(issue, tracker)
    if not found:
        raise Stopped(NO_RULE.format(issue=issue.key, status=issue.status.name))
    if not is_made and _moved_by_us(issue, tracker):
        raise Stopped(OWN_MOVE.format(issue=issue.key, status=issue.status.name))
    return found


def _moved_by_us(issue: Issue, tracker: Tracker) -> bool:
    """What the receiver cannot tell before it knows who the bot is."""
    last = next(reversed(tracker.issues.moved(issue.key)), None)
    return last is not None and last.author is not None and last.author.id == tracker.me().id


def _of_status(issue: Issue, tracker: Tracker) -> tuple[JiraRule, ...]:
    """Those for the issue's status; which words are names, and which categories, is asked where it may matter."""
    project, status = issue.project, issue.status
    if not tracker.rules.started(project, "transitioned", status):
        return ()
    return tracker.rules.started(project, "transitioned", status, tracker.issues.statuses(project))


def _all_rules(issue: Issue, tracker: Tracker) -> tuple[JiraRule, ...]:
    """What is asked for by hand: the rules of new issues and of its present status; without any, the reading ones."""
    rules = tracker.rules
    started = rules.started(issue.project, "created") + _of_status(issue, tracker)
    plain = JiraRule(
        project=issue.project,
        gitlab=rules.code_of(issue.project),
        on=On(event="created"),
        do=("summarize", "missing"),
    )
    return started or (plain,)


def _asked(
    request: JobRequest, issue: Issue, comments: Sequence[IssueComment], tracker: Tracker
) -> Asked | None:
    """The comment that asks, as it is now. Raises Stopped where nobody asks, or somebody who may not."""
    if not request.comment:
        return None
    comment = next((one for one in comments if one.id == request.comment), None)
    if comment is None:
        raise Stopped(COMMENT_GONE)
    me = tracker.me()
    if comment.author.id == me.id:
        raise Stopped(OWN)
    command = parse_issue_command(comment.body, me)
    if command is None:
        raise Stopped(NOT_ADDRESSED)
    _allowed(issue, comment, tracker)
    return Asked(comment.id, comment.author.name, command.name, command.text)


def _allowed(issue: Issue, comment: IssueComment, tracker: Tracker) -> None:
    """Customers of a service desk never, whatever their role. Raises PlatformError where roles cannot be read."""
    wanted = tracker.rules.commanders(issue.project)
    is_staff = comment.author.kind == "person"
    if not (is_staff and wanted and wanted & _roles(issue, comment, tracker)):
        roles = ", ".join(sorted(wanted)) or NOBODY
        raise Stopped(NOT_ALLOWED.format(project=issue.project, roles=roles))


def _roles(issue: Issue, comment: IssueComment, tracker: Tracker) -> frozenset[str]:
    """A token that may not read them is no passing fault: whoever asks is told at once."""
    try:
        return tracker.issues.roles(issue.project, comment.author)
    except Forbidden as error:
        raise PlatformError(str(error)) from None


def _choices(issue: Issue, wanted: Collection[str], tracker: Tracker, complaints: list[str]) -> Choices:
    """Read only where they are needed."""
    fields = FIELDS & set(wanted)
    if not fields:
        return Choices()
    try:
        return tracker.issues.choices(issue.project, fields)
    except (NotFound, Forbidden) as error:
        complaints.append(str(error))
        return Choices()


def _wanted(rules: Sequence[JiraRule], asked: Asked | None) -> frozenset[str]:
    """What is to be done: what a comment asks for, else what the rules say."""
    return frozenset({asked.name}) if asked else frozenset(one for rule in rules for one in rule.do)


def _code(
    issue: Issue,
    rules: Sequence[JiraRule],
    wanted: Collection[str],
    tracker: Tracker,
    complaints: list[str],
) -> tuple[Code | None, Workplace | None]:
    """The mapped project as far as it may be read for the issue, and as the place of its work.

    Where its texts may not stand in the issue, nothing of its repository is read. Raises AccessDenied for a token that
    is no longer good: work that is begun once shall wait for the next one.
    """
    path, target_branch = _mapped(issue, rules, wanted, tracker)
    if path is None or wanted == {HELP}:
        return None, None
    try:
        project = tracker.code.project(path)
        branch = target_branch or project.default_branch
        may_read = code_may_be_told(issue, mapped=True)
        code = Code(project, tracker.code.branch(project, branch)) if may_read else None
    except (NotFound, Forbidden) as error:
        complaints.append(CODE_HIDDEN.format(path=path, project=issue.project, reason=error))
        return None, None
    tells_issue = issue_may_be_told(issue, project, mapped=True)
    assignee = _assignee(issue, wanted, tracker) if tells_issue else ""
    return code, Workplace(project, branch, tells_issue, assignee)


def _in_one_project(issue: Issue, rules: Sequence[JiraRule], complaints: list[str]) -> tuple[JiraRule, ...]:
    """The rules without the work that they would begin elsewhere than the first of them that begins any; it is said."""
    begins = [rule for rule in rules if WORK & set(rule.do)]
    elsewhere = [rule for rule in begins if _place(rule) != _place(begins[0])]
    for rule in elsewhere:
        for what in sorted(WORK & set(rule.do)):
            complaints.append(
                ELSEWHERE.format(what=what, path=rule.gitlab, issue=issue.key, first=begins[0].gitlab)
            )
    return tuple(_without_work(rule) if rule in elsewhere else rule for rule in rules)


def _place(rule: JiraRule) -> tuple[str | None, str | None]:
    return rule.gitlab, rule.target_branch


def _without_work(rule: JiraRule) -> JiraRule:
    return rule.model_copy(update={"do": tuple(one for one in rule.do if one not in WORK)})


def _mapped(
    issue: Issue, rules: Sequence[JiraRule], wanted: Collection[str], tracker: Tracker
) -> tuple[str | None, str | None]:
    """The project of these rules and the branch they name, of one that begins work where that is wanted.

    Else the project that any of the issue's rules names.
    """
    begins = [one for one in rules if WORK & set(one.do)] if WORK & set(wanted) else []
    rule = next((one for one in (*begins, *rules) if one.gitlab), None)
    return _place(rule) if rule else (tracker.rules.code_of(issue.project), None)


def _assignee(issue: Issue, wanted: Collection[str], tracker: Tracker) -> str:
    """The issue's assignee in GitLab: by e-mail address, which proves more, else by an equal user name."""
    person = issue.assignee
    if person is None or DRAFT not in wanted:
        return ""
    by_email = tracker.code.username(email=person.email) if person.email else ""
    return by_email or (tracker.code.username(username=person.username) if person.username else "")


def _recovery(issue: Issue, comments: Sequence[IssueComment], tracker: Tracker) -> tuple[CommentIssue, ...]:
    """A comment that says an earlier run failed is put right."""
    if memory_of(comments, FAILURE, tracker.me().id) is None:
        return ()
    body = Document(blocks=(paragraph(RECOVERED),))
    return (CommentIssue(key=FAILURE, issue=issue.key, body=body, internal=True, create=False),)


def _bound(issue: Issue, project: CodeProject | None, code: Code | None) -> Bound:
    """Where nothing but the key and the link is written, a security level that is there refuses nothing."""
    return Bound(
        name=issue.key,
        url=issue.url,
        project=project.path if project else "",
        project_id=project.id if project else 0,
        issue=issue.key,
        shared=(issue.key,) if code else (),
    )
