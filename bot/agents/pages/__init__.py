"""The pages agent: sections of Confluence pages that stay true with the code, and release notes."""

from bot.agents.pages.graph import sections
from bot.agents.pages.notes import notes
from bot.agents.spec import AgentResult, AgentSpec, NotesContext, PagesContext
from bot.domain.powers import MAY


def run(context: PagesContext) -> AgentResult:
    """Raises Unavailable where the run can wait, and what `still_wanted` raises."""
    return notes(context) if isinstance(context, NotesContext) else sections(context)


SPEC: AgentSpec[PagesContext] = AgentSpec(
    name="pages",
    may=MAY["pages"],
    run=run,
)
