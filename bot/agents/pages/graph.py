"""The pages agent on a merge request: sections in question -> a model, one by one -> what is proposed.

A round asks about all open sections at once, each in a node of its own, so that a finished turn is kept whatever
happens to the others; `settle` stands between rounds. Only the model's turns are kept: the rest is worked out anew.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from bot.agents.pages.asking import ask, open_tasks, settle
from bot.agents.pages.composing import composed
from bot.agents.pages.judging import change_of, judged
from bot.agents.pages.keys import note_prefix
from bot.agents.pages.schema import (
    SectionAnswer,
    SectionsInput,
    SectionsOutput,
    SectionsState,
    Task,
    Update,
    Work,
    new_task,
)
from bot.agents.pages.standing import Standing, each_once, known, settled, stage, unjudged
from bot.agents.remembering import Saver, walk
from bot.agents.shown import safe_text, shown_name
from bot.agents.spec import AgentResult, LivingSection, SectionsContext
from bot.agents.spending import total
from bot.domain.actions import Coverage, Decision

PARALLEL: Final = 4  # model turns at once
ACCEPTING: Final = frozenset({"command", "thumbsup"})
"""The triggers by which a person accepts a text."""

FAILED = 'The model did not say whether section "{section}" of {page} stays true: {reason}'
NO_REASON = "why is not told here, as not everybody who reads this may read the page"
NOT_JUDGED = "No model is configured: nobody has looked whether {sections} stay true"
TROUBLE = 'Section "{section}" of {page} cannot be written: {trouble}'
TOO_LATE = (
    'What was accepted for section "{section}" of {page} is not written: another text stands there by now'
)
NO_PAGE = "there is no such page, or the bot's account may not see it"
NAMED = '"{section}" of {page}'
NOT_SHOWN = "the model was not shown its whole diff"

Graph = CompiledStateGraph[SectionsState, SectionsContext, SectionsInput, SectionsOutput]


def build(saver: Saver | None = None) -> Graph:
    graph: StateGraph[SectionsState, SectionsContext, SectionsInput, SectionsOutput] = StateGraph(
        SectionsState,
        context_schema=SectionsContext,
        input_schema=SectionsInput,
        output_schema=SectionsOutput,
    )
    graph.add_node("plan", plan)
    graph.add_node("ask", ask)
    graph.add_node("settle", settle)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", next_round, ["ask", END])
    graph.add_edge("ask", "settle")
    graph.add_conditional_edges("settle", next_round, ["ask", END])
    return graph.compile(checkpointer=saver)


async def plan(state: SectionsState, runtime: Runtime[SectionsContext]) -> Update:
    return {"tasks": {name: new_task(name) for name in state["asks"]}, "attempt": runtime.context.attempt}


def next_round(state: SectionsState) -> list[Send] | str:
    """All that are open; not those that were tried since the run went on."""
    again = (task for task in open_tasks(state) if task["tried"] != state["attempt"])
    return [Send("ask", Work(task=task)) for task in again] or END


def sections(context: SectionsContext) -> AgentResult:
    """Raises Unavailable where the model or the repository is out for the moment, and what `still_wanted` raises."""
    context = replace(context, sections=each_once(context.sections))
    standings = {at: known(one, context) for at, one in enumerate(context.sections) if _is_writable(one)}
    open_ones = [at for at, one in standings.items() if one is None]
    asks = open_ones if _is_asked_about(context) else []
    found = [one for one in standings.values() if one is not None]
    if not asks or context.model is None:
        left = _unjudged(open_ones, context)
        result = _with_complaints(composed([*found, *left], context), asks, context)
        return replace(result, complaints=(*result.complaints, *_too_late(open_ones, context)))
    about = {"of": _question(asks, context), "asks": [str(at) for at in asks]}
    state = walk(build, about, context, context.steps, PARALLEL)
    return _told(state, found, context)


def _is_writable(living: LivingSection) -> bool:
    return living.page is not None and not living.trouble


def _is_asked_about(context: SectionsContext) -> bool:
    """Who accepts a text after the merge has that written, and nothing judged anew."""
    match stage(context.request):
        case "merged":
            return context.trigger not in ACCEPTING
        case other:
            return other == "open"


def _too_late(places: Sequence[int], context: SectionsContext) -> list[str]:
    """Of what was accepted after the merge: that the section is not any more what it was accepted for."""
    is_late = stage(context.request) == "merged" and not _is_asked_about(context)
    late = [context.sections[at] for at in places if is_late and not unjudged(context.sections[at], context)]
    return [TOO_LATE.format(section=one.wanted.section, page=one.wanted.page) for one in late]


def _unjudged(places: Sequence[int], context: SectionsContext) -> list[Standing]:
    return [one for at in places if (one := unjudged(context.sections[at], context))]


def _question(asks: Sequence[int], context: SectionsContext) -> str:
    """The digest of what the model is asked about: another head, page text or diff is another question."""
    every = [context.sections[at] for at in asks]
    said = [
        [one.page.id if one.page else "", one.section.digest if one.section else "", change_of(one, context)]
        for one in every
    ]
    return hashlib.sha256(json.dumps([context.request.head, said]).encode()).hexdigest()


# --- what came of it ---


def _told(state: Mapping[str, Any], found: Sequence[Standing], context: SectionsContext) -> AgentResult:
    tasks: dict[str, Task] = state["tasks"]
    done = [task for task in tasks.values() if task["state"] == "done"]
    failed = [task for task in tasks.values() if task["state"] == "failed"]
    failures = tuple(_failure(task, context) for task in failed)
    judgements = [_judgement(task, context) for task in done]
    left = _unjudged([int(task["id"]) for task in failed], context)
    result = composed([*found, *(one for one, _ in judgements), *left], context)
    result = _with_complaints(result, (), context)
    return replace(
        result,
        coverage=_coverage(done, context),
        decisions=(*result.decisions, *(one for _, decisions in judgements for one in decisions)),
        complaints=(*result.complaints, *failures),
        failures=failures,
        model=", ".join(dict.fromkeys(state["models"])),
        usage=total(state["spent"]),
    )


def _judgement(task: Task, context: SectionsContext) -> tuple[Standing, list[Decision]]:
    """Raises Unavailable."""
    living = context.sections[int(task["id"])]
    said = judged(SectionAnswer.model_validate(task["answer"]), living, context)
    key, about = note_prefix(living), _named(living)
    left_out = [
        Decision(key=key, allowed=False, reason=reason, about=about)
        for reason in (*task["dropped"], *said.dropped)
    ]
    changed = [Decision(key=key, allowed=True, reason=reason, about=about) for reason in said.changed]
    if said.edit is None and said.is_outrun:
        return Standing(living, None, is_judged=False), left_out
    return settled(living, said.edit, context), [*left_out, *changed]


def _failure(task: Task, context: SectionsContext) -> str:
    """A model's fault can hold words of its answer, and so of the page."""
    living = context.sections[int(task["id"])]
    wanted, reason = living.wanted, safe_text(task["missing"], context.redactor)
    reason = reason if living.tells_page else NO_REASON
    return FAILED.format(section=wanted.section, page=wanted.page, reason=reason)


def _coverage(done: Sequence[Task], context: SectionsContext) -> tuple[Coverage, ...]:
    """The changed files that the sections are about."""
    unseen = {path for task in done for path in task["unseen"]}
    paths = dict.fromkeys(path for task in done for path in context.sections[int(task["id"])].files)
    shown = (shown_name(path, context.redactor) for path in paths)
    return tuple(
        Coverage(path=path, read=path not in unseen, reason=NOT_SHOWN if path in unseen else "")
        for path in shown
    )


def _with_complaints(result: AgentResult, unasked: Sequence[int], context: SectionsContext) -> AgentResult:
    """`unasked`: the places of the sections that no model was there for."""
    troubled = [one for one in context.sections if not _is_writable(one)]
    names = ", ".join(_named(context.sections[at]) for at in unasked)
    said = [*map(_trouble, troubled), *([NOT_JUDGED.format(sections=names)] if names else [])]
    return replace(result, complaints=(*context.complaints, *result.complaints, *said))


def _trouble(living: LivingSection) -> str:
    wanted = living.wanted
    return TROUBLE.format(section=wanted.section, page=wanted.page, trouble=living.trouble or NO_PAGE)


def _named(living: LivingSection) -> str:
    return NAMED.format(section=living.wanted.section, page=living.wanted.page)
