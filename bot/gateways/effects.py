"""Everything a run writes, to whichever platform: each action to its gateway, in the proposal's order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.action_words import described
from bot.domain.actions import (
    Action,
    CodeAction,
    CommentIssue,
    GitLabAction,
    LinkIssue,
    MoveIssue,
    OpenMergeRequest,
    Outcome,
    Proposal,
)
from bot.domain.change import Target
from bot.domain.document import Document, paragraph
from bot.errors import UsageError
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.gitlab_work import GitLabWork
from bot.gateways.jira_effects import JiraEffects

REVIEW: Final = "review"
FAILURE: Final = "failure"
FAILED = "Trivet could not finish its work on this issue: {sentence}"
NO_JIRA = "no Jira is connected, so nothing can be written there: set TRIVET_JIRA__URL and TRIVET_JIRA__TOKEN"
NOT_MADE = "what it links was not made"
CHANGED = "{issue} was deleted, moved, hidden or secured after it was read"
NOT_MOVED = "Not moved to {to}: {reason}."


@dataclass(frozen=True)
class Effects:
    """One process's gateways. `jira` None: none is connected; else it is opened when it is first needed.

    `host` is GitLab's, for the global ids of links.
    """

    gitlab: GitLabEffects
    work: GitLabWork
    jira: Callable[[], JiraEffects] | None = None
    host: str = ""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        """Make the platforms carry what the proposal says. Raises Superseded when its target moved on."""
        if proposal.agent == REVIEW:
            return self.gitlab.apply(proposal, acknowledged=acknowledged, attempt=attempt)
        if not proposal.issue:
            self.work.still(_target(proposal), proposal.head, proposal.state)
        return self._in_order(proposal)

    def acknowledge(self, target: Target) -> int | None:
        return self.gitlab.acknowledge(target)

    def withdraw(self, target: Target) -> None:
        self.gitlab.withdraw(target)

    def discard(self, proposal: Proposal) -> None:
        """An interrupted review leaves nothing half done; every other action is whole in itself."""
        if proposal.agent == REVIEW:
            self.gitlab.discard(proposal)

    def complain(self, target: Target, agent: str, sentence: str) -> None:
        self.gitlab.complain(target, agent, sentence)

    def complain_on_issue(self, issue: str, sentence: str) -> None:
        """In one comment, edited in place; not for customers, as it may name a project or a server."""
        body = Document(blocks=(paragraph(FAILED.format(sentence=sentence)),))
        self._jira().apply(CommentIssue(key=FAILURE, issue=issue, body=body, internal=True), {})

    def _in_order(self, proposal: Proposal) -> list[Outcome]:
        """What one action made or could not do, a later one may speak of."""
        made: dict[str, str] = {}
        outcomes: list[Outcome] = []
        missed: list[tuple[MoveIssue, str]] = []
        changed: dict[str, bool] = {}
        for action in proposal.actions:
            outcome = self._checked(action, proposal, changed) or self._applied(
                _with_remarks(action, missed), proposal, made
            )
            outcomes.append(outcome.model_copy(update={"about": described(action).partition("\n")[0]}))
            if outcome.url:
                made[action.key] = outcome.url
            if isinstance(action, MoveIssue) and outcome.result in ("refused", "failed"):
                missed.append((action, outcome.reason))
        return outcomes

    def _checked(self, action: Action, proposal: Proposal, changed: dict[str, bool]) -> Outcome | None:
        """A refusal where the issue shares no texts any more; an outage may lie between reading it and this."""
        issue = getattr(action, "issue", proposal.issue)
        if issue not in proposal.shared:
            return None
        if issue not in changed:
            changed[issue] = not self._jira().shares(issue)
        reason = CHANGED.format(issue=issue)
        return Outcome(key=action.key, result="refused", reason=reason) if changed[issue] else None

    def _applied(self, action: Action, proposal: Proposal, made: dict[str, str]) -> Outcome:
        if isinstance(action, GitLabAction):
            return self.gitlab.write(action, proposal)
        if isinstance(action, CodeAction):
            return self.work.apply(action, proposal)
        if isinstance(action, LinkIssue) and action.made:
            return self._linked(action, proposal, made)
        return self._jira().apply(action, made)

    def _linked(self, action: LinkIssue, proposal: Proposal, made: dict[str, str]) -> Outcome:
        """The link to a merge request that did not exist when the link was proposed.

        One that is there says more: the merge request may have been renamed since it was made, or be over.
        """
        url = made.get(action.made, "")
        iid = url.rpartition("/")[2]
        if not iid.isdigit():
            return Outcome(key=action.key, result="refused", reason=NOT_MADE)
        title = next((one.title for one in _opened(proposal.actions) if one.key == action.made), "")
        whole = action.model_copy(
            update={
                "url": url,
                "global_id": f"system={self.host}&mr={proposal.project_id}!{iid}",
                "title": action.title or f"!{iid} {title}",
                "made": "",
                "update": False,
            }
        )
        return self._jira().apply(whole, made)

    def _jira(self) -> JiraEffects:
        if self.jira is None:
            raise UsageError(NO_JIRA)
        return self.jira()


def _opened(actions: Sequence[Action]) -> list[OpenMergeRequest]:
    return [one for one in actions if isinstance(one, OpenMergeRequest)]


def _target(proposal: Proposal) -> Target:
    return Target(proposal.project, proposal.iid, proposal.project_id)


def _with_remarks(action: Action, missed: Sequence[tuple[MoveIssue, str]]) -> Action:
    """A comment tells which move of its issue did not succeed: there a person looks."""
    remarks = [
        paragraph(NOT_MOVED.format(to=move.to, reason=reason))
        for move, reason in missed
        if isinstance(action, CommentIssue) and move.issue == action.issue
    ]
    if not remarks or not isinstance(action, CommentIssue):
        return action
    return action.model_copy(update={"body": Document(blocks=(*action.body.blocks, *remarks))})
