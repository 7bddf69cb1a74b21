"""The triage agent: prepares an issue for whoever takes it, begins its work, and answers who asks in a comment."""

from bot.agents.spec import AgentSpec, TriageContext
from bot.agents.triage.graph import triage

SPEC: AgentSpec[TriageContext] = AgentSpec(
    name="triage",
    may=frozenset({"comment_issue", "edit_issue", "open_branch", "open_merge_request", "link_issue"}),
    run=triage,
)
