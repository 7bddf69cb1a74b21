"""The link agent: what our comments say of this change, else a model's words, a graph of one step -> what is proposed.

Only the model's step is kept: the rest is worked out anew from what a start has read.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.link.composing import composed
from bot.agents.link.describing import describe, is_worth_a_model
from bot.agents.link.lines import author_says, digest, remembered
from bot.agents.link.schema import LinkInput, LinkOutput, LinkState, Told
from bot.agents.remembering import Saver, walk
from bot.agents.spec import AgentResult, LinkContext
from bot.agents.spending import total

Graph = CompiledStateGraph[LinkState, LinkContext, LinkInput, LinkOutput]


def build(saver: Saver | None = None) -> Graph:
    graph: StateGraph[LinkState, LinkContext, LinkInput, LinkOutput] = StateGraph(
        LinkState, context_schema=LinkContext, input_schema=LinkInput, output_schema=LinkOutput
    )
    graph.add_node("describe", describe)
    graph.add_edge(START, "describe")
    graph.add_edge("describe", END)
    return graph.compile(checkpointer=saver)


def link(context: LinkContext) -> AgentResult:
    """Raises what `still_wanted` raises, and Unavailable where the run can wait."""
    known = remembered(context)
    if known or not is_worth_a_model(context):
        return composed(context, known or author_says(context))
    return _described(walk(build, {"of": digest(context.request)}, context, context.steps), context)


def _described(state: Mapping[str, Any], context: LinkContext) -> AgentResult:
    model, failures = ", ".join(state["models"]), tuple(state["failures"])
    told = Told(tuple(state["lines"]), model) if state["lines"] else author_says(context)
    result = composed(context, told)
    return replace(
        result,
        complaints=(*result.complaints, *failures),
        failures=failures,
        model=model,
        usage=total(state["spent"]),
    )
