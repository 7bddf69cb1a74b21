"""Every agent, by name. A new one is its folder and a line here. Importing this imports LangGraph."""

from bot.agents import review
from bot.agents.spec import AgentSpec

AGENTS: dict[str, AgentSpec] = {review.SPEC.name: review.SPEC}
