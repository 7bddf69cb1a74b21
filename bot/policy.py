"""What a proposal may hold: deterministic rules between an agent and the gateway, the same for every agent."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.agents.spec import AgentSpec
from bot.domain.actions import Action, Decision, PostFinding, React, UpsertNote
from bot.domain.change import ChangeSet
from bot.domain.findings import Suggestion
from bot.domain.markdown import finding_comment
from bot.domain.positions import file_position, position
from bot.errors import PlatformError, Unavailable
from bot.ports import Snapshot

MAX_FINDINGS = 50
MAX_BODY = 60_000
EMOJI = frozenset({"eyes", "thumbsup", "confused", "warning"})
NOTE_KEYS = frozenset({"summary", "failure"})
KEY = re.compile(r"[A-Za-z0-9_.:/]{1,200}")  # what a mark can hold

OTHER_LINES = "its suggestion is left out: {reason}"
NOT_AT_HEAD = "the lines it replaces are not those at head"
NO_END = "it is not about the line that the comment stands on"
NOT_UTF8 = "the file is not UTF-8, and it would be damaged"
LINE_ENDS = "the lines end with carriage returns, which it would take away"


@dataclass(frozen=True)
class Ground:
    """What a decision stands on: the agent, the change it saw, and the repository at the change's head."""

    agent: AgentSpec
    change: ChangeSet
    snapshot: Snapshot


def decide(actions: Iterable[Action], ground: Ground) -> tuple[list[Action], list[Decision]]:
    """The allowed actions in their order, and a decision with its reason for every one that is refused or changed."""
    allowed: list[Action] = []
    decisions: list[Decision] = []
    for action in actions:
        objection = _objection(action, ground, allowed)
        if objection:
            decisions.append(Decision(key=action.key, allowed=False, reason=objection))
            continue
        kept, change = _without_false_suggestion(action, ground.snapshot)
        allowed.append(kept)
        decisions += [Decision(key=action.key, allowed=True, reason=change)] if change else []
    return allowed, decisions


def _objection(action: Action, ground: Ground, allowed: Sequence[Action]) -> str | None:
    agent = ground.agent
    if action.kind not in agent.may:
        return f"the {agent.name} agent may not {action.kind}"
    if (action.kind, action.key) in {(one.kind, one.key) for one in allowed}:
        return "proposed twice"
    if isinstance(action, React):
        return _unlisted_emoji(action)
    if len(action.body) > MAX_BODY:
        return f"longer than {MAX_BODY} characters"
    if isinstance(action, UpsertNote):
        return None if action.key in NOTE_KEYS else f"note {action.key!r} is not on the list"
    return _unidentified(action, agent) or _misplaced(action, ground.change, allowed)


def _unlisted_emoji(action: React) -> str | None:
    names = [name for name in (action.emoji, action.instead_of) if name is not None]
    unlisted = (f"reaction {name!r} is not on the list" for name in names if name not in EMOJI)
    return next(unlisted, None if names else "a reaction that neither gives nor takes one")


def _unidentified(action: PostFinding, agent: AgentSpec) -> str | None:
    """A finding is known by its fingerprint: under any other key it would be posted again."""
    if action.finding.agent != agent.name:
        return f"the {agent.name} agent may not speak for {action.finding.agent!r}"
    if action.key != action.finding.fingerprint or not KEY.fullmatch(action.key):
        return "its key is not the finding's fingerprint"
    return None


def _misplaced(action: PostFinding, change: ChangeSet, allowed: Sequence[Action]) -> str | None:
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


def _without_false_suggestion(action: Action, snapshot: Snapshot) -> tuple[Action, str]:
    """One click must replace what the author sees: a suggestion that would not is left out, and the reason told."""
    if not isinstance(action, PostFinding) or action.finding.suggestion is None:
        return action, ""
    reason = _falsehood(action, action.finding.suggestion, snapshot)
    if not reason:
        return action, ""
    finding = action.finding.model_copy(update={"suggestion": None})
    kept = action.model_copy(update={"finding": finding, "body": finding_comment(finding)})
    return kept, OTHER_LINES.format(reason=reason)


def _falsehood(action: PostFinding, suggestion: Suggestion, snapshot: Snapshot) -> str:
    last = action.finding.end_line or action.finding.line
    if last is None or not 1 <= suggestion.start <= last <= suggestion.end:
        return NO_END
    try:
        content = snapshot.read(action.finding.path)
    except Unavailable:
        raise
    except PlatformError as error:
        return str(error)
    try:
        text = (content or b"").decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        return NOT_UTF8
    lines = tuple(text.split("\n")[suggestion.start - 1 : suggestion.end])
    if lines != suggestion.replaces or len(lines) != suggestion.end - suggestion.start + 1:
        return NOT_AT_HEAD
    return LINE_ENDS if any(line.endswith("\r") for line in lines) else ""
