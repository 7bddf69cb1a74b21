"""The link agent: an issue and the merge requests that name it know each other."""

from bot.agents.link.graph import link
from bot.agents.spec import AgentSpec
from bot.domain.powers import MAY

SPEC = AgentSpec(
    name="link",
    may=MAY["link"],
    run=link,
)
