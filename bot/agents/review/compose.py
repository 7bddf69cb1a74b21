"""The words of a review: notes on their lines, one summary, or silence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.checks import CHECKS
from bot.agents.review.coverage import declared
from bot.agents.review.nodes import watched
from bot.agents.review.schema import ReviewState, Task
from bot.agents.spec import AgentContext
from bot.domain.actions import Action, Coverage, Decision, Position, PostFinding, React, UpsertNote
from bot.domain.change import ChangeSet, shown_path
from bot.domain.findings import Finding, Suggestion
from bot.domain.ledger import Ledger
from bot.domain.ledger_table import ledger_table
from bot.domain.markdown import Summary, counted, finding_comment, recovery_note, summary_note
from bot.domain.positions import file_position, position
from bot.domain.secrets import Redactor

OVER_CAP = "more than max_comments ({cap}): shown in the summary"
NO_LINE = "GitLab has no place for the line: shown in the summary"
ON_FILE = "GitLab has no place for the line: shown on the file"
NOT_REVIEWED = "The model did not fully read {files}: {missing}"
NOT_VERIFIED = "No second look was had at {findings}, so not shown: {missing}"
NOT_JUDGED = "The model did not judge the acceptance criteria: {missing}"
CLEAN: Final = "thumbsup"
MERGE_REQUEST: Final = "/-/merge_requests/"
FILES: Final = "{project}/-/blob/{head}"

Placed = tuple[Finding, Position | None, str]
Update = dict[str, Any]


async def compose(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Turn findings into notes on their lines and one summary, or silence into one reaction."""
    context = runtime.context
    placed = _all_placed(state["shown"], context)
    posts = [
        PostFinding(key=one.fingerprint, finding=one, body=finding_comment(one), position=where)
        for one, where, _ in placed
    ]
    moved = [Decision(key=one.fingerprint, allowed=True, reason=why) for one, _, why in placed if why]
    coverage = declared(state["coverage"], _not_reviewed(state, context))
    failures = _failures(state)
    complaints = [*state["complaints"], *failures]
    summary = summary_note(_summary(state, context, placed, coverage, complaints, failures))
    ledger = state["ledger"]
    speaks = bool(posts or complaints or ledger or _left_out(watched(context)))
    actions: list[Action] = [*posts, UpsertNote(key="summary", body=summary, create=speaks, ledger=ledger)]
    if context.failed_before:
        body = recovery_note(context.request.head)
        actions.append(UpsertNote(key="failure", body=body, create=False))
    if not speaks:
        actions.append(React(key="clean", emoji=CLEAN))
    elif not context.is_first:
        actions.append(React(key="clean", emoji=None, instead_of=CLEAN))
    return {
        "actions": actions,
        "shown": [finding for finding, _, _ in placed],
        "decisions": moved,
        "coverage": coverage,
        "complaints": complaints,
        "failures": failures,
    }


def _left_out(change: ChangeSet) -> bool:
    """Whether text that people wrote was not read: then silence would say more than we know."""
    return any(file.unread and not file.generated and not file.binary for file in change.files)


# --- where a finding stands ---


def _all_placed(shown: Sequence[Finding], context: AgentContext) -> list[Placed]:
    """Up to `max_comments` get a note of their own; those that have no line anyway do not count."""
    placed: list[Placed] = []
    room = context.config.review.max_comments
    for finding in shown:
        one = _placed(finding, context, room > sum(where is not None for _, where, _ in placed))
        placed.append(one)
    return placed


def _placed(finding: Finding, context: AgentContext, under_cap: bool) -> Placed:
    """On its line, else on its file, else in the summary; with the reason where it is not on the line.

    The finding comes back as it may be stored and shown: UTF-8 throughout, no secret in it.
    """
    change, safe = context.change, _safe(finding, context.redactor)
    file = change.file(finding.path)
    if file is None:
        return safe, None, NO_LINE if finding.path else ""
    if not under_cap:
        return safe, None, OVER_CAP.format(cap=context.config.review.max_comments)
    exact = position(
        change.refs, file, line=finding.line, old_line=finding.old_line, end_line=finding.end_line
    )
    if exact is not None:
        return safe, exact, ""
    whole = file_position(change.refs, file)
    return safe, whole, (ON_FILE if whole else NO_LINE) if finding.line or finding.old_line else ""


def _safe(finding: Finding, redactor: Redactor) -> Finding:
    texts = finding.model_dump(include={"path", "anchor", "title", "detail", "evidence"})
    safe = {name: redactor.redact(shown_path(text)) for name, text in texts.items()}
    keeps = finding.suggestion is not None and not _leaks(finding.suggestion, redactor)
    return finding.model_copy(update={**safe, "suggestion": finding.suggestion if keeps else None})


def _leaks(suggestion: Suggestion, redactor: Redactor) -> bool:
    text = "\n".join((*suggestion.replaces, *suggestion.lines))
    return redactor.redact(shown_path(text)) != text


# --- what a model did not do ---


def _failed(state: ReviewState, kind: str) -> list[Task]:
    return [
        task
        for _, task in sorted(state["tasks"].items())
        if (task["kind"], task["state"]) == (kind, "failed")
    ]


def _not_reviewed(state: ReviewState, context: AgentContext) -> dict[str, str]:
    """By path the reason why a model could not read some part of the file."""
    return {
        shown_path(context.change.files[place].path): task["missing"]
        for task in _failed(state, "review")
        for place, _, _ in task["segments"]
    }


def _failures(state: ReviewState) -> list[str]:
    """A sentence for each reason why a model did not do its part."""
    files: dict[str, set[int]] = {}
    for task in _failed(state, "review"):
        files.setdefault(task["missing"], set()).update(place for place, _, _ in task["segments"])
    claims: Counter[str] = Counter()
    for task in _failed(state, "verify"):
        claims[task["missing"]] += len(task["claims"])
    unread = (
        NOT_REVIEWED.format(files=counted(len(some), "file"), missing=why) for why, some in files.items()
    )
    unsure = (
        NOT_VERIFIED.format(findings=counted(many, "finding"), missing=why) for why, many in claims.items()
    )
    unjudged = (NOT_JUDGED.format(missing=task["missing"]) for task in _failed(state, "ledger"))
    return [*unread, *unsure, *unjudged]


# --- the summary ---


def _summary(
    state: ReviewState,
    context: AgentContext,
    placed: Sequence[Placed],
    coverage: Sequence[Coverage],
    complaints: Sequence[str],
    failures: Sequence[str],
) -> Summary:
    return Summary(
        head=context.request.head,
        findings=tuple(finding for finding, _, _ in placed),
        unplaced=tuple(finding for finding, where, _ in placed if where is None),
        ledger=_ledger_table(state["ledger"], context),
        coverage=tuple(coverage),
        complaints=tuple(complaints),
        failures=tuple(failures),
        checks=tuple(CHECKS),
        left_out=tuple(decision for decision in state["decisions"] if not decision.allowed),
        model=", ".join(dict.fromkeys(state["models"])) or (context.model.name if context.model else ""),
        model_calls=_total(state, "calls"),
        tokens=_total(state, "input") + _total(state, "output"),
        cached_tokens=_total(state, "cached"),
        cost_usd=sum(paid["cost_usd"] for paid in state["spent"]),
    )


def _ledger_table(ledger: Ledger | None, context: AgentContext) -> str:
    issues = {issue.key: issue.url for issue in context.background.issues}
    project, is_known, _ = context.request.web_url.partition(MERGE_REQUEST)
    files = FILES.format(project=project, head=context.request.head) if is_known else ""
    return ledger_table(ledger, issues, files)


def _total(state: ReviewState, kind: str) -> int:
    spent: Sequence[Mapping[str, Any]] = state["spent"]
    return sum(int(paid[kind]) for paid in spent)
