"""Every agent, by name. A new one is its folder and a line here. Importing this imports LangGraph."""

from typing import Any

from bot.agents import ask, link, pages, review, triage
from bot.agents.spec import AgentSpec

AGENTS: dict[str, AgentSpec[Any]] = {
    spec.name: spec for spec in (review.SPEC, link.SPEC, triage.SPEC, pages.SPEC, ask.SPEC)
}
