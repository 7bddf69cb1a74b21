"""One turn of the model about one section: its answer, what it wants to read, or why there is neither."""

import asyncio
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.keepable import LONGEST_TEXT, MOST_ITEMS, keepable
from bot.agents.pages.prompting import Laid, laid, the_model
from bot.agents.pages.schema import SectionAnswer, SectionsState, Statement, Task, Update, Work
from bot.agents.shown import safe_text
from bot.agents.spec import SectionsContext
from bot.agents.spending import paid
from bot.agents.tool_turns import kept_calls
from bot.domain.visible import line_ends, without_invisible
from bot.errors import ModelFault, TooLong, Unavailable
from bot.llm.budget import most_tokens
from bot.llm.messages import Turn

READS = '{model} reads whether section "{section}" of {page} stays true'
TOO_LONG = "the section does not fit the model's window"
NO_ANSWER = "the model gave no answer"
MANY = "too many: {more} more than the {most} statements of one answer that are looked at"
LONG_TEXT = "too long: a new text of {count:,} characters, at most {most:,} are taken"
HIDDEN = "a secret: the new text holds one, or what stands for one"

MOST: Final = MOST_ITEMS  # statements
PLACEHOLDER: Final = "<REDACTED:"


async def ask(state: Work, runtime: Runtime[SectionsContext]) -> Update:
    """A model that is out for the moment leaves the task open, for `settle` to judge. Raises Unavailable where the
    repository is out."""
    context, task = runtime.context, state["task"]
    living = context.sections[int(task["id"])]
    await asyncio.to_thread(context.still_wanted)
    context.tell(
        READS.format(model=the_model(context).name, section=living.wanted.section, page=living.wanted.page)
    )
    try:
        opened = await asyncio.to_thread(laid, context, living, task)
    except TooLong as error:
        return _failed(task, str(error))
    if most_tokens(opened.prompt) > the_model(context).window:
        return _shorter(task)
    return await _turn(task, opened, context)


async def settle(state: SectionsState, runtime: Runtime[SectionsContext]) -> Update:
    """Between rounds. Raises Unavailable where a model was out for the moment and all others have had their turn."""
    attempt = runtime.context.attempt
    still = open_tasks(state)
    waiting = [task for task in still if task["tried"] == attempt]
    if waiting and len(waiting) == len(still):
        raise Unavailable(waiting[0]["missing"])
    return {"attempt": attempt}


def open_tasks(state: SectionsState) -> list[Task]:
    return [task for _, task in sorted(state["tasks"].items()) if task["state"] == "open"]


async def _turn(task: Task, opened: Laid, context: SectionsContext) -> Update:
    try:
        turn = await the_model(context).turn(opened.prompt)
    except TooLong as error:
        return _shorter(task) | paid(error.usage)
    except ModelFault as error:
        return _failed(task, safe_text(str(error), context.redactor)) | paid(error.usage)
    except Unavailable as error:
        return _later(task, context, error) | paid(error.usage)
    cost = paid(turn.usage, turn.model)
    if turn.calls and not opened.prompt.must_answer:
        calls = kept_calls(turn.calls, context.redactor)
        return _updated(task, turns=[*task["turns"], calls], tried="") | cost
    return _answered(task, turn, opened, context) | cost


def _updated(task: Task, **changes: Any) -> Update:
    return {"tasks": {task["id"]: {**task, **changes}}}


def _failed(task: Task, sentence: str) -> Update:
    return _updated(task, state="failed", missing=sentence)


def _later(task: Task, context: SectionsContext, error: Unavailable) -> Update:
    sentence = safe_text(str(error), context.redactor)
    if not context.can_wait:
        return _failed(task, sentence)
    return _updated(task, tried=context.attempt, missing=sentence)


def _shorter(task: Task) -> Update:
    """Once more without what was read."""
    may_leave_out = task["turns"] and not task["hurried"]
    return _updated(task, hurried=True) if may_leave_out else _failed(task, TOO_LONG)


def _answered(task: Task, turn: Turn, opened: Laid, context: SectionsContext) -> Update:
    """As it may be kept. A new text goes onto the page as it is: one that cannot be kept as it is goes."""
    if not isinstance(turn.answer, SectionAnswer):
        return _failed(task, NO_ANSWER)
    said, more = [_visible(one) for one in turn.answer.wrong[:MOST]], len(turn.answer.wrong) - MOST
    reasons = [_unkeepable(one, context) for one in said]
    kept = [one for one, reason in zip(said, reasons, strict=True) if not reason]
    return _updated(
        task,
        state="done",
        answer=keepable(SectionAnswer(wrong=kept).model_dump(mode="json"), context.redactor),
        dropped=[*filter(None, reasons), *([MANY.format(more=more, most=MOST)] if more > 0 else [])],
        unseen=list(opened.unseen),
    )


def _visible(one: Statement) -> Statement:
    return one.model_copy(update={"text": without_invisible(line_ends(one.text))})


def _unkeepable(one: Statement, context: SectionsContext) -> str:
    """Why the statement cannot be kept, "" where it can."""
    if len(one.text) > LONGEST_TEXT:
        return LONG_TEXT.format(count=len(one.text), most=LONGEST_TEXT)
    has_secret = safe_text(one.text, context.redactor) != one.text or PLACEHOLDER in one.text
    return HIDDEN if has_secret else ""
