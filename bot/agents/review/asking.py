"""One model turn: the prompt, the answer or the tools it asks for, and what is said where there is neither."""

import asyncio
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.diff_text import safe_text
from bot.agents.review.prompting import review_prompt, verify_prompt
from bot.agents.review.schema import (
    Call,
    ReportedFinding,
    ReviewAnswer,
    Spent,
    Task,
    VerifyAnswer,
    Work,
)
from bot.agents.review.units import halves
from bot.agents.spec import AgentContext
from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, OverBudget, TooLong, Unavailable, Unusable
from bot.llm.messages import Prompt, ToolCall, Turn, Usage

MOST_REPORTED: Final = 30  # findings of one answer, the gravest
LONGEST_ARGUMENT: Final = 500  # characters of a tool call that are kept
MOST_ARGUMENTS: Final = 8

TOO_LONG = "does not fit the model's window"
NOT_CONFIRMED = "the second look could not decide it: {reason}"
REFUTED = "refuted in the second look: {reason}"
NO_VERDICT = "the second look said nothing of it"
CONFIRMED: Final = ""

Update = dict[str, Any]


async def ask(state: Work, runtime: Runtime[AgentContext]) -> Update:
    """Take one turn of one task. A model that is out for the moment leaves the task open, for `settle` to judge."""
    context, task = runtime.context, state["task"]
    if context.model is None:
        raise AssertionError("a task needs a model")
    await asyncio.to_thread(context.still_wanted)
    prompt = await asyncio.to_thread(_prompt, context, state)
    try:
        turn = await context.model.turn(prompt)
    except TooLong as error:
        return _split(task, context) | _paid(error.usage)
    except (Unusable, Declined, OverBudget, NoModel) as error:
        return _failed(task, str(error)) | _paid(error.usage)
    except Unavailable as error:
        return _later(task, context, error) | _paid(error.usage)
    if turn.calls and not prompt.must_answer:
        return _goes_on(task, turn, context.redactor) | _paid(turn.usage, turn.model)
    return _answered(state, turn, context) | _paid(turn.usage, turn.model)


def _prompt(context: AgentContext, work: Work) -> Prompt:
    if work["task"]["kind"] == "verify":
        return verify_prompt(context, work)
    return review_prompt(context, work["task"])


def _updated(task: Task, **changes: Any) -> Update:
    return {"tasks": {task["id"]: {**task, **changes}}}


def _goes_on(task: Task, turn: Turn, redactor: Redactor) -> Update:
    calls = [_kept(call, redactor) for call in turn.calls]
    return _updated(task, turns=[*task["turns"], calls], tried="")


def _kept(call: ToolCall, redactor: Redactor) -> Call:
    """What is needed to answer the call again. A model may say anything: short texts and numbers are kept."""
    arguments = {
        safe_text(str(name), redactor)[:LONGEST_ARGUMENT]: _plain(value, redactor)
        for name, value in list(call.arguments.items())[:MOST_ARGUMENTS]
    }
    return Call(id=call.id[:100], name=safe_text(call.name, redactor)[:100], arguments=arguments)


def _plain(value: object, redactor: Redactor) -> object:
    if isinstance(value, bool | int | float | None):
        return value if abs(value or 0) < 2**53 else str(value)[:LONGEST_ARGUMENT]
    return safe_text(str(value), redactor)[:LONGEST_ARGUMENT]


def _answered(work: Work, turn: Turn, context: AgentContext) -> Update:
    task = work["task"]
    if isinstance(turn.answer, VerifyAnswer):
        return _updated(task, state="done") | {"verdicts": _verdicts(work, turn.answer, context.redactor)}
    if isinstance(turn.answer, ReviewAnswer):
        worst = sorted(turn.answer.findings, key=lambda one: -one.severity.rank)[:MOST_REPORTED]
        return _updated(task, state="done") | {
            "reported": {task["id"]: [_safe(one, context) for one in worst]}
        }
    return _failed(task, "the model gave no answer")


def _safe(one: ReportedFinding, context: AgentContext) -> dict[str, object]:
    """As it may be kept: without secrets, and no longer than anything we would show."""

    def safe(value: Any) -> Any:
        if isinstance(value, str):
            return safe_text(value[:10_000], context.redactor)
        if isinstance(value, list):
            return [safe(inner) for inner in value[:20]]
        return {name: safe(inner) for name, inner in value.items()} if isinstance(value, dict) else value

    kept: dict[str, object] = safe(one.model_dump(mode="json"))
    return kept


def _verdicts(work: Work, answer: VerifyAnswer, redactor: Redactor) -> dict[str, str]:
    """By fingerprint: "" where confirmed, else why not. The last word on a claim counts."""
    said = {one.claim: one for one in answer.verdicts}
    return {
        claim.fingerprint: _why_not(said[number].verdict, safe_text(said[number].reason[:600], redactor))
        if number in said
        else NO_VERDICT
        for number, claim in enumerate(work["claims"], 1)
    }


def _why_not(verdict: str, reason: str) -> str:
    short = " ".join(reason.split())[:300]
    return {"confirmed": CONFIRMED, "refuted": REFUTED.format(reason=short)}.get(
        verdict, NOT_CONFIRMED.format(reason=short)
    )


def _failed(task: Task, sentence: str) -> Update:
    return _updated(task, state="failed", missing=sentence)


def _later(task: Task, context: AgentContext, error: Unavailable) -> Update:
    if not context.can_wait:
        return _failed(task, str(error))
    return _updated(task, tried=context.attempt, missing=str(error))


def _split(task: Task, context: AgentContext) -> Update:
    """Two smaller tasks in its place, from the beginning; what cannot be smaller has failed."""
    parts = halves(context.change, task["segments"]) if task["kind"] == "review" else []
    if not parts:
        return _failed(task, TOO_LONG)
    smaller = {
        f"{task['id']}.{number}": new_task(f"{task['id']}.{number}", "review", segments=part)
        for number, part in enumerate(parts, 1)
    }
    return {"tasks": {task["id"]: {**task, "state": "split"}, **smaller}}


def new_task(name: str, kind: Any, *, segments: Any = (), claims: Any = ()) -> Task:
    return Task(
        id=name,
        kind=kind,
        segments=list(segments),
        claims=list(claims),
        turns=[],
        state="open",
        missing="",
        tried="",
    )


def _paid(usage: Usage | None, model: str = "") -> Update:
    spent = [_spent(usage)] if usage and usage.calls else []
    return {"spent": spent, "models": [model] if model else []}


def _spent(usage: Usage) -> Spent:
    return Spent(
        calls=usage.calls,
        input=usage.input,
        output=usage.output,
        cached=usage.cached,
        cost_usd=usage.cost_usd,
    )
