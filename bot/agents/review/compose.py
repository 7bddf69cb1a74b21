"""The words of a review: notes on their lines, a line where something was fixed, one summary, or silence."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.caps import Placed, around_line, placed, safe
from bot.agents.review.coverage import declared
from bot.agents.review.gates import worst_first
from bot.agents.review.nodes import watched
from bot.agents.review.schema import ReviewState, Task
from bot.agents.review.standing import moved
from bot.agents.review.summary import remembered, summary
from bot.agents.spec import AgentContext
from bot.domain.actions import Action, Decision, PostFinding, React, Reply, UpdateFinding, UpsertNote
from bot.domain.change import ChangeSet, shown_path
from bot.domain.findings import Finding
from bot.domain.lifecycle import FIXED, REGRESSED, Course
from bot.domain.markdown import counted, finding_comment, fixed_line, recovery_note, regressed_line
from bot.domain.reviewed import Reviewed
from bot.domain.summary import summary_note

NOT_REVIEWED: Final = "The model did not fully read {files}: {missing}"
NOT_VERIFIED: Final = "No second look was had at {findings}, so not shown: {missing}"
NOT_RECHECKED: Final = "No look was had at what became of {findings} of earlier reviews: {missing}"
NOT_JUDGED: Final = "The model did not judge the acceptance criteria: {missing}"
CLEAN: Final = "thumbsup"

Update = dict[str, Any]


async def compose(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Turn new findings into notes, what became of earlier ones into replies, and all that is open into one summary.

    Where there is nothing to say, one reaction says that.
    """
    context, course = runtime.context, state["course"]
    new = placed(state["shown"], state["demoted"], course, context)
    standing = [safe(one, context.redactor) for one in course.standing]
    failures = _failures(state)
    told: ReviewState = {
        **state,
        "shown": worst_first([*standing, *(one.finding for one in new)]),
        "coverage": declared(state["coverage"], _not_reviewed(state, context)),
        "complaints": [*state["complaints"], *failures],
        "failures": failures,
    }
    listed = worst_first(
        [*_without_thread(standing, context), *(one.finding for one in new if not one.where)]
    )
    reviewed = remembered(told, context, new, listed)
    note = _note(told, context, listed, reviewed)
    posts, updates, replies = map(_post, new), _updates(state, context), _replies(course, context)
    return {
        "actions": [*posts, *updates, *replies, note, *_recovery(context), *_reaction(context, note.create)],
        "shown": told["shown"],
        "decisions": [_decision(one) for one in new if one.reason],
        "coverage": told["coverage"],
        "complaints": told["complaints"],
        "failures": failures,
        "reviewed": reviewed,
    }


def _note(
    state: ReviewState, context: AgentContext, listed: Sequence[Finding], reviewed: Reviewed
) -> UpsertNote:
    return UpsertNote(
        key="summary",
        body=summary_note(summary(state, context, listed)),
        create=_speaks(state, context),
        ledger=state["ledger"],
        reviewed=reviewed,
    )


def _speaks(state: ReviewState, context: AgentContext) -> bool:
    """Whether there is anything to say. An outdated finding's thread is still open, so all is not well."""
    said = state["shown"] or state["course"].outdated or state["complaints"] or state["ledger"]
    return bool(said) or _left_out(watched(context))


def _without_thread(standing: Sequence[Finding], context: AgentContext) -> list[Finding]:
    threads = {known.key for known in context.known if known.thread}
    return [one for one in standing if one.fingerprint not in threads]


def _left_out(change: ChangeSet) -> bool:
    """Whether text that people wrote was not read: then silence would say more than we know."""
    return any(file.unread and not file.generated and not file.binary for file in change.files)


# --- what is written ---


def _post(one: Placed) -> PostFinding:
    finding = one.finding
    return PostFinding(
        key=finding.fingerprint,
        finding=finding,
        body=finding_comment(finding),
        position=one.where,
        around=one.around,
    )


def _decision(one: Placed) -> Decision:
    return Decision(key=one.finding.fingerprint, allowed=True, reason=one.reason)


def _updates(state: ReviewState, context: AgentContext) -> Iterator[UpdateFinding]:
    """Of the findings whose line reads otherwise than it did, so that the next review knows them again.

    Of those that do not stand and of which a model cannot tell, so that it is not asked again about the same lines.
    """
    course, redactor = state["course"], context.redactor
    for finding in course.standing:
        if finding.fingerprint in course.rewritten:
            now, around = safe(finding, redactor), around_line(finding, context)
            yield UpdateFinding(key=finding.fingerprint, finding=now, around=around)
    for known in context.known:
        if around := state["looked_at"].get(known.key, ""):
            now = safe(moved(known.finding, state["places"][known.key]), redactor)
            yield UpdateFinding(key=known.key, finding=now, around=around)


def _replies(course: Course, context: AgentContext) -> Iterator[Reply]:
    """One line in the thread of what was fixed, which is closed, and of what came back, which is opened again."""
    for known in context.known:
        fixed, back = course.fixed.get(known.key), course.back.get(known.key)
        if known.thread and fixed:
            key, body = FIXED.format(finding=known.key, commit=fixed), fixed_line(fixed)
            yield Reply(key=key, thread=known.thread, finding=known.key, resolves=True, body=body)
        elif known.thread and back:
            key, body = REGRESSED.format(finding=known.key, commit=back), regressed_line(back)
            yield Reply(key=key, thread=known.thread, finding=known.key, resolves=False, body=body)


def _recovery(context: AgentContext) -> Iterator[UpsertNote]:
    """An earlier failure's note is made true again."""
    if context.failed_before:
        yield UpsertNote(key="failure", body=recovery_note(context.request.head), create=False)


def _reaction(context: AgentContext, speaks: bool) -> Iterator[Action]:
    if not speaks:
        yield React(key="clean", emoji=CLEAN)
    elif not context.is_first:
        yield React(key="clean", emoji=None, instead_of=CLEAN)


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
    return [
        *(NOT_REVIEWED.format(files=counted(len(some), "file"), missing=why) for why, some in files.items()),
        *_not_looked_at(state, "verify", NOT_VERIFIED),
        *_not_looked_at(state, "recheck", NOT_RECHECKED),
        *(NOT_JUDGED.format(missing=task["missing"]) for task in _failed(state, "ledger")),
    ]


def _not_looked_at(state: ReviewState, kind: str, sentence: str) -> Iterator[str]:
    findings: Counter[str] = Counter()
    for task in _failed(state, kind):
        findings[task["missing"]] += len(task["claims"])
    for why, many in findings.items():
        yield sentence.format(findings=counted(many, "finding"), missing=why)
