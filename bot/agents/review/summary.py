"""What the summary of a review tells, and what it remembers for the next one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.agents.review.caps import Placed
from bot.agents.review.checks import CHECKS
from bot.agents.review.read_units import units_read
from bot.agents.review.schema import ReviewState
from bot.agents.spec import AgentContext
from bot.domain.findings import Finding, Severity
from bot.domain.kept import short_finding
from bot.domain.ledger import Ledger
from bot.domain.ledger_table import ledger_table
from bot.domain.lifecycle import Course, Known
from bot.domain.reviewed import Reviewed, unread, whole
from bot.domain.summary import Summary

MERGE_REQUEST: Final = "/-/merge_requests/"
FILES: Final = "{project}/-/blob/{head}"


def summary(state: ReviewState, context: AgentContext, listed: Sequence[Finding]) -> Summary:
    """`state["shown"]` are all findings that are open, `listed` those of them without a thread."""
    course = state["course"]
    return Summary(
        head=context.request.head,
        findings=tuple(state["shown"]),
        unplaced=tuple(one for one in listed if one.severity is not Severity.INFO),
        nits=tuple(one for one in listed if one.severity is Severity.INFO),
        fixed=len(_fixed(context.known, course)),
        dismissed=len(_dismissed(context.known, course)),
        outdated=len(set(course.outdated) - {one.fingerprint for one in course.standing}),
        ledger=_ledger_table(state["ledger"], context),
        coverage=tuple(state["coverage"]),
        complaints=tuple(state["complaints"]),
        failures=tuple(state["failures"]),
        checks=tuple(CHECKS),
        left_out=tuple(decision for decision in state["decisions"] if not decision.allowed),
        read_again=_read_again(context),
        model=", ".join(dict.fromkeys(state["models"])) or (context.model.name if context.model else ""),
        model_calls=_total(state, "calls"),
        tokens=_total(state, "input") + _total(state, "output"),
        cached_tokens=_total(state, "cached"),
        cost_usd=sum(paid["cost_usd"] for paid in state["spent"]),
    )


def remembered(
    state: ReviewState, context: AgentContext, new: Sequence[Placed], listed: Sequence[Finding]
) -> Reviewed:
    """What this review leaves for the next one, as far as it is known before anything is written."""
    told = (
        *(context.reviewed.told if context.reviewed else ()),
        *(known.key for known in context.known if known.thread),
        *(one.finding.fingerprint for one in new if one.where),
    )
    return Reviewed(
        head=context.request.head,
        units=units_read(state, context),
        listed=tuple(map(short_finding, listed)),
        told=tuple(dict.fromkeys(told)),
        gone=state["course"].gone,
        whole=whole(context.change.files),
    )


def _fixed(known: Sequence[Known], course: Course) -> set[str]:
    before = {one.key for one in known if one.state == "fixed"}
    return (before - set(course.back)) | set(course.fixed) | set(course.gone)


def _dismissed(known: Sequence[Known], course: Course) -> set[str]:
    return {one.key for one in known if one.state == "dismissed"} - set(course.gone)


def _read_again(context: AgentContext) -> int | None:
    """How many files had changed since they were read; None at a first review, and where no model reads."""
    if context.reviewed is None or context.model is None:
        return None
    files = context.change.files
    return len(files) if context.is_full else len(unread(files, context.reviewed))


def _ledger_table(ledger: Ledger | None, context: AgentContext) -> str:
    issues = {issue.key: issue.url for issue in context.background.issues}
    project, is_known, _ = context.request.web_url.partition(MERGE_REQUEST)
    files = FILES.format(project=project, head=context.request.head) if is_known else ""
    return ledger_table(ledger, issues, files)


def _total(state: ReviewState, kind: str) -> int:
    spent: Sequence[Mapping[str, Any]] = state["spent"]
    return sum(int(paid[kind]) for paid in spent)
