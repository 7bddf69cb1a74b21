"""What is proposed for a merge request and the issues it names, and what is said of those left out."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from bot.agents.link.comment import LONGEST_TITLE, comment, named, reference
from bot.agents.link.lines import memory
from bot.agents.link.moves import moves
from bot.agents.link.plain import cut, plain
from bot.agents.link.schema import Told
from bot.agents.link.stage import is_open
from bot.agents.spec import AgentResult, LinkContext, Mentioned
from bot.domain.actions import CommentIssue, Decision, LinkIssue, SetCommitStatus
from bot.domain.markdown import counted

STATUS: Final = "trivet/issue"
NO_ISSUE = "name an issue like SHOP-12 in title, branch, description or a commit"
NOT_READABLE = "{keys} cannot be read; "
INTO = "{project}, into {branch}"
AND_MORE = " and {count} more"

NOT_MAPPED = "{jira} is not mapped to {project} in TRIVET_RULES: link only"
SECURED = "{issue} has a security level: link only"
LINK_ONLY = "link only: {why}"
NO_ACCESS = "{keys} cannot be read: there is no such issue, or the bot's account in Jira may not see it"
LEFT_OUT = "{issues} beyond the first {most} named: left out"

LONGEST_ID: Final = 255  # characters: Jira's limit of a remote link's globalId
LONGEST_STATUS: Final = 255  # of a commit status's description
MOST_KEYS: Final = 10  # that a sentence names
WHY: Final = {False: NOT_MAPPED, True: SECURED}
"""Why an issue is only linked, by whether it has a security level: see `bot.domain.flow.code_may_be_told`."""


def composed(context: LinkContext, told: Told) -> AgentResult:
    """Comments come last: the stage one remembers is then one whose links and moves are done."""
    mentioned = _each_once(context.mentioned)
    return AgentResult(
        actions=(
            *(_link(one, context) for one in mentioned),
            *_status(mentioned, context),
            *moves(context, mentioned),
            *(_comment(one, context, told) for one in mentioned if one.is_told or one.memory is not None),
        ),
        decisions=tuple(_link_only(one, context) for one in mentioned if not one.tells_code),
        complaints=(*context.complaints, *dict.fromkeys(_complaints(mentioned, context))),
    )


def _each_once(mentioned: Sequence[Mentioned]) -> list[Mentioned]:
    """An issue that has moved may be named by two keys."""
    first: dict[str, Mentioned] = {}
    for one in mentioned:
        first.setdefault(one.issue.key, one)
    return list(first.values())


# --- the actions ---


def _link(one: Mentioned, context: LinkContext) -> LinkIssue:
    """Where the texts of the merge request may not stand in the issue, its place and its state do."""
    request, redactor = context.request, context.redactor
    branch = plain(request.target_branch, redactor, LONGEST_TITLE)
    summary = INTO.format(project=request.target.project, branch=branch) if one.tells_code else ""
    return LinkIssue(
        key=f"link:{one.issue.key}",
        issue=one.issue.key,
        global_id=global_id(context),
        url=request.web_url,
        title=named(request, redactor) if one.tells_code else reference(request),
        summary=cut(summary, LONGEST_TITLE),
        state="opened" if request.state == "locked" else request.state,
        create=one.named,
    )


def global_id(context: LinkContext) -> str:
    """The pair's name in Jira: the same whatever becomes of paths and titles."""
    target = context.request.target
    name = "system={host}&mr={id}!{iid}"
    whole = name.format(host=context.host, id=target.project_id, iid=target.iid)
    if len(whole) <= LONGEST_ID:
        return whole
    digest = hashlib.sha256(context.host.encode()).hexdigest()
    return name.format(host=digest, id=target.project_id, iid=target.iid)


def _comment(one: Mentioned, context: LinkContext, told: Told) -> CommentIssue:
    """What was closed before anybody was told of it stays untold. Customers of a service desk see no code's texts.

    Where an issue shall be told no more, our comment is only put right.
    """
    target = context.request.target
    return CommentIssue(
        key=f"mr:{target.project_id}:{target.iid}",
        issue=one.issue.key,
        body=comment(context, one, told),
        memory=memory(context, one, told),
        visibility=context.config.link.comment_visibility,
        internal=True,
        create=one.is_told and context.request.state != "closed",
    )


def _status(mentioned: Sequence[Mentioned], context: LinkContext) -> Iterator[SetCommitStatus]:
    if not context.config.link.require_key or not is_open(context.request):
        return
    issues = [one.issue for one in mentioned if one.named]
    keys = [issue.key for issue in issues]
    unread = NOT_READABLE.format(keys=_listed(context.unreadable)) if context.unreadable else ""
    yield SetCommitStatus(
        key="status",
        name=STATUS,
        state="success" if keys else "failed",
        description=cut(_listed(keys) if keys else unread + NO_ISSUE, LONGEST_STATUS),
        url=issues[0].url if issues else "",
    )


# --- what is said of the rest ---


def _link_only(one: Mentioned, context: LinkContext) -> Decision:
    target = context.request.target
    return Decision(
        key=f"mr:{target.project_id}:{target.iid}",
        allowed=False,
        reason=LINK_ONLY.format(why=_why(one, context)),
        about=one.issue.key,
    )


def _why(one: Mentioned, context: LinkContext) -> str:
    issue = one.issue
    sentence = WHY[issue.security is not None]
    return sentence.format(jira=issue.project, issue=issue.key, project=context.request.target.project)


def _complaints(mentioned: Sequence[Mentioned], context: LinkContext) -> Iterator[str]:
    yield from (_why(one, context) for one in mentioned if one.named and not one.tells_code)
    if context.unreadable:
        yield NO_ACCESS.format(keys=_listed(context.unreadable))
    if context.left_out:
        most = sum(one.named for one in context.mentioned) + len(context.unreadable)
        yield LEFT_OUT.format(issues=counted(context.left_out, "issue"), most=most)


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - MOST_KEYS
    return ", ".join(keys[:MOST_KEYS]) + (AND_MORE.format(count=more) if more > 0 else "")
