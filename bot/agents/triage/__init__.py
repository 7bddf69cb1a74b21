"""The triage agent: prepares an issue for whoever takes it, begins its work, and answers who asks in a comment."""

from bot.agents.spec import AgentSpec, TriageContext
from bot.agents.triage.graph import triage
from bot.domain.powers import MAY

SPEC: AgentSpec[TriageContext] = AgentSpec(
    name="triage",
    may=MAY["triage"],
    run=triage,
)
