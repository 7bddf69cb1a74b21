"""A merge request and the issues it names, whatever state it is in."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from bot.agents.spec import AgentResult, LinkContext, Mentioned, Verdict
from bot.domain.actions import Proposal, UpsertNote
from bot.domain.background import Commit
from bot.domain.change import MergeRequest
from bot.domain.flow import code_may_be_told
from bot.domain.issues import Issue, memory_of
from bot.domain.markdown import recovery_note
from bot.errors import Forbidden, NotFound
from bot.policy import Ground
from bot.proposing.means import Means, Tracker
from bot.proposing.named_issues import MOST_ISSUES, NamedIssues, named_issues
from bot.proposing.proposal import proposal
from bot.proposing.review import ISSUES, bound_to
from bot.proposing.rules import read_rules
from bot.proposing.said import Said, read_said
from bot.routing import JobRequest

MOST_COMMITS: Final = 100  # that `MergeRequestReader.commits` gives: one beyond them may name an issue
FAILURE: Final = "failure"


def propose_link(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Superseded, PlatformError, UsageError where no tracker is connected."""
    started = time.monotonic()
    tracker = means.connected()
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    rules = read_rules(merge_request, means.reader)
    # asked first: a review that ends now has left its notes
    is_reviewed = means.reviewed(merge_request) if means.reviewed else None
    said = read_said(merge_request, means)
    commits = means.reader.commits(merge_request)
    means.tell(ISSUES)
    named = named_issues(merge_request, commits, tracker)
    mentioned = [_mentioned(issue, merge_request, tracker) for issue in named.issues]
    mentioned += _told_before(means.linked_before(merge_request), named, merge_request, commits, tracker)
    means.checkpoint(merge_request)
    context = LinkContext(
        request=merge_request,
        trigger=request.trigger,
        host=tracker.host,
        config=rules.config,
        redactor=means.redactor,
        mentioned=mentioned,
        unreadable=named.unreadable,
        left_out=named.left_out,
        commits=commits,
        verdict=_verdict(said, merge_request, is_reviewed=is_reviewed),
        ledger=said.ledger,
        change=partial(means.reader.change_set, merge_request),
        model=means.model,
        steps=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=rules.complaints,
    )
    result = _recovered(means.agent.run(context), merge_request, said, means)
    means.checkpoint(merge_request)
    ground = Ground(means.agent, issues=frozenset(one.issue.key for one in mentioned))
    shared = tuple(one.issue.key for one in mentioned if one.tells_code)
    bound = replace(bound_to(merge_request), shared=shared)
    return proposal(request, run, means, bound, result, ground, started)


def _mentioned(issue: Issue, request: MergeRequest, tracker: Tracker, *, named: bool = True) -> Mentioned:
    mapped = tracker.rules.maps(issue.project, request.target.project)
    key = f"mr:{request.target.project_id}:{request.target.iid}"
    memory = memory_of(tracker.issues.comments(issue.key), key, tracker.me().id)
    return Mentioned(issue, code_may_be_told(issue, mapped=mapped), memory, named)


def _told_before(
    keys: Sequence[str],
    named: NamedIssues,
    request: MergeRequest,
    commits: Sequence[Commit],
    tracker: Tracker,
) -> Iterator[Mentioned]:
    """The issues among `keys` that are not named now. Where more is named than is read, none can be told from those."""
    known = {issue.id for issue in named.issues}
    tried = {issue.key for issue in named.issues}.union(named.unreadable)
    room = 0 if named.left_out else max(0, MOST_ISSUES - len(tried))
    for key in [key for key in keys if key not in tried][:room]:
        with suppress(NotFound, Forbidden):
            issue = tracker.issues.issue(key)
            if issue.id not in known:
                known.add(issue.id)
                yield _mentioned(issue, request, tracker, named=len(commits) >= MOST_COMMITS)


def _verdict(said: Said, request: MergeRequest, *, is_reviewed: bool | None) -> Verdict | None:
    """A review that had nothing to say leaves nothing to read: then the record of its run tells, None without one."""
    verdict = said.verdict()
    if is_reviewed is None and not verdict.head:
        return None
    is_newer = verdict.head != request.head and is_reviewed
    return replace(verdict, head=request.head) if is_newer else verdict


def _recovered(result: AgentResult, request: MergeRequest, said: Said, means: Means) -> AgentResult:
    """A note that says an earlier run failed is put right."""
    if not any(mark.kind == FAILURE for mark in said.marks(means.agent.name)):
        return result
    note = UpsertNote(key=FAILURE, body=recovery_note(request.head), create=False)
    return replace(result, actions=(*result.actions, note))
