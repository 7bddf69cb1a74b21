"""Finding out what a merge request does: from our comment, else from a model that reads the change."""

import asyncio
from typing import Any

from langgraph.runtime import Runtime

from bot.agents.link.lines import remembered, shown
from bot.agents.link.prompting import lines_prompt
from bot.agents.link.schema import LinesAnswer, LinkState, Told
from bot.agents.link.stage import is_open
from bot.agents.spec import LinkContext
from bot.errors import ModelFault, PlatformError, Unavailable
from bot.llm.messages import Model, Turn, Usage

READS = "{model} reads what the merge request does"
NOT_TOLD = "The comment has the author's words, no model's: {error}"
NO_LINES = "the model's answer has no line"

Update = dict[str, Any]


async def recall(state: LinkState, runtime: Runtime[LinkContext]) -> Update:
    """What our comments remember. Only a merge request that is open is worth a model's reading."""
    return {"told": remembered(runtime.context), "failures": [], "spent": Usage(), "model": ""}


def after_recall(state: LinkState, runtime: Runtime[LinkContext]) -> str:
    context = runtime.context
    is_news = state["told"] is None and any(one.tells_code for one in context.mentioned)
    return "describe" if is_news and context.model and is_open(context.request) else "compose"


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
        return _failed(str(error), error.usage)
    except PlatformError as error:
        return _failed(str(error))


async def _asked(context: LinkContext, model: Model) -> Turn:
    await asyncio.to_thread(context.still_wanted)
    context.tell(READS.format(model=model.name))
    change = await asyncio.to_thread(context.change) if context.change else None
    return await model.turn(await asyncio.to_thread(lines_prompt, context, change, model.window))


def _answered(turn: Turn, context: LinkContext, model: Model) -> Update:
    said = turn.answer.lines if isinstance(turn.answer, LinesAnswer) else []
    lines = shown((line for text in said for line in text.splitlines()), context.redactor)
    if not lines:
        return _failed(NO_LINES, turn.usage)
    by = turn.model or model.name
    return {"told": Told(lines, by), "spent": turn.usage, "model": by}


def _failed(error: str, usage: Usage | None = None) -> Update:
    return {"failures": [NOT_TOLD.format(error=error)], "spent": usage or Usage()}
