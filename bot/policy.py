"""What a proposal may hold: deterministic rules between an agent and the gateway, the same for every agent."""

from collections.abc import Iterable

from bot.agents.spec import AgentSpec
from bot.domain.actions import Action, Decision, PostFinding, React, UpsertNote
from bot.domain.change import ChangeSet
from bot.domain.positions import file_position, position

MAX_FINDINGS = 50
MAX_BODY = 60_000
EMOJI = frozenset({"eyes", "thumbsup", "confused", "warning"})
NOTE_KEYS = frozenset({"summary", "failure"})


def decide(
    actions: Iterable[Action], agent: AgentSpec, change: ChangeSet
) -> tuple[list[Action], list[Decision]]:
    """The allowed actions in their order, and a decision with its reason for every one that is not."""
    allowed: list[Action] = []
    refused: list[Decision] = []
    for action in actions:
        reason = _objection(action, agent, change, allowed)
        if reason:
            refused.append(Decision(key=action.key, allowed=False, reason=reason))
        else:
            allowed.append(action)
    return allowed, refused


def _objection(action: Action, agent: AgentSpec, change: ChangeSet, allowed: list[Action]) -> str | None:
    if action.kind not in agent.may:
        return f"the {agent.name} agent may not {action.kind}"
    if (action.kind, action.key) in {(one.kind, one.key) for one in allowed}:
        return "proposed twice"
    if isinstance(action, React):
        return None if action.emoji in EMOJI else f"reaction {action.emoji!r} is not on the list"
    if len(action.body) > MAX_BODY:
        return f"longer than {MAX_BODY} characters"
    if isinstance(action, UpsertNote):
        return None if action.key in NOTE_KEYS else f"note {action.key!r} is not on the list"
    return _misplaced(action, change, allowed)


def _misplaced(action: PostFinding, change: ChangeSet, allowed: list[Action]) -> str | None:
    """A position is only believed when the diff gives the very same one."""
    if sum(isinstance(one, PostFinding) for one in allowed) >= MAX_FINDINGS:
        return f"more than {MAX_FINDINGS} findings"
    if action.position is None:
        return None
    finding = action.finding
    file = change.file(finding.path)
    if file is None:
        return f"{finding.path} is not part of the change"
    exact = position(
        change.refs, file, line=finding.line, old_line=finding.old_line, end_line=finding.end_line
    )
    if action.position not in (exact, file_position(change.refs, file)):
        return "its position does not follow from the diff"
    return None
