"""One turn of the model: its answer, what it wants to read, or a failure that is told."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.reading import MOST_CHARACTERS, answer
from bot.agents.spec import TriageContext
from bot.agents.triage.prompting import MOST_CALLS, prompt, room, the_model
from bot.agents.triage.schema import QuestionAnswer, TriageAnswer, TriageState, Update
from bot.agents.triage.words import safe
from bot.domain.secrets import Redactor
from bot.errors import ModelFault, TooLong, Unavailable
from bot.llm.budget import most_tokens
from bot.llm.messages import Called, Message, Told, ToolCall, Turn, Usage

READS = "{model} reads the issue"
TOO_LONG = "the issue does not fit the model's window"
NO_ANSWER = "the model gave no answer"
FAILED = "The model did not do its part ({parts}): {reason}"
NOT_ANSWERED = "not answered: ask for at most {most} things in one turn"
MOST_CALLS_KEPT: Final = 20  # of one turn
MOST_ARGUMENTS: Final = 10
LONGEST_NAME: Final = 100  # characters
LONGEST_ARGUMENT: Final = 4_000
LARGEST: Final = 2**53


async def ask(state: TriageState, runtime: Runtime[TriageContext]) -> Update:
    """Raises Unavailable where the model is out for the moment and the run can wait."""
    context = runtime.context
    model = the_model(context)
    await asyncio.to_thread(context.still_wanted)
    context.tell(READS.format(model=model.name))
    words = await asyncio.to_thread(prompt, context, state["asks"], state["read"], hurried=state["hurried"])
    if most_tokens(words) > model.window:
        return _too_long(state)
    try:
        turn = await model.turn(words)
    except TooLong as error:
        return _too_long(state) | _paid(error.usage)
    except ModelFault as error:
        return _failed(state, str(error)) | _paid(error.usage)
    except Unavailable as error:
        if context.can_wait:
            raise
        return _failed(state, str(error)) | _paid(error.usage)
    if turn.calls and not words.must_answer:
        told = await asyncio.to_thread(_told, turn, context, room(context, words) // 2)
        return {"read": [*state["read"], *told]} | _paid(turn.usage, turn.model)
    return _answered(state, turn) | _paid(turn.usage, turn.model)


def _answered(state: TriageState, turn: Turn) -> Update:
    if isinstance(turn.answer, TriageAnswer | QuestionAnswer):
        return {"answer": turn.answer, "asked": True}
    return _failed(state, NO_ANSWER)


def _failed(state: TriageState, reason: str) -> Update:
    return {"asked": True, "failures": [FAILED.format(parts=", ".join(state["asks"]), reason=reason)]}


def _too_long(state: TriageState) -> Update:
    """Once more without what was read."""
    return {"read": [], "hurried": True} if state["read"] else _failed(state, TOO_LONG)


def _paid(usage: Usage | None, model: str = "") -> Update:
    return {"spent": [usage] if usage else [], "models": [model] if model else []}


# --- reading ---


def _told(turn: Turn, context: TriageContext, most: int) -> Sequence[Message]:
    """The turn and its answers, in at most so many characters together."""
    calls = [_sendable(call, context.redactor) for call in turn.calls[:MOST_CALLS_KEPT]]
    each = min(MOST_CHARACTERS, most // min(len(calls), MOST_CALLS))
    texts = [_read(call, context, each) for call in calls[:MOST_CALLS]]
    texts += [NOT_ANSWERED.format(most=MOST_CALLS)] * len(calls[MOST_CALLS:])
    told = [Told(call.id, text) for call, text in zip(calls, texts, strict=True)]
    return [Called(tuple(calls)), *told]


def _read(call: ToolCall, context: TriageContext, most: int) -> str:
    if context.code is None:
        raise AssertionError("without code there are no tools")
    return answer(call.name, call.arguments, context.code.snapshot, context.redactor, most)


def _sendable(call: ToolCall, redactor: Redactor) -> ToolCall:
    """The call as it may be sent back: flat, bounded, of whole characters."""
    arguments = {
        safe(name[:LONGEST_NAME], redactor): _argument(value, redactor)
        for name, value in islice(call.arguments.items(), MOST_ARGUMENTS)
    }
    name = safe(call.name[:LONGEST_NAME], redactor)
    return ToolCall(call.id[:LONGEST_NAME], name, arguments)


def _argument(value: Any, redactor: Redactor) -> str | int | None:
    if isinstance(value, int):
        return max(-LARGEST, min(value, LARGEST))
    return None if value is None else safe(str(value)[:LONGEST_ARGUMENT], redactor)
