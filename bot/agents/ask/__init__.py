"""The agent that talks: it answers commands, questions and replies on merge requests."""

from bot.agents.ask.graph import ask
from bot.agents.spec import AgentSpec, AskContext
from bot.domain.powers import MAY

SPEC: AgentSpec[AskContext] = AgentSpec(name="ask", may=MAY["ask"], run=ask)
