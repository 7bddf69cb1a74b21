"""The steps of a review: what is covered, what the checks find, which of it is shown and where, and the words."""

from collections.abc import Sequence
from typing import Final

from langgraph.runtime import Runtime

from bot.agents.review.checks import CHECKS
from bot.agents.review.checks.contract import CheckSkipped
from bot.agents.review.schema import ReviewState
from bot.agents.spec import AgentContext
from bot.domain.actions import Action, Coverage, Decision, Position, PostFinding, React, UpsertNote
from bot.domain.change import ChangeSet, FileChange, shown_path
from bot.domain.findings import Finding, Severity, Suggestion, identified
from bot.domain.markdown import Summary, finding_comment, recovery_note, summary_note
from bot.domain.positions import file_position, position
from bot.domain.secrets import Redactor

IGNORED = "ignored by .trivet.yml"
BINARY = "binary: its text was not read, its size was"
SUBMODULE = "a submodule: only its commit changes"
TOO_MILD = "milder than min_severity ({floor})"
OVER_CAP = "more than max_comments ({cap}): shown in the summary"
NO_LINE = "GitLab has no place for the line: shown in the summary"
ON_FILE = "GitLab has no place for the line: shown on the file"
TOO_MANY = "more than {most} findings: the worst are shown"
MOST_FINDINGS: Final = 50
CLEAN: Final = "thumbsup"

Placed = tuple[Finding, Position | None, str]
SUBMODULE_MODE: Final = "160000"


async def cover(state: ReviewState, runtime: Runtime[AgentContext]) -> dict[str, object]:
    """Every changed file: read, or the reason why not."""
    context = runtime.context
    coverage = [_covered(file, context) for file in context.change.files]
    complaints = [*context.complaints, *([context.change.omitted] if context.change.omitted else [])]
    return {"coverage": coverage, "complaints": complaints}


async def check(state: ReviewState, runtime: Runtime[AgentContext]) -> dict[str, object]:
    """Run every check on the files that are not ignored; one that cannot run is a complaint, not a failure.

    What keeps several of them from running, a repository that cannot be read, is complained of once.
    """
    context = runtime.context
    change = _watched(context)
    found: list[Finding] = []
    complaints = list(state["complaints"])
    for name, run in CHECKS.items():
        try:
            found += run(change, context.snapshot, context.redactor)
        except CheckSkipped as skipped:
            found += skipped.findings
            complaints += [] if str(skipped.__cause__) in complaints else [f"{name}: {skipped}"]
    return {"found": identified(found), "complaints": complaints}


async def gate(state: ReviewState, runtime: Runtime[AgentContext]) -> dict[str, object]:
    """Mark what is not shown, with the reason; what is shown comes worst first."""
    floor = runtime.context.config.review.min_severity
    ranked = sorted(state["found"], key=lambda one: (-one.severity.rank, one.path, one.line or 0))
    shown: list[Finding] = []
    decisions: list[Decision] = []
    for finding in ranked:
        reason = _kept_back(finding, floor, len(shown))
        if reason:
            decisions.append(Decision(key=finding.fingerprint, allowed=False, reason=reason))
        else:
            shown.append(finding)
    return {"shown": shown, "decisions": decisions}


async def compose(state: ReviewState, runtime: Runtime[AgentContext]) -> dict[str, object]:
    """Turn findings into notes on their lines and one summary, or silence into one reaction."""
    context = runtime.context
    cap = context.config.review.max_comments
    placed = [_placed(finding, context, rank < cap, cap) for rank, finding in enumerate(state["shown"])]
    posts = [
        PostFinding(key=one.fingerprint, finding=one, body=finding_comment(one), position=where)
        for one, where, _ in placed
    ]
    moved = [Decision(key=one.fingerprint, allowed=True, reason=why) for one, _, why in placed if why]
    shown = [finding for finding, _, _ in placed]
    summary = summary_note(_summary(state, context, placed))
    speaks = bool(posts or state["complaints"] or _left_out(_watched(context)))
    actions: list[Action] = [*posts, UpsertNote(key="summary", body=summary, create=speaks)]
    if context.failed_before:
        body = recovery_note(context.request.head)
        actions.append(UpsertNote(key="failure", body=body, create=False))
    if not speaks:
        actions.append(React(key="clean", emoji=CLEAN))
    elif not context.is_first:
        actions.append(React(key="clean", emoji=None, instead_of=CLEAN))
    return {"actions": actions, "shown": shown, "decisions": [*state["decisions"], *moved]}


def _covered(file: FileChange, context: AgentContext) -> Coverage:
    reasons = (
        (context.config.is_ignored(file.path), IGNORED),
        (SUBMODULE_MODE in (file.old_mode, file.new_mode), SUBMODULE),
        (file.binary, BINARY),
        (file.unread is not None, file.unread or ""),
    )
    reason = next((text for applies, text in reasons if applies), "")
    return Coverage(path=shown_path(file.path), read=not reason, reason=reason)


def _left_out(change: ChangeSet) -> bool:
    """Whether text that people wrote was not read: then silence would say more than we know."""
    return any(file.unread and not file.generated and not file.binary for file in change.files)


def _watched(context: AgentContext) -> ChangeSet:
    files = tuple(file for file in context.change.files if not context.config.is_ignored(file.path))
    return ChangeSet(context.change.refs, files, context.change.omitted)


def _kept_back(finding: Finding, floor: Severity, shown: int) -> str:
    if not finding.severity.at_least(floor):
        return TOO_MILD.format(floor=floor.value)
    return TOO_MANY.format(most=MOST_FINDINGS) if shown >= MOST_FINDINGS else ""


def _placed(finding: Finding, context: AgentContext, under_cap: bool, cap: int) -> Placed:
    """On its line, else on its file, else in the summary; with the reason where it is not on the line.

    The finding comes back as it may be stored and shown: UTF-8 throughout, no secret in it.
    """
    change, safe = context.change, _safe(finding, context.redactor)
    file = change.file(finding.path)
    if not under_cap:
        return safe, None, OVER_CAP.format(cap=cap)
    if file is None:
        return safe, None, NO_LINE
    exact = position(
        change.refs, file, line=finding.line, old_line=finding.old_line, end_line=finding.end_line
    )
    if exact is not None:
        return safe, exact, ""
    whole = file_position(change.refs, file)
    return safe, whole, (ON_FILE if whole else NO_LINE) if finding.line else ""


def _safe(finding: Finding, redactor: Redactor) -> Finding:
    texts = finding.model_dump(include={"path", "anchor", "title", "detail", "evidence"})
    safe = {name: redactor.redact(shown_path(text)) for name, text in texts.items()}
    keeps = finding.suggestion is not None and not _leaks(finding.suggestion, redactor)
    return finding.model_copy(update={**safe, "suggestion": finding.suggestion if keeps else None})


def _leaks(suggestion: Suggestion, redactor: Redactor) -> bool:
    text = "\n".join((*suggestion.replaces, *suggestion.lines))
    return redactor.redact(shown_path(text)) != text


def _summary(state: ReviewState, context: AgentContext, placed: Sequence[Placed]) -> Summary:
    return Summary(
        head=context.request.head,
        findings=tuple(finding for finding, _, _ in placed),
        unplaced=tuple(finding for finding, where, _ in placed if where is None),
        coverage=tuple(state["coverage"]),
        complaints=tuple(state["complaints"]),
        checks=tuple(CHECKS),
        kept_back=sum(not decision.allowed for decision in state["decisions"]),
    )
