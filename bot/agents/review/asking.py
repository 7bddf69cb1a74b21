"""One model turn: the prompt, the answer or the tools it asks for, and what is said where there is neither."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.keepable import LONGEST_TEXT, keepable
from bot.agents.review.ledger import heard
from bot.agents.review.prompting import ledger_prompt, review_prompt, verify_prompt
from bot.agents.review.recheck import near, recheck_prompt, rechecked
from bot.agents.review.schema import (
    LedgerAnswer,
    RecheckAnswer,
    ReportedFinding,
    ReviewAnswer,
    Segment,
    Task,
    TaskKind,
    Verdict,
    VerifyAnswer,
    Work,
)
from bot.agents.review.units import around, halves
from bot.agents.shown import safe_text
from bot.agents.spec import AgentContext
from bot.agents.spending import paid
from bot.agents.tool_turns import kept_calls
from bot.domain.actions import Decision
from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, OverBudget, TooLong, Unavailable, Unusable
from bot.llm.budget import most_tokens
from bot.llm.messages import Prompt, Turn

TOO_LONG = "it does not fit the model's window"
NO_ANSWER = "the model gave no answer"
FLOOD = "more than {most} findings in one answer"
NO_VERDICT = "the second look said nothing of it"
VERDICTS: Final = {
    "confirmed": "",
    "refuted": "refuted in the second look: {reason}",
    "unsure": "the second look could not decide it: {reason}",
}
"""Why a claim is not shown, by verdict; "" where it is."""

PIECE: Final = "."  # in the id of a task that took part of a longer one's place
MOST_CUTS: Final = 3  # in two: where an eighth of a unit is too long, it is not the diff that takes the room
MOST_REPORTED: Final = 30  # findings of one answer, the gravest
LONGEST_REASON: Final = 300

Update = dict[str, Any]


async def ask(state: Work, runtime: Runtime[AgentContext]) -> Update:
    """Take one turn of one task. A model that is out for the moment leaves the task open, for `settle` to judge.

    What does not fit the window is not sent: some servers would cut it without a word.
    """
    context, task = runtime.context, state["task"]
    if context.model is None:
        raise AssertionError("a task needs a model")
    await asyncio.to_thread(context.still_wanted)
    prompt = await asyncio.to_thread(_prompt, context, state)
    if most_tokens(prompt) > context.model.window:
        return _split(state, context)
    try:
        turn = await context.model.turn(prompt)
    except TooLong as error:
        return _split(state, context) | paid(error.usage)
    except (Unusable, Declined, OverBudget, NoModel) as error:
        return _failed(task, str(error)) | paid(error.usage)
    except Unavailable as error:
        return _later(task, context, error) | paid(error.usage)
    if turn.calls and not prompt.must_answer:
        return _goes_on(task, turn, context.redactor) | paid(turn.usage, turn.model)
    return _answered(state, turn, context) | paid(turn.usage, turn.model)


def _prompt(context: AgentContext, work: Work) -> Prompt:
    match work["task"]["kind"]:
        case "verify":
            return verify_prompt(context, work)
        case "recheck":
            return recheck_prompt(context, work)
        case "ledger":
            return ledger_prompt(context, work["task"])
        case "review":
            return review_prompt(context, work["task"])


def _updated(task: Task, **changes: Any) -> Update:
    return {"tasks": {task["id"]: {**task, **changes}}}


def _goes_on(task: Task, turn: Turn, redactor: Redactor) -> Update:
    return _updated(task, turns=[*task["turns"], kept_calls(turn.calls, redactor)], tried="")


def _answered(work: Work, turn: Turn, context: AgentContext) -> Update:
    task = work["task"]
    if isinstance(turn.answer, VerifyAnswer):
        return _updated(task, state="done") | {"verdicts": _verdicts(work, turn.answer, context.redactor)}
    if isinstance(turn.answer, RecheckAnswer):
        said = rechecked(turn.answer, work["claims"], context.redactor)
        return _updated(task, state="done") | {"rechecked": said}
    if isinstance(turn.answer, LedgerAnswer):
        return _updated(task, state="done") | heard(turn.answer, context)
    if isinstance(turn.answer, ReviewAnswer):
        worst = sorted(turn.answer.findings, key=lambda one: -one.severity.rank)
        reported = [_reported(one, context.redactor) for one in worst[:MOST_REPORTED]]
        decisions = [_beyond(one, task, context.redactor) for one in worst[MOST_REPORTED:]]
        return _updated(task, state="done") | {"reported": {task["id"]: reported}, "decisions": decisions}
    return _failed(task, NO_ANSWER)


def _reported(one: ReportedFinding, redactor: Redactor) -> dict[str, object]:
    """As it may be kept. A suggestion goes into a file as it is: one that cannot be kept as it is goes."""
    edit = one.suggestion
    if edit and (
        len(edit.replacement) > LONGEST_TEXT or safe_text(edit.replacement, redactor) != edit.replacement
    ):
        one = one.model_copy(update={"suggestion": None})
    kept: dict[str, object] = keepable(one.model_dump(mode="json"), redactor)
    return kept


def _beyond(one: ReportedFinding, task: Task, redactor: Redactor) -> Decision:
    title, path = (safe_text(text[:LONGEST_REASON], redactor) for text in (one.title, one.path))
    key = hashlib.sha256(f"{task['id']}\0{path}\0{one.line}\0{title}".encode()).hexdigest()[:32]
    reason = FLOOD.format(most=MOST_REPORTED)
    return Decision(key=key, allowed=False, reason=reason, about=f"{title} ({path}:{one.line})")


def _verdicts(work: Work, answer: VerifyAnswer, redactor: Redactor) -> dict[str, str]:
    """By fingerprint: "" where confirmed, else why not. The last word on a claim counts."""
    said = {one.claim: _why_not(one, redactor) for one in answer.verdicts}
    return {claim.fingerprint: said.get(number, NO_VERDICT) for number, claim in enumerate(work["claims"], 1)}


def _why_not(said: Verdict, redactor: Redactor) -> str:
    reason = " ".join(safe_text(said.reason[:LONGEST_TEXT], redactor).split())
    return VERDICTS[said.verdict].format(reason=reason[:LONGEST_REASON])


def _failed(task: Task, sentence: str) -> Update:
    return _updated(task, state="failed", missing=sentence)


def _later(task: Task, context: AgentContext, error: Unavailable) -> Update:
    if not context.can_wait:
        return _failed(task, str(error))
    return _updated(task, tried=context.attempt, missing=str(error))


def _split(work: Work, context: AgentContext) -> Update:
    """Once more without what was read besides; else two smaller tasks in its place; what is smallest has failed."""
    task = work["task"]
    if task["turns"]:
        return _updated(task, turns=[], hurried=True)
    parts = _parts(work, context) if task["id"].count(PIECE) < MOST_CUTS else []
    smaller = [
        new_task(f"{task['id']}{PIECE}{number}", task["kind"], segments=segments, claims=claims)
        for number, (segments, claims) in enumerate(parts, 1)
    ]
    if not smaller:
        return _failed(task, TOO_LONG)
    return {"tasks": {task["id"]: {**task, "state": "split"}, **{one["id"]: one for one in smaller}}}


def _parts(work: Work, context: AgentContext) -> list[tuple[list[Segment], list[str]]]:
    """Segments and claims of each part. The criteria are judged by a smaller part of the change, as one task."""
    claims, middle = work["claims"], len(work["claims"]) // 2
    segments, kind = work["task"]["segments"], work["task"]["kind"]
    if kind == "ledger":
        return [((halves(context.change, segments) or [[]])[0], [])] if segments else []
    if not claims:
        return [(part, []) for part in halves(context.change, segments)]
    parts = [claims[:middle], claims[middle:]] if middle else []
    beside = near if kind == "recheck" else around
    return [(beside(context.change, part), [one.fingerprint for one in part]) for part in parts]


def new_task(name: str, kind: TaskKind, *, segments: Sequence[Segment], claims: Sequence[str] = ()) -> Task:
    return Task(
        id=name,
        kind=kind,
        segments=list(segments),
        claims=list(claims),
        turns=[],
        state="open",
        missing="",
        tried="",
        hurried=False,
    )
