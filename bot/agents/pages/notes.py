"""Release notes: the merge requests of a release -> a model that reads what each breaks, in a graph -> the pages.

Only the model's answers are kept: the rest is worked out anew from what a start has read.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.pages.notes_asking import after_choose, ask, choose, unasked
from bot.agents.pages.notes_composing import Answers, composed
from bot.agents.pages.notes_schema import NotesInput, NotesOutput, NotesState
from bot.agents.remembering import Saver, walk
from bot.agents.spec import AgentResult, NotesContext
from bot.agents.spending import total

PARALLEL: Final = 4  # model turns at once

Graph = CompiledStateGraph[NotesState, NotesContext, NotesInput, NotesOutput]


def build(saver: Saver | None = None) -> Graph:
    graph: StateGraph[NotesState, NotesContext, NotesInput, NotesOutput] = StateGraph(
        NotesState, context_schema=NotesContext, input_schema=NotesInput, output_schema=NotesOutput
    )
    graph.add_node("choose", choose)
    graph.add_node("ask", ask)
    graph.add_edge(START, "choose")
    graph.add_conditional_edges("choose", after_choose, ["ask", END])
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=saver)


def notes(context: NotesContext) -> AgentResult:
    """Raises what `still_wanted` raises, and Unavailable where the run can wait."""
    open_questions = unasked(context)
    if not open_questions:
        return composed(context, Answers())
    if context.model is None:
        return composed(context, Answers(unasked=None))
    return _answered(
        walk(build, {"of": _subject(context)}, context, context.steps, PARALLEL), open_questions, context
    )


def _subject(context: NotesContext) -> str:
    """The same at every start of a run, whatever was merged in between: that is asked about by a run of its own."""
    return f"{context.project.id} {' '.join(page.version for page in context.pages)}"


def _answered(state: Mapping[str, Any], wanted: list[int], context: NotesContext) -> AgentResult:
    found = {iid: tuple(said) for iid, said in state["found"].items()}
    tried = {*found, *state["failed"]}
    answers = Answers(found, state["failed"], state["partly"], len({*wanted} - tried))
    result = composed(context, answers)
    return replace(
        result,
        decisions=(*result.decisions, *state["decisions"]),
        model=", ".join(dict.fromkeys(state["models"])),
        usage=total(state["spent"]),
    )
