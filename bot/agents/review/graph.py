"""The review graph: gather -> check -> plan -> ask each unit -> merge -> ask to refute each claim -> gate ->
trace -> weigh -> compose. The acceptance criteria are judged beside the units, earlier findings looked at again.

A round asks all open tasks at once, each in a node of its own, so that a finished model turn is kept whatever happens
to the others; `settle` stands between rounds.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.remembering import Saver, walk
from bot.agents.review.asking import ask
from bot.agents.review.compose import compose
from bot.agents.review.course import trace
from bot.agents.review.ledger import weigh
from bot.agents.review.nodes import after_plan, after_settle, check, gate, gather, merge, plan, settle
from bot.agents.review.schema import ReviewInput, ReviewOutput, ReviewState
from bot.agents.spec import AgentContext, AgentResult
from bot.agents.spending import total

PARALLEL: Final = 4  # model turns at once

Graph = CompiledStateGraph[ReviewState, AgentContext, ReviewInput, ReviewOutput]


def build(saver: Saver | None = None) -> Graph:
    graph: StateGraph[ReviewState, AgentContext, ReviewInput, ReviewOutput] = StateGraph(
        ReviewState, context_schema=AgentContext, input_schema=ReviewInput, output_schema=ReviewOutput
    )
    graph.add_node("ask", ask)
    for node in (gather, check, plan, settle, merge, gate, trace, weigh, compose):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "gather")
    graph.add_edge("gather", "check")
    graph.add_edge("check", "plan")
    graph.add_conditional_edges("plan", after_plan, ["ask", "gate"])
    graph.add_edge("ask", "settle")
    graph.add_conditional_edges("settle", after_settle, ["ask", "merge", "gate"])
    graph.add_conditional_edges("merge", after_plan, ["ask", "gate"])
    graph.add_edge("gate", "trace")
    graph.add_edge("trace", "weigh")
    graph.add_edge("weigh", "compose")
    graph.add_edge("compose", END)
    return graph.compile(checkpointer=saver)


def review(context: AgentContext) -> AgentResult:
    """Run the graph to its end, or go on where an earlier start of the same run was stopped."""
    state = walk(build, {"diff": _diff(context)}, context, context.memory, PARALLEL)
    return _result(state, context.change.in_all)


def _diff(context: AgentContext) -> str:
    """Another target branch has another diff up to the same head. What people said meanwhile counts, too."""
    before = context.reviewed.model_dump_json() if context.reviewed else ""
    raw = repr((context.is_full, before, sorted(map(repr, context.known))))
    known = hashlib.sha256(raw.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{context.change.refs.base}...{context.request.head} {known}"


def _result(state: Mapping[str, Any], in_all: str) -> AgentResult:
    return AgentResult(
        actions=tuple(state["actions"]),
        findings=tuple(state["shown"]),
        coverage=tuple(state["coverage"]),
        files_in_all=in_all,
        decisions=tuple(state["decisions"]),
        complaints=tuple(state["complaints"]),
        failures=tuple(state["failures"]),
        ledger=state.get("ledger"),
        reviewed=state.get("reviewed"),
        model=", ".join(dict.fromkeys(state["models"])),
        usage=total(state["spent"]),
    )
