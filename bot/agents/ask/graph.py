"""The agent that talks: what needs no model at once; else a model, turn by turn, in a graph -> what is proposed.

Only the model's turns are kept: the rest is worked out anew from what a start has read.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.ask.asking import after_ask, question
from bot.agents.ask.asking import ask as ask_model
from bot.agents.ask.prompting import answer_type
from bot.agents.ask.proposing import commanded, no_model, proposed, unanswered
from bot.agents.ask.schema import AskInput, AskOutput, AskState
from bot.agents.remembering import Saver, walk
from bot.agents.spec import AgentResult, AskContext
from bot.agents.spending import total

Graph = CompiledStateGraph[AskState, AskContext, AskInput, AskOutput]


def build(saver: Saver | None = None) -> Graph:
    graph: StateGraph[AskState, AskContext, AskInput, AskOutput] = StateGraph(
        AskState, context_schema=AskContext, input_schema=AskInput, output_schema=AskOutput
    )
    graph.add_node("ask", ask_model)
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", after_ask, ["ask", END])
    return graph.compile(checkpointer=saver)


def ask(context: AskContext) -> AgentResult:
    """Raises Unavailable where the model is out for the moment, PlatformError, and what `still_wanted` raises."""
    result = commanded(context) or (no_model(context) if context.model is None else _by_model(context))
    return replace(result, complaints=(*context.complaints, *result.failures))


def _by_model(context: AskContext) -> AgentResult:
    state = walk(build, {"of": question(context)}, context, context.steps)
    result = _said(state, context)
    model = ", ".join(dict.fromkeys(state["models"]))
    return replace(result, failures=tuple(state["failures"]), model=model, usage=total(state["spent"]))


def _said(state: Mapping[str, Any], context: AskContext) -> AgentResult:
    if not state["answer"]:
        return unanswered(context)
    return proposed(answer_type(context).model_validate(state["answer"]), context)
