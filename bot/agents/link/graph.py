"""The link graph: recall what our comments say -> ask a model where that is not of this change -> compose."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.link.composing import compose
from bot.agents.link.describing import after_recall, describe, recall
from bot.agents.link.schema import LinkInput, LinkOutput, LinkState
from bot.agents.spec import AgentResult, LinkContext

Graph = CompiledStateGraph[LinkState, LinkContext, LinkInput, LinkOutput]


def build() -> Graph:
    graph: StateGraph[LinkState, LinkContext, LinkInput, LinkOutput] = StateGraph(
        LinkState, context_schema=LinkContext, input_schema=LinkInput, output_schema=LinkOutput
    )
    for node in (recall, describe, compose):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "recall")
    graph.add_conditional_edges("recall", after_recall, ["describe", "compose"])
    graph.add_edge("describe", "compose")
    graph.add_edge("compose", END)
    return graph.compile()


def link(context: LinkContext) -> AgentResult:
    """Run the graph to its end. Raises what `still_wanted` raises, and Unavailable where the run can wait."""
    return _result(asyncio.run(_run(context)), context)


async def _run(context: LinkContext) -> Mapping[str, Any]:
    async with AsyncExitStack() as stack:
        if context.model is not None:
            stack.push_async_callback(context.model.aclose)
        return await build().ainvoke({"told": None}, context=context)


def _result(state: Mapping[str, Any], context: LinkContext) -> AgentResult:
    failures = tuple(state["failures"])
    return AgentResult(
        actions=tuple(state["actions"]),
        decisions=tuple(state["decisions"]),
        complaints=(*context.complaints, *state["complaints"], *failures),
        failures=failures,
        model=state["model"],
        usage=state["spent"],
    )
