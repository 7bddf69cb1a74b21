"""One question to a model about one merged change, and what of the answer is proved by the change."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from langgraph.graph import END
from langgraph.runtime import Runtime
from langgraph.types import Send

from bot.agents.link.plain import plain
from bot.agents.pages.notes_change import ShownFile, is_quiet, shown_files, stands_there
from bot.agents.pages.notes_declared import LONGEST_SENTENCE, MOST
from bot.agents.pages.notes_listing import Entry, entry, listing
from bot.agents.pages.notes_memory import remembered
from bot.agents.pages.notes_prompting import question
from bot.agents.pages.notes_rules import Kind
from bot.agents.pages.notes_schema import Asking, Break, BreakingAnswer, NotesState
from bot.agents.shown import safe_text
from bot.agents.spec import NotesContext
from bot.agents.spending import paid
from bot.domain.actions import Decision
from bot.domain.change import ChangeSet
from bot.errors import ModelFault, PlatformError, Unavailable
from bot.llm.messages import Model, Turn, Usage

LOOKS = "{model} looks for breaking changes: {count} merged"
NO_ANSWER = "the model gave no answer"
UNPROVED = "not proved: no changed line of {path} reads so"
MANY = "more than {most} breaking changes of one merge request"
EMPTY = "says nothing"

MOST_ASKED: Final = 20  # merge requests a run
LONGEST_PATH: Final = 200

Update = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's turn on one change. `turn` None: it was not asked, as nothing that users rely on is changed."""

    files: Sequence[ShownFile]
    turn: Turn | None = None
    is_whole: bool = True


def unasked(context: NotesContext) -> list[int]:
    """The listed merge requests of which no page remembers what they break, the latest first.

    What is documentation alone breaks nothing.
    """
    every = [(page, remembered(page.memory, context.redactor)) for page in context.pages]
    known = {iid for _, found in every for iid in found}
    entries = [one for page, _ in every for one in reversed(listing(page, context).entries)]
    wanted = (one.iid for one in entries if one.place is not Kind.DOCUMENTATION)
    return [iid for iid in dict.fromkeys(wanted) if iid not in known]


async def choose(state: NotesState, runtime: Runtime[NotesContext]) -> Update:
    context = runtime.context
    iids = (await asyncio.to_thread(unasked, context))[:MOST_ASKED]
    context.tell(LOOKS.format(model=_model(context).name, count=len(iids)))
    return {"iids": iids}


def after_choose(state: NotesState) -> list[Send] | str:
    return [Send("ask", Asking(iid=iid)) for iid in state["iids"]] or END


async def ask(state: Asking, runtime: Runtime[NotesContext]) -> Update:
    """Raises Unavailable where the run can wait; anything else that is missing is told."""
    context, iid = runtime.context, state["iid"]
    try:
        answer = await _answered(context, iid)
    except (Unavailable, ModelFault) as error:
        if context.can_wait and isinstance(error, Unavailable):
            raise
        return _failed(iid, str(error), context, error.usage)
    except PlatformError as error:
        return _failed(iid, str(error), context)
    if answer.turn is None:
        return {"found": {iid: []}}
    if not isinstance(answer.turn.answer, BreakingAnswer):
        return _failed(iid, NO_ANSWER, context, answer.turn.usage)
    found, decisions = proved(iid, answer.turn.answer.breaks, answer.files, context)
    return {
        "found": {iid: found},
        "decisions": decisions,
        "partly": [] if answer.is_whole else [iid],
    } | paid(answer.turn.usage, answer.turn.model or _model(context).name)


def proved(
    iid: int, breaks: Sequence[Break], files: Sequence[ShownFile], context: NotesContext
) -> tuple[list[str], list[Decision]]:
    """The sentences that a changed line shows, each once, and why the others are left out."""
    sentences: dict[str, str] = {}
    decisions: list[Decision] = []
    for one in breaks:
        sentence = plain(one.sentence, context.redactor, LONGEST_SENTENCE)
        reason = _objection(one, sentence, files, len(sentences), context)
        if reason:
            decisions.append(Decision(key=f"mr:{iid}", allowed=False, reason=reason, about=sentence))
        else:
            sentences.setdefault(sentence.casefold(), sentence)
    return list(sentences.values()), decisions[:MOST_ASKED]


def _objection(
    one: Break, sentence: str, files: Sequence[ShownFile], before: int, context: NotesContext
) -> str:
    if not sentence:
        return EMPTY
    if before >= MOST:
        return MANY.format(most=MOST)
    if stands_there(one.path, one.quote, files):
        return ""
    return UNPROVED.format(path=plain(one.path, context.redactor, LONGEST_PATH))


async def _answered(context: NotesContext, iid: int) -> Answer:
    await asyncio.to_thread(context.still_wanted)
    wanted = await asyncio.to_thread(_entry, context, iid)
    if wanted is None:
        return Answer(())
    change = await asyncio.to_thread(context.change, iid)
    return Answer(()) if is_quiet(change) else await _heard(context, wanted, change, _model(context))


def _entry(context: NotesContext, iid: int) -> Entry | None:
    """None: an earlier start of the run has seen it, and no page lists it any more."""
    every = ((one, page) for page in context.pages for one in page.merged if one.iid == iid)
    return next((entry(one, page, context) for one, page in every), None)


async def _heard(context: NotesContext, wanted: Entry, change: ChangeSet, model: Model) -> Answer:
    files = await asyncio.to_thread(shown_files, change, context.redactor)
    asked = await asyncio.to_thread(
        question, wanted.merged, wanted.declared, files, context.redactor, model.window
    )
    is_whole = asked.is_whole and len(files) == len(change.files) and not change.omitted
    return Answer(files, await model.turn(asked.prompt), is_whole)


def _failed(iid: int, reason: str, context: NotesContext, usage: Usage | None = None) -> Update:
    return {"failed": {iid: safe_text(reason, context.redactor)}} | paid(usage)


def _model(context: NotesContext) -> Model:
    if context.model is None:
        raise AssertionError("without a model nothing is asked")
    return context.model
