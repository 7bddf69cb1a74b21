"""The link agent: an issue and the merge requests that name it know each other."""

from bot.agents.link.graph import link
from bot.agents.spec import AgentSpec

SPEC = AgentSpec(
    name="link",
    may=frozenset({"link_issue", "comment_issue", "move_issue", "set_commit_status", "upsert_note"}),
    run=link,
)
