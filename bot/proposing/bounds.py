"""What a stored proposal is held against before it is written: that policy allowed it once is not taken on trust.

Its seal says that one of our agents workers made it, in this run (`entry/sealing.py`). Whatever that worker was talked
into, or Redis says of the run by now, what can be told without reading the merge request again is told again: whose
proposal it is, which run and target it is for, and of each action its kind, form and size. What is written goes where
the proposal says, never where the run does: a run that was changed in Redis leads it nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.actions import Proposal
from bot.domain.powers import MAY
from bot.errors import TrivetError
from bot.policy import Ground, objections
from bot.routing import ASK, JobRequest

NOT_WRITTEN = "nothing of the stored proposal was written, as the run does not allow it: {reason}"
OTHER_RUN = "it was made for another run"
OTHER_AGENT = "it was made by the {agent} agent"
OTHER_TARGET = "it is about {project}!{iid}"
OTHER_NOTE = "it answers another note"


@dataclass(frozen=True)
class Maker:
    """An agent as policy knows it, without its graph: who writes does without LangGraph."""

    name: str
    may: frozenset[str]


def check_bounds(proposal: Proposal, request: JobRequest, run: str) -> None:
    """Raises TrivetError where a proposal is not one that this run can have made."""
    if objection := next(_objections(proposal, request, run), None):
        raise TrivetError(NOT_WRITTEN.format(reason=objection))


def _objections(proposal: Proposal, request: JobRequest, run: str) -> Iterator[str]:
    if proposal.run != run:
        yield OTHER_RUN
    if proposal.agent not in _makers(request):
        yield OTHER_AGENT.format(agent=proposal.agent)
        return
    if _is_elsewhere(proposal, request):
        yield OTHER_TARGET.format(project=proposal.project, iid=proposal.iid)
    if proposal.note not in (0, request.note):
        yield OTHER_NOTE
    yield from objections(proposal.actions, _ground(proposal, request))


def _makers(request: JobRequest) -> frozenset[str]:
    """Who commands in a note and may not is refused by the agent that talks, whichever was asked for."""
    return frozenset({request.agent, ASK} if request.note else {request.agent}) & MAY.keys()


def _is_elsewhere(proposal: Proposal, request: JobRequest) -> bool:
    """A project's path may change meanwhile, its number does not; 0: the request did not know it.

    A run on an issue has the project that the operator mapped, whatever pipeline asks.
    """
    is_its_own = bool(request.issue) or request.project_id in (0, proposal.project_id)
    return proposal.iid != request.iid or not is_its_own


def _ground(proposal: Proposal, request: JobRequest) -> Ground:
    """A run on an issue writes to that one. Which others a merge request names is not read again."""
    issues = {proposal.issue} if request.issue else _named(proposal, "issue")
    return Ground(
        Maker(proposal.agent, MAY[proposal.agent]),
        issues=frozenset(issues),
        spaces=frozenset(_named(proposal, "space")),
    )


def _named(proposal: Proposal, what: str) -> set[str]:
    return {getattr(action, what) for action in proposal.actions if hasattr(action, what)}
