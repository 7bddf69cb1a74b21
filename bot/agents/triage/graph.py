"""The triage agent: what is to be asked -> a model, turn by turn, in a graph -> what is proposed.

Only the model's turns are kept: the rest is worked out anew from what a start has read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from bot.agents.remembering import Saver, walk
from bot.agents.spec import AgentResult, TriageContext
from bot.agents.spending import total
from bot.agents.triage.asking import after_ask, ask
from bot.agents.triage.memory import question
from bot.agents.triage.planning import planned
from bot.agents.triage.prompting import answer_type
from bot.agents.triage.proposing import proposed
from bot.agents.triage.schema import Heard, TriageInput, TriageOutput, TriageState

Graph = CompiledStateGraph[TriageState, TriageContext, TriageInput, TriageOutput]


def build(saver: Saver | None = None) -> Graph:
    graph: StateGraph[TriageState, TriageContext, TriageInput, TriageOutput] = StateGraph(
        TriageState, context_schema=TriageContext, input_schema=TriageInput, output_schema=TriageOutput
    )
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", after_ask, ["ask", END])
    return graph.compile(checkpointer=saver)


def triage(context: TriageContext) -> AgentResult:
    """Raises Unavailable where the model or the repository is out for the moment, and what `still_wanted` raises."""
    plan = planned(context)
    if not plan.asks or context.model is None:
        return proposed(plan, Heard(), context)
    state = walk(build, {"of": question(context), "asks": [*plan.asks]}, context, context.steps)
    result = proposed(plan, _heard(state, plan.asks), context)
    model = ", ".join(dict.fromkeys(state["models"]))
    return replace(result, failures=tuple(state["failures"]), model=model, usage=total(state["spent"]))


def _heard(state: Mapping[str, Any], asks: Sequence[str]) -> Heard:
    answer = answer_type(asks).model_validate(state["answer"]) if state["answer"] else None
    return Heard(answer, tuple(state["failures"]))
