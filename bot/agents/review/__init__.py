"""The review agent: findings on changed lines, one summary, or silence."""

from bot.agents.review.graph import review
from bot.agents.spec import AgentContext, AgentSpec

SPEC: AgentSpec[AgentContext] = AgentSpec(
    name="review",
    may=frozenset({"post_finding", "update_finding", "reply", "upsert_note", "react"}),
    run=review,
)
