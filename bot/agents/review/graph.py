"""The review graph: cover -> check -> gate -> compose."""

import asyncio
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.review.nodes import check, compose, cover, gate
from bot.agents.review.schema import ReviewInput, ReviewOutput, ReviewState
from bot.agents.spec import AgentContext, AgentResult


def build() -> CompiledStateGraph[ReviewState, AgentContext, ReviewInput, ReviewOutput]:
    graph: StateGraph[ReviewState, AgentContext, ReviewInput, ReviewOutput] = StateGraph(
        ReviewState, context_schema=AgentContext, input_schema=ReviewInput, output_schema=ReviewOutput
    )
    for node in (cover, check, gate, compose):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "cover")
    graph.add_edge("cover", "check")
    graph.add_edge("check", "gate")
    graph.add_edge("gate", "compose")
    graph.add_edge("compose", END)
    return graph.compile()


def review(context: AgentContext) -> AgentResult:
    """Run the graph to its end. Diffs and files stay in the context, out of the state."""
    state: dict[str, Any] = asyncio.run(build().ainvoke({"started": True}, context=context))
    return AgentResult(
        actions=tuple(state["actions"]),
        findings=tuple(state["shown"]),
        coverage=tuple(state["coverage"]),
        decisions=tuple(state["decisions"]),
        complaints=tuple(state["complaints"]),
    )
