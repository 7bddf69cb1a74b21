"""A graph is run to its end, or goes on where an earlier start of the same run was stopped.

Each step is kept before the next is taken, so that a model's finished turn is paid for once. What is kept stays until
the run is over: nodes put nothing into their state but plain data and the types that `bot.entry.checkpoints` lists,
without secrets; what they need of a repository or of an issue they read again.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from bot.agents.spec import Memory
from bot.llm.messages import Model
from bot.llm.wanted import wanted_while

MOST_STEPS: Final = 200

Saver = BaseCheckpointSaver[str]
Graph = CompiledStateGraph[Any, Any, Any, Any]


class Context(Protocol):
    """What an agent reads, with the model that it asks."""

    @property
    def model(self) -> Model | None: ...

    @property
    def still_wanted(self) -> Callable[[], None]: ...


def walk(
    build: Callable[[Saver | None], Graph],
    about: Mapping[str, Any],
    context: Context,
    memory: Memory | None,
    parallel: int = 1,
) -> Mapping[str, Any]:
    """What the graph puts out. Raises what its nodes raise, and what `still_wanted` raises before a model's next try.

    `about` is its input and says what the run is about: steps kept for anything else are of no use. `parallel` nodes
    are run at once. The model is closed at the end.
    """
    config = RunnableConfig(max_concurrency=parallel, recursion_limit=MOST_STEPS)
    with wanted_while(context.still_wanted):
        return asyncio.run(_walked(build, about, context, memory, config))


async def _walked(
    build: Callable[[Saver | None], Graph],
    about: Mapping[str, Any],
    context: Context,
    memory: Memory | None,
    config: RunnableConfig,
) -> Mapping[str, Any]:
    async with AsyncExitStack() as stack:
        if context.model is not None:
            stack.push_async_callback(context.model.aclose)
        if memory is None:
            return await build(None).ainvoke(dict(about), config, context=context)
        saver = await stack.enter_async_context(memory.opened())
        there = RunnableConfig(**config, configurable={"thread_id": memory.thread})
        return await _remembered(build(saver), saver, about, context, there)


async def _remembered(
    graph: Graph, saver: Saver, about: Mapping[str, Any], context: Context, config: RunnableConfig
) -> Mapping[str, Any]:
    """A graph that was at its end already takes no step: it puts out what it has come to."""
    kept = (await graph.aget_state(config)).values
    goes_on = all(kept.get(name) == value for name, value in about.items())
    if kept and not goes_on:
        await saver.adelete_thread(config["configurable"]["thread_id"])
    return await graph.ainvoke(None if goes_on else dict(about), config, context=context, durability="sync")
