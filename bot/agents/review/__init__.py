"""The review agent: findings on changed lines, one summary, or silence."""

from bot.agents.review.graph import review
from bot.agents.spec import AgentContext, AgentSpec
from bot.domain.powers import MAY

SPEC: AgentSpec[AgentContext] = AgentSpec(
    name="review",
    may=MAY["review"],
    run=review,
)
