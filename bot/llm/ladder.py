"""What a server is no longer asked for once it has refused it.

The answer's form goes down the rungs of its wire (JSON schema, any JSON object, words only); thinking, tools, the name
of the output limit and its room for thought give way on their own. Each step is taken once, so a turn ends.
Wordings: OpenAI ("Unsupported parameter: 'max_tokens'", "max_tokens is too large", "Function tools with
reasoning_effort are not supported"), Ollama ("does not support tools"), vLLM ("auto tool choice requires
--enable-auto-tool-choice"), llama-cpp-python (500 with the names of the forms it knows), llama.cpp ("Cannot use custom
grammar constraints with tools").
"""

import re
from dataclasses import replace

from bot.llm.faults import Failed, is_final
from bot.llm.wire import Manner, Request, Wire

FORM = re.compile(
    r"response_?format|json_?schema|json_?object|output_?(config|format)|text\.format|grammar|structured"
)
TOOLS = re.compile(r"\btools?\b|tool_(choice|use|calls)|function.?call|functions")
LIMIT = re.compile(r"max_(completion_|output_)?tokens")
UNKNOWN = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|unexpected|extra (inputs|fields)|not permitted"
)


def given_way(asked: Manner, failed: Failed, wire: Wire, request: Request) -> Manner | None:
    """The next lesser manner after a refusal; None where the refusal is about something else.

    `asked` is how the refused request was made.
    """
    if is_final(failed):
        return None
    said = failed.said
    lower = replace(asked, rung=asked.rung + 1) if request.rung != "prompt" else None
    with_tools = bool(request.tools)
    if "effort" in said:
        return _otherwise_thinking(asked, wire, with_tools)
    if LIMIT.search(said):
        return _otherwise_limited(asked, said)
    if lower and FORM.search(said):
        return lower
    if with_tools and TOOLS.search(said):
        return replace(asked, tools=False)
    return lower if UNKNOWN.search(said) and failed.status in (400, 422) else None


def least(one: Manner, other: Manner) -> Manner:
    """What both have given way in: turns that run at once each learn something."""
    return Manner(
        max(one.rung, other.rung),
        max(one.effort, other.effort),
        one.tools and other.tools,
        one.other_limit or other.other_limit,
        one.terse or other.terse,
    )


def _otherwise_thinking(asked: Manner, wire: Wire, with_tools: bool) -> Manner | None:
    if asked.effort + 1 < len(wire.efforts):
        return replace(asked, effort=asked.effort + 1)
    return replace(asked, tools=False) if with_tools else None


def _otherwise_limited(asked: Manner, said: str) -> Manner | None:
    if UNKNOWN.search(said):
        return None if asked.other_limit else replace(asked, other_limit=True)
    return None if asked.terse else replace(asked, terse=True)
