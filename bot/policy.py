"""What a proposal may hold: deterministic rules between an agent and the gateway, the same for every agent."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bot.domain import reactions
from bot.domain.actions import (
    Action,
    CommentIssue,
    CommentPage,
    Decision,
    EditIssue,
    LinkIssue,
    MoveIssue,
    OpenBranch,
    OpenMergeRequest,
    PostFinding,
    React,
    Reply,
    SetCommitStatus,
    UpdateFinding,
    UpsertNote,
    WriteSection,
)
from bot.domain.change import ChangeSet
from bot.domain.findings import Suggestion
from bot.domain.flow import CodeProject
from bot.domain.markdown import finding_comment
from bot.domain.positions import file_position, position
from bot.domain.sections import LONGEST_SECTION
from bot.errors import PlatformError, Unavailable
from bot.ports import Snapshot

MAX_FINDINGS = 50
MAX_BODY = 60_000
OF_RELEASE = "release-notes"
REPLY_KEYS = re.compile(
    r"(?:fixed|regressed):[0-9a-f]{32}:[0-9a-f]{7,64}|(?:dismissed|answer|closed):[0-9a-f:]{1,60}|refused:[0-9]{1,20}"
)
NOTE_KEYS = re.compile(r"summary|failure|release-notes|page:[0-9]{1,20}:[A-Za-z0-9_-]{1,60}:[0-9a-f]{8,64}")
KEY = re.compile(r"[A-Za-z0-9_.:/]{1,200}")  # what a mark can hold
MAX_COMMENT = 30_000  # characters of a comment's texts; Jira takes 32,767 with its markup
PAGE_KEY = re.compile(r"(?:stale|proposed):[A-Za-z0-9_-]{1,60}")
STATUSES = frozenset({"trivet/issue"})
REF = re.compile(r"(?!-)(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)))[A-Za-z0-9][\w./-]{0,198}[A-Za-z0-9]", re.ASCII)
LABEL = re.compile(r"\S{1,255}")

TOO_LONG = "longer than {most} characters"
NO_CHANGE = "there is no change that it could be about"
NO_PROJECT = "no GitLab project is mapped where it could be made"
OTHER_LINES = "its suggestion is left out: {reason}"
NOT_AT_HEAD = "the lines it replaces are not those at head"
NO_END = "it is not about the line that the comment stands on"
NOT_UTF8 = "the file is not UTF-8, and it would be damaged"
LINE_ENDS = "the lines end with carriage returns, which it would take away"


class Actor(Protocol):
    """An agent: its name, and the kinds of action it may propose."""

    @property
    def name(self) -> str: ...

    @property
    def may(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Ground:
    """What a decision stands on: the agent, and what its run is bound to.

    A review: the change it saw and the repository at the change's head. Else the issues it may write to, by key, and
    the GitLab project where work may be begun; the spaces, by key, that the operator tied to the project.
    """

    agent: Actor
    change: ChangeSet | None = None
    snapshot: Snapshot | None = None
    issues: frozenset[str] = frozenset()
    code: CodeProject | None = None
    spaces: frozenset[str] = frozenset()


def decide(actions: Iterable[Action], ground: Ground) -> tuple[list[Action], list[Decision]]:
    """The allowed actions in their order, and a decision with its reason for every one that is refused or changed."""
    allowed: list[Action] = []
    decisions: list[Decision] = []
    for action in actions:
        objection = _objection(action, ground, allowed)
        if objection:
            decisions.append(Decision(key=action.key, allowed=False, reason=objection))
            continue
        kept, change = _without_false_suggestion(action, ground)
        allowed.append(kept)
        decisions += [Decision(key=action.key, allowed=True, reason=change)] if change else []
    return allowed, decisions


def objections(actions: Iterable[Action], ground: Ground) -> Iterator[str]:
    """What speaks against actions by themselves: kind, number, form, and which issues and spaces they name.

    Where they lead in a change or a project is not looked at: for that it would have to be read.
    """
    allowed: list[Action] = []
    for action in actions:
        objection = _foreign(action, ground, allowed) or FORMS[type(action)](action, ground, allowed)
        if objection:
            yield objection
        else:
            allowed.append(action)


def _objection(action: Action, ground: Ground, allowed: Sequence[Action]) -> str | None:
    return (
        _foreign(action, ground, allowed)
        or _misled(action, ground)
        or FORMS[type(action)](action, ground, allowed)
    )


def _foreign(action: Action, ground: Ground, allowed: Sequence[Action]) -> str | None:
    agent = ground.agent
    if action.kind not in agent.may:
        return f"the {agent.name} agent may not {action.kind}"
    return "proposed twice" if _identity(action) in map(_identity, allowed) else None


def _misled(action: Action, ground: Ground) -> str | None:
    """Whether it leads to a place that what was read does not have."""
    if isinstance(action, PostFinding):
        return NO_CHANGE if ground.change is None else _misplaced(action, ground.change)
    if isinstance(action, OpenBranch | OpenMergeRequest):
        return NO_PROJECT if ground.code is None else None
    return None


def _identity(action: Action) -> tuple[str, ...]:
    """Comments on two issues or pages may have one key, and of two for one page only one is written."""
    whereabouts = (str(getattr(action, name, "")) for name in ("issue", "page", "on", "iid"))
    return action.kind, action.key, *whereabouts


def _to_note(action: UpsertNote, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if len(action.body) > MAX_BODY:
        return TOO_LONG.format(most=MAX_BODY)
    if action.iid and (action.key != OF_RELEASE or action.create):
        return "on another merge request only what tells of a release is edited"
    return None if NOTE_KEYS.fullmatch(action.key) else f"note {action.key!r} is not on the list"


def _to_finding(action: PostFinding, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if len(action.body) > MAX_BODY:
        return TOO_LONG.format(most=MAX_BODY)
    if sum(isinstance(one, PostFinding) for one in allowed) >= MAX_FINDINGS:
        return f"more than {MAX_FINDINGS} findings"
    return _unidentified(action, ground.agent)


def _to_update(action: UpdateFinding, ground: Ground, allowed: Sequence[Action]) -> str | None:
    return None if KEY.fullmatch(action.key) else "its key is none that a note can be found by"


def _to_reply(action: Reply, ground: Ground, allowed: Sequence[Action]) -> str | None:
    """Whether the thread began with this finding of ours is looked up before it is closed or opened."""
    if len(action.body) > MAX_BODY:
        return TOO_LONG.format(most=MAX_BODY)
    if not REPLY_KEYS.fullmatch(action.key):
        return f"reply {action.key!r} is not on the list"
    if action.resolves is None:
        return None if action.body else "a reply that says nothing"
    return None if KEY.fullmatch(action.finding) else "only a thread of a finding is closed or opened"


# --- issues and the work that they start ---


def _to_link(action: LinkIssue, ground: Ground, allowed: Sequence[Action]) -> str | None:
    made = {one.key for one in allowed if isinstance(one, OpenMergeRequest | WriteSection)}
    if action.made and action.made not in made:
        return f"there is nothing that {action.made!r} makes"
    if not action.made and not (action.global_id and action.url and action.title):
        return "a link without id, address or title"
    return _elsewhere(action.issue, ground)


def _to_comment(action: CommentIssue, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if sum(map(len, action.body.texts())) > MAX_COMMENT:
        return TOO_LONG.format(most=MAX_COMMENT)
    if not KEY.fullmatch(action.key):
        return "its key is none that a comment can be found by"
    return _elsewhere(action.issue, ground)


def _to_move(action: MoveIssue, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if any(isinstance(one, MoveIssue) and one.issue == action.issue for one in allowed):
        return "moved twice"
    return _elsewhere(action.issue, ground)


def _to_edit(action: EditIssue, ground: Ground, allowed: Sequence[Action]) -> str | None:
    odd = next((one for one in action.labels if not LABEL.fullmatch(one)), None)
    return f"{odd!r} can be no label" if odd is not None else _elsewhere(action.issue, ground)


# --- pages ---


def _to_section(action: WriteSection, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if (action.body is None) == (not action.edits):
        return "either a whole text or edits"
    if not (action.page or (action.title and action.parent)):
        return "neither a page nor a place to make one"
    if action.body is None and not action.page:
        return "edits of a page that is not there"
    texts = [action.body] if action.body else [edit.body for edit in action.edits]
    if sum(len(text) for one in texts for text in one.texts()) > LONGEST_SECTION:
        return TOO_LONG.format(most=LONGEST_SECTION)
    return _other_space(action.space, ground)


def _to_page_comment(action: CommentPage, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if sum(map(len, action.body.texts())) > MAX_COMMENT:
        return TOO_LONG.format(most=MAX_COMMENT)
    if not PAGE_KEY.fullmatch(action.key):
        return "its key is none that a comment can be found by"
    return _other_space(action.space, ground)


def _other_space(space: str, ground: Ground) -> str | None:
    if space.casefold() in {one.casefold() for one in ground.spaces}:
        return None
    return f"the space {space} is not one of this run"


def _elsewhere(issue: str, ground: Ground) -> str | None:
    return None if issue in ground.issues else f"{issue} is no issue of this run"


def _to_status(action: SetCommitStatus, ground: Ground, allowed: Sequence[Action]) -> str | None:
    return None if action.name in STATUSES else f"status {action.name!r} is not on the list"


def _to_branch(action: OpenBranch, ground: Ground, allowed: Sequence[Action]) -> str | None:
    return None if REF.fullmatch(action.name) else f"{action.name!r} can be no branch"


def _to_merge_request(action: OpenMergeRequest, ground: Ground, allowed: Sequence[Action]) -> str | None:
    if len(action.body) > MAX_BODY:
        return TOO_LONG.format(most=MAX_BODY)
    branches = {one.name for one in allowed if isinstance(one, OpenBranch)}
    return None if action.branch in branches else f"{action.branch!r} is no branch of this run"


def _to_react(action: React, ground: Ground, allowed: Sequence[Action]) -> str | None:
    names = [name for name in (action.emoji, action.instead_of) if name is not None]
    unlisted = (f"reaction {name!r} is not on the list" for name in names if name not in reactions.EVERY)
    return next(unlisted, None if names else "a reaction that neither gives nor takes one")


def _unidentified(action: PostFinding, agent: Actor) -> str | None:
    """A finding is known by its fingerprint: under any other key it would be posted again."""
    if action.finding.agent != agent.name:
        return f"the {agent.name} agent may not speak for {action.finding.agent!r}"
    if action.key != action.finding.fingerprint or not KEY.fullmatch(action.key):
        return "its key is not the finding's fingerprint"
    return None


def _misplaced(action: PostFinding, change: ChangeSet) -> str | None:
    """A position is only believed when the diff gives the very same one."""
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


def _without_false_suggestion(action: Action, ground: Ground) -> tuple[Action, str]:
    """One click must replace what the author sees: a suggestion that would not is left out, and the reason told."""
    if not isinstance(action, PostFinding) or action.finding.suggestion is None or ground.snapshot is None:
        return action, ""
    reason = _falsehood(action, action.finding.suggestion, ground.snapshot)
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


FORMS: Final[Mapping[type, Callable[[Any, Ground, Sequence[Action]], str | None]]] = {
    React: _to_react,
    Reply: _to_reply,
    UpdateFinding: _to_update,
    UpsertNote: _to_note,
    PostFinding: _to_finding,
    LinkIssue: _to_link,
    CommentIssue: _to_comment,
    MoveIssue: _to_move,
    EditIssue: _to_edit,
    SetCommitStatus: _to_status,
    OpenBranch: _to_branch,
    OpenMergeRequest: _to_merge_request,
    WriteSection: _to_section,
    CommentPage: _to_page_comment,
}
"""What speaks against an action by itself, by its kind; None: nothing."""
