"""One turn of the model: its answer, what it wants to read, or a failure that is told."""

import asyncio

from langgraph.graph import END
from langgraph.runtime import Runtime

from bot.agents.keepable import keepable
from bot.agents.shown import safe_text
from bot.agents.spec import TriageContext
from bot.agents.spending import paid
from bot.agents.tool_turns import kept_calls
from bot.agents.triage.prompting import prompt, the_model
from bot.agents.triage.schema import QuestionAnswer, TriageAnswer, TriageState, Update
from bot.errors import ModelFault, TooLong, Unavailable
from bot.llm.budget import most_tokens
from bot.llm.messages import Turn

READS = "{model} reads the issue"
TOO_LONG = "the issue does not fit the model's window"
NO_ANSWER = "the model gave no answer"
FAILED = "The model did not do its part ({parts}): {reason}"


async def ask(state: TriageState, runtime: Runtime[TriageContext]) -> Update:
    """Raises Unavailable where the model is out for the moment and the run can wait, or where the repository is."""
    context = runtime.context
    model = the_model(context)
    await asyncio.to_thread(context.still_wanted)
    context.tell(READS.format(model=model.name))
    words = await asyncio.to_thread(prompt, context, state["asks"], state["turns"], hurried=state["hurried"])
    if most_tokens(words) > model.window:
        return _too_long(state, context)
    try:
        turn = await model.turn(words)
    except TooLong as error:
        return _too_long(state, context) | paid(error.usage)
    except ModelFault as error:
        return _failed(state, str(error), context) | paid(error.usage)
    except Unavailable as error:
        if context.can_wait:
            raise
        return _failed(state, str(error), context) | paid(error.usage)
    if turn.calls and not words.must_answer:
        return {"turns": [kept_calls(turn.calls, context.redactor)]} | paid(turn.usage, turn.model)
    return _answered(state, turn, context) | paid(turn.usage, turn.model)


def after_ask(state: TriageState) -> str:
    return END if state["answer"] or state["failures"] else "ask"


def _answered(state: TriageState, turn: Turn, context: TriageContext) -> Update:
    if isinstance(turn.answer, TriageAnswer | QuestionAnswer):
        return {"answer": keepable(turn.answer.model_dump(mode="json"), context.redactor)}
    return _failed(state, NO_ANSWER, context)


def _failed(state: TriageState, reason: str, context: TriageContext) -> Update:
    said = safe_text(reason, context.redactor)
    return {"failures": [FAILED.format(parts=", ".join(state["asks"]), reason=said)]}


def _too_long(state: TriageState, context: TriageContext) -> Update:
    """Once more without what was read."""
    may_leave_out = state["turns"] and not state["hurried"]
    return {"hurried": True} if may_leave_out else _failed(state, TOO_LONG, context)
