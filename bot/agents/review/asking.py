"""One model turn: the prompt, the answer or the tools it asks for, and what is said where there is neither."""

import asyncio
import hashlib
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.diff_text import safe_text
from bot.agents.review.ledger import heard
from bot.agents.review.prompting import ledger_prompt, review_prompt, verify_prompt
from bot.agents.review.schema import (
    Call,
    LedgerAnswer,
    ReportedFinding,
    ReviewAnswer,
    Segment,
    Spent,
    Task,
    TaskKind,
    Verdict,
    VerifyAnswer,
    Work,
)
from bot.agents.review.units import around, halves
from bot.agents.spec import AgentContext
from bot.domain.actions import Decision
from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, OverBudget, TooLong, Unavailable, Unusable
from bot.llm.budget import most_tokens
from bot.llm.messages import Prompt, ToolCall, Turn, Usage

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
MOST_CALLS: Final = 20  # tool calls of one turn that are kept
MOST_ITEMS: Final = 20  # of a list or an object that a model sent
DEPTH: Final = 3  # of lists and objects in one another
LONGEST_NAME: Final = 100  # characters
LONGEST_REASON: Final = 300
LONGEST_TEXT: Final = 10_000
LARGEST: Final = 2**53

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
        return _split(state, context) | _paid(error.usage)
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
    if work["task"]["kind"] == "ledger":
        return ledger_prompt(context, work["task"])
    return review_prompt(context, work["task"])


def _updated(task: Task, **changes: Any) -> Update:
    return {"tasks": {task["id"]: {**task, **changes}}}


def _goes_on(task: Task, turn: Turn, redactor: Redactor) -> Update:
    calls = [_call(call, redactor) for call in turn.calls[:MOST_CALLS]]
    return _updated(task, turns=[*task["turns"], calls], tried="")


def _call(call: ToolCall, redactor: Redactor) -> Call:
    """What is needed to answer the call again."""
    name = safe_text(call.name[:LONGEST_NAME], redactor)
    return Call(id=call.id[:LONGEST_NAME], name=name, arguments=_keepable(call.arguments, redactor))


def _keepable(value: Any, redactor: Redactor, depth: int = DEPTH) -> Any:
    """What a model said as it may be kept: no secret, nothing longer than any use of it, numbers msgpack can hold."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(-LARGEST, min(value, LARGEST))
    if isinstance(value, list):
        return [_keepable(one, redactor, depth - 1) for one in value[:MOST_ITEMS]] if depth else []
    if isinstance(value, dict):
        items = islice(value.items() if depth else (), MOST_ITEMS)
        return {
            safe_text(str(name)[:LONGEST_NAME], redactor): _keepable(one, redactor, depth - 1)
            for name, one in items
        }
    return safe_text(str(value)[:LONGEST_TEXT], redactor)


def _answered(work: Work, turn: Turn, context: AgentContext) -> Update:
    task = work["task"]
    if isinstance(turn.answer, VerifyAnswer):
        return _updated(task, state="done") | {"verdicts": _verdicts(work, turn.answer, context.redactor)}
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
    kept: dict[str, object] = _keepable(one.model_dump(mode="json"), redactor)
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
    segments = work["task"]["segments"]
    if work["task"]["kind"] == "ledger":
        return [((halves(context.change, segments) or [[]])[0], [])] if segments else []
    if not claims:
        return [(part, []) for part in halves(context.change, segments)]
    parts = [claims[:middle], claims[middle:]] if middle else []
    return [(around(context.change, part), [one.fingerprint for one in part]) for part in parts]


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
