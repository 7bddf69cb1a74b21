"""A proposal that was changed, or planted, between who decides and who writes."""

from typing import Any

import pytest

from bot.domain.actions import (
    Action,
    CommentIssue,
    OpenBranch,
    OpenMergeRequest,
    PostFinding,
    Proposal,
    React,
    Reply,
    Report,
    UpsertNote,
)
from bot.domain.document import Document, paragraph
from bot.domain.findings import Finding, Severity
from bot.errors import TrivetError
from bot.policy import MAX_BODY, MAX_FINDINGS
from bot.proposing.bounds import check_bounds
from bot.routing import JobRequest

RUN, HEAD = "run-1", "a" * 40
REVIEW = JobRequest(agent="review", project="acme/shop", project_id=1, iid=7, trigger="pushed", key="k")
COMMAND = REVIEW.model_copy(update={"trigger": "command", "note": 5})
TRIAGE = JobRequest(agent="triage", issue="SHOP-7", trigger="created", key="k")
HELLO = Document(blocks=(paragraph("Hello"),))
EYES = React(key="r", emoji="eyes")


def stored(request: JobRequest, *actions: Action, **other: Any) -> Proposal:
    fields: dict[str, Any] = {
        "run": RUN,
        "agent": request.agent,
        "project": "acme/shop",
        "project_id": 1,
        "iid": request.iid,
        "head": HEAD,
        "issue": request.issue,
        "actions": actions,
        "report": Report(run=RUN, agent=request.agent, target="acme/shop!7", head=HEAD),
    }
    return Proposal(**(fields | other))


def post(number: int = 0, **other: Any) -> PostFinding:
    found = Finding(
        agent="review",
        rule="python/F821",
        severity=Severity.MAJOR,
        title="A name that is not defined",
        path="shop.py",
        fingerprint=f"{number:032x}",
        line=1,
        anchor=f"value = {number}",
    )
    return PostFinding(
        **({"key": found.fingerprint, "finding": found, "body": "text", "position": None} | other)
    )


@pytest.mark.parametrize(
    ("request_", "proposal"),
    [
        (REVIEW, stored(REVIEW, EYES, post(), UpsertNote(key="summary", body="text"))),
        (REVIEW, stored(REVIEW, EYES, project="acme/renamed")),
        (COMMAND, stored(COMMAND, Reply(key="refused:4", thread="d", body="no"), agent="ask", note=5)),
        (TRIAGE, stored(TRIAGE, CommentIssue(key="triage", issue="SHOP-7", body=HELLO))),
    ],
)
def test_what_policy_allowed_is_written(request_: JobRequest, proposal: Proposal) -> None:
    check_bounds(proposal, request_, RUN)


@pytest.mark.parametrize(
    ("proposal", "why"),
    [
        (stored(REVIEW, EYES, run="run-2"), "another run"),
        (stored(REVIEW, agent="pages"), "made by the pages agent"),
        (stored(REVIEW, agent="ask"), "made by the ask agent"),
        (stored(REVIEW, agent="root"), "made by the root agent"),
        (stored(REVIEW, EYES, iid=8), "about acme/shop!8"),
        (stored(REVIEW, EYES, project_id=2), "about acme/shop!7"),
        (stored(REVIEW, EYES, note=9), "answers another note"),
        (stored(REVIEW, OpenBranch(key="b", name="x", ref="main")), "may not open_branch"),
        (stored(REVIEW, CommentIssue(key="c", issue="SHOP-1", body=HELLO)), "may not comment_issue"),
        (stored(REVIEW, React(key="r", emoji="rocket")), "'rocket' is not on the list"),
        (stored(REVIEW, UpsertNote(key="elsewhere", body="text")), "'elsewhere' is not on the list"),
        (stored(REVIEW, UpsertNote(key="summary", body="x" * (MAX_BODY + 1))), "longer than"),
        (stored(REVIEW, post(key="f" * 32)), "not the finding's fingerprint"),
        (stored(REVIEW, *map(post, range(MAX_FINDINGS + 1))), f"more than {MAX_FINDINGS} findings"),
    ],
)
def test_what_the_run_cannot_have_proposed_is_not_written(proposal: Proposal, why: str) -> None:
    with pytest.raises(TrivetError, match="nothing of the stored proposal was written") as refusal:
        check_bounds(proposal, REVIEW, RUN)
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    "action",
    [
        CommentIssue(key="triage", issue="SHOP-8", body=HELLO),
        OpenMergeRequest(key="mr", branch="never-opened", title="t", body="b", target="main"),
        UpsertNote(key="summary", body="text"),
    ],
)
def test_a_run_on_an_issue_writes_to_no_other(action: Action) -> None:
    with pytest.raises(TrivetError):
        check_bounds(stored(TRIAGE, action), TRIAGE, RUN)
