"""One turn of the model: its answer, what it wants to read, or a failure that is told."""

import asyncio
import hashlib
import json

from langgraph.graph import END
from langgraph.runtime import Runtime

from bot.agents.ask.prompting import prompt, the_model
from bot.agents.ask.schema import Answer, AskState, ReplyAnswer, Update
from bot.agents.keepable import keepable
from bot.agents.shown import safe_text
from bot.agents.spec import AskContext
from bot.agents.spending import paid
from bot.agents.tool_turns import kept_calls
from bot.errors import ModelFault, TooLong, Unavailable
from bot.llm.budget import most_tokens
from bot.llm.messages import Turn

READS = "{model} reads what was asked"
LONG = "the question does not fit the model's window"
NO_ANSWER = "the model gave no answer"
FAILED = "The model did not answer: {reason}"


def question(context: AskContext) -> str:
    """The digest of what is asked: the note as it reads, the thread and the commit it is answered from."""
    said = [[note.id, note.body] for note in context.said]
    asked = [context.name, context.text, context.note, context.request.head, said]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


async def ask(state: AskState, runtime: Runtime[AskContext]) -> Update:
    """Raises Unavailable where the model is out for the moment and the run can wait, else PlatformError."""
    context = runtime.context
    model = the_model(context)
    await asyncio.to_thread(context.still_wanted)
    context.tell(READS.format(model=model.name))
    words = await asyncio.to_thread(prompt, context, state["turns"], hurried=state["hurried"])
    if most_tokens(words) > model.window:
        return _too_long(state, context)
    try:
        turn = await model.turn(words)
    except TooLong as error:
        return _too_long(state, context) | paid(error.usage)
    except ModelFault as error:
        return _failed(str(error), context) | paid(error.usage)
    except Unavailable as error:
        if context.can_wait:
            raise
        return _failed(str(error), context) | paid(error.usage)
    if turn.calls and not words.must_answer:
        return {"turns": [kept_calls(turn.calls, context.redactor)]} | paid(turn.usage, turn.model)
    return _answered(turn, context) | paid(turn.usage, turn.model)


def after_ask(state: AskState) -> str:
    return END if state["answer"] or state["failures"] else "ask"


def _answered(turn: Turn, context: AskContext) -> Update:
    if isinstance(turn.answer, Answer | ReplyAnswer):
        return {"answer": keepable(turn.answer.model_dump(mode="json"), context.redactor)}
    return _failed(NO_ANSWER, context)


def _failed(reason: str, context: AskContext) -> Update:
    return {"failures": [FAILED.format(reason=safe_text(reason, context.redactor))]}


def _too_long(state: AskState, context: AskContext) -> Update:
    """Once more without what was read."""
    may_leave_out = state["turns"] and not state["hurried"]
    return {"hurried": True} if may_leave_out else _failed(LONG, context)
