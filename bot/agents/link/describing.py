"""Finding out what a merge request does from a model that reads the change."""

import asyncio
from typing import Any

from langgraph.runtime import Runtime

from bot.agents.link.lines import shown
from bot.agents.link.prompting import lines_prompt
from bot.agents.link.schema import LinesAnswer, LinkState
from bot.agents.link.stage import is_open
from bot.agents.shown import safe_text
from bot.agents.spec import LinkContext
from bot.agents.spending import paid
from bot.errors import ModelFault, PlatformError, Unavailable
from bot.llm.messages import Model, Turn, Usage

READS = "{model} reads what the merge request does"
NOT_TOLD = "The comment has the author's words, no model's: {error}"
NO_LINES = "the model's answer has no line"

Update = dict[str, Any]


def is_worth_a_model(context: LinkContext) -> bool:
    """Only a merge request that is open, and that some issue may be told of."""
    tells = any(one.is_told for one in context.mentioned)
    return context.model is not None and tells and is_open(context.request)


async def describe(state: LinkState, runtime: Runtime[LinkContext]) -> Update:
    """Ask a model. Raises Unavailable where the run can wait; anything else that is missing is told."""
    context = runtime.context
    if context.model is None:
        raise AssertionError("without a model nothing is asked")
    try:
        return _answered(await _asked(context, context.model), context, context.model)
    except (Unavailable, ModelFault) as error:
        if context.can_wait and isinstance(error, Unavailable):
            raise
        return _failed(str(error), context, error.usage)
    except PlatformError as error:
        return _failed(str(error), context)


async def _asked(context: LinkContext, model: Model) -> Turn:
    await asyncio.to_thread(context.still_wanted)
    context.tell(READS.format(model=model.name))
    change = await asyncio.to_thread(context.change) if context.change else None
    return await model.turn(await asyncio.to_thread(lines_prompt, context, change, model.window))


def _answered(turn: Turn, context: LinkContext, model: Model) -> Update:
    said = turn.answer.lines if isinstance(turn.answer, LinesAnswer) else []
    lines = shown((line for text in said for line in text.splitlines()), context.redactor)
    if not lines:
        return _failed(NO_LINES, context, turn.usage)
    return {"lines": list(lines)} | paid(turn.usage, turn.model or model.name)


def _failed(error: str, context: LinkContext, usage: Usage | None = None) -> Update:
    sentence = NOT_TOLD.format(error=safe_text(error, context.redactor))
    return {"lines": [], "failures": [sentence]} | paid(usage)
