"""The review graph: gather -> check -> plan -> ask each unit -> merge -> ask to refute each claim -> gate -> weigh ->
compose. The acceptance criteria are judged beside the units.

A round asks all open tasks at once, each in a node of its own, so that a finished model turn is kept whatever happens
to the others; `settle` stands between rounds.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.review.asking import ask
from bot.agents.review.compose import compose
from bot.agents.review.ledger import weigh
from bot.agents.review.nodes import after_plan, after_settle, check, gate, gather, merge, plan, settle
from bot.agents.review.schema import ReviewInput, ReviewOutput, ReviewState
from bot.agents.spec import AgentContext, AgentResult
from bot.llm.messages import Usage

PARALLEL: Final = 4  # model turns at once
MOST_STEPS: Final = 200

Graph = CompiledStateGraph[ReviewState, AgentContext, ReviewInput, ReviewOutput]


def build(saver: BaseCheckpointSaver[str] | None = None) -> Graph:
    graph: StateGraph[ReviewState, AgentContext, ReviewInput, ReviewOutput] = StateGraph(
        ReviewState, context_schema=AgentContext, input_schema=ReviewInput, output_schema=ReviewOutput
    )
    graph.add_node("ask", ask)
    for node in (gather, check, plan, settle, merge, gate, weigh, compose):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "gather")
    graph.add_edge("gather", "check")
    graph.add_edge("check", "plan")
    graph.add_conditional_edges("plan", after_plan, ["ask", "gate"])
    graph.add_edge("ask", "settle")
    graph.add_conditional_edges("settle", after_settle, ["ask", "merge", "gate"])
    graph.add_conditional_edges("merge", after_plan, ["ask", "gate"])
    graph.add_edge("gate", "weigh")
    graph.add_edge("weigh", "compose")
    graph.add_edge("compose", END)
    return graph.compile(checkpointer=saver)


def review(context: AgentContext) -> AgentResult:
    """Run the graph to its end, or go on where an earlier start of the same run was stopped."""
    return _result(asyncio.run(_run(context)))


async def _run(context: AgentContext) -> Mapping[str, Any]:
    async with AsyncExitStack() as stack:
        if context.model is not None:
            stack.push_async_callback(context.model.aclose)
        if context.memory is None:
            return await build().ainvoke({"diff": _diff(context)}, _config(), context=context)
        saver = await stack.enter_async_context(context.memory.opened())
        return await _remembered(build(saver), saver, context, context.memory.thread)


async def _remembered(
    graph: Graph, saver: BaseCheckpointSaver[str], context: AgentContext, thread: str
) -> Mapping[str, Any]:
    """With every step kept before the next is taken. Steps kept for another diff are of no use."""
    config = _config(thread)
    kept = await graph.aget_state(config)
    same = kept.values.get("diff") == _diff(context)
    if (
        same and "actions" in kept.values
    ):  # `next` is empty, too, where a step is done whose end is not yet kept
        return dict(kept.values)
    if kept.values and not same:
        await saver.adelete_thread(thread)
    start: Any = None if same else {"diff": _diff(context)}
    return await graph.ainvoke(start, config, context=context, durability="sync")


def _diff(context: AgentContext) -> str:
    """Another target branch has another diff up to the same head."""
    return f"{context.change.refs.base}...{context.request.head}"


def _config(thread: str = "") -> RunnableConfig:
    config = RunnableConfig(max_concurrency=PARALLEL, recursion_limit=MOST_STEPS)
    return RunnableConfig(**config, configurable={"thread_id": thread}) if thread else config


def _result(state: Mapping[str, Any]) -> AgentResult:
    return AgentResult(
        actions=tuple(state["actions"]),
        findings=tuple(state["shown"]),
        coverage=tuple(state["coverage"]),
        decisions=tuple(state["decisions"]),
        complaints=tuple(state["complaints"]),
        failures=tuple(state["failures"]),
        ledger=state.get("ledger"),
        model=", ".join(dict.fromkeys(state["models"])),
        usage=sum((Usage(**paid) for paid in state["spent"]), Usage()),
    )
