"""The triage graph: plan -> ask the model, turn by turn, where there is something to ask -> propose."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.spec import AgentResult, TriageContext
from bot.agents.triage.asking import ask
from bot.agents.triage.planning import after, plan
from bot.agents.triage.proposing import propose
from bot.agents.triage.schema import TriageInput, TriageOutput, TriageState
from bot.llm.messages import Usage

MOST_STEPS: Final = 30

Graph = CompiledStateGraph[TriageState, TriageContext, TriageInput, TriageOutput]


@cache
def build() -> Graph:
    graph: StateGraph[TriageState, TriageContext, TriageInput, TriageOutput] = StateGraph(
        TriageState, context_schema=TriageContext, input_schema=TriageInput, output_schema=TriageOutput
    )
    graph.add_node("ask", ask)
    graph.add_node("plan", plan)
    graph.add_node("propose", propose)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", after, ["ask", "propose"])
    graph.add_conditional_edges("ask", after, ["ask", "propose"])
    graph.add_edge("propose", END)
    return graph.compile()


def triage(context: TriageContext) -> AgentResult:
    """Raises Unavailable where the model or the repository is out for the moment, and what `still_wanted` raises."""
    return _result(asyncio.run(_run(context)))


async def _run(context: TriageContext) -> Mapping[str, Any]:
    async with AsyncExitStack() as stack:
        if context.model is not None:
            stack.push_async_callback(context.model.aclose)
        return await build().ainvoke({}, RunnableConfig(recursion_limit=MOST_STEPS), context=context)


def _result(state: Mapping[str, Any]) -> AgentResult:
    return AgentResult(
        actions=tuple(state["actions"]),
        decisions=tuple(state["decisions"]),
        complaints=tuple(state["complaints"]),
        failures=tuple(state["failures"]),
        model=", ".join(dict.fromkeys(state["models"])),
        usage=sum(state["spent"], Usage()),
    )
