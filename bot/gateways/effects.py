"""Everything a run writes, to whichever platform: each action to its gateway, in the proposal's order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.action_words import described
from bot.domain.actions import (
    Action,
    CodeAction,
    CommentIssue,
    CommentPage,
    GitLabAction,
    LinkIssue,
    MoveIssue,
    OpenMergeRequest,
    Outcome,
    PageAction,
    Proposal,
    React,
    UpsertNote,
    WriteSection,
)
from bot.domain.change import Target
from bot.domain.document import Document, paragraph
from bot.domain.markdown import one_line
from bot.domain.reactions import DONE, FAULTY, OUTCOME
from bot.errors import Forbidden, NotFound, Refused, UsageError
from bot.gateways.confluence_effects import ConfluenceEffects
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.gitlab_work import GitLabWork
from bot.gateways.jira_effects import JiraEffects

REVIEW: Final = "review"
ASK: Final = "ask"
UNDONE: Final = ("refused", "failed")
FAILURE: Final = "failure"
FAILED = "Trivet could not finish its work on this issue: {sentence}"
NO_JIRA = "no Jira is connected, so nothing can be written there: set TRIVET_JIRA__URL and TRIVET_JIRA__TOKEN"
NO_CONFLUENCE = (
    "no Confluence is connected, so nothing can be written there: "
    "set TRIVET_CONFLUENCE__URL and TRIVET_CONFLUENCE__TOKEN"
)
NOT_MADE = "what it links was not made"
CHANGED = "{issue} was deleted, moved, hidden or secured after it was read"
WRITTEN: Final = {
    "done": "It stands on {place}.",
    "unchanged": "It stands on {place}.",
    "refused": "Not written: {reason}.",
    "failed": "Not written: {reason}.",
}
"""What a note tells of an earlier action, by what became of it: done again, a run says the same."""
PAGE = "[the page]({url})"
THE_PAGE = "the page"
AT_TAG = "set the commit status of the tag"
HIDDEN = "the page was restricted, moved or taken away after it was read"
NOT_MOVED = "Not moved to {to}: {reason}."


@dataclass(frozen=True)
class Effects:
    """One process's gateways. `jira`, `pages` None: none is connected; else it is opened when it is first needed.

    `host` is GitLab's, for the global ids of links.
    """

    gitlab: GitLabEffects
    work: GitLabWork
    jira: Callable[[], JiraEffects] | None = None
    pages: Callable[[], ConfluenceEffects] | None = None
    host: str = ""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        """Make the platforms carry what the proposal says. Raises Superseded when its target moved on."""
        if proposal.agent == REVIEW:
            return self.gitlab.apply(proposal, acknowledged=acknowledged, attempt=attempt)
        if proposal.iid:
            self._still(proposal)
        outcomes = self._in_order(proposal)
        if proposal.note:
            self.gitlab.withdraw(_target(proposal), proposal.note, acknowledged)
        return [*outcomes, *self._told_at_tag(proposal, _trouble(proposal, outcomes))]

    def acknowledge(self, target: Target, note: int = 0) -> int | None:
        return self.gitlab.acknowledge(target, note)

    def withdraw(self, target: Target, note: int = 0) -> None:
        self.gitlab.withdraw(target, note)

    def discard(self, proposal: Proposal) -> None:
        """An interrupted review leaves nothing half done; every other action is whole in itself."""
        if proposal.agent == REVIEW:
            self.gitlab.discard(proposal)

    def complain(self, target: Target, agent: str, sentence: str, note: int = 0) -> None:
        self.gitlab.complain(target, agent, sentence, note)

    def complain_on_issue(self, issue: str, sentence: str) -> None:
        """In one comment, edited in place; not for customers, as it may name a project or a server."""
        body = Document(blocks=(paragraph(FAILED.format(sentence=sentence)),))
        self._jira().apply(CommentIssue(key=FAILURE, issue=issue, body=body, internal=True), {})

    def complain_of_release(self, project_id: int, tag: str, commit: str, sentence: str) -> None:
        self.work.tell_release(project_id, tag, commit, sentence)

    def _still(self, proposal: Proposal) -> None:
        """An answer is one to a merge request that was merged meanwhile, too."""
        if proposal.agent == ASK:
            self.gitlab.still(_target(proposal), proposal.head)
        else:
            self.work.still(_target(proposal), proposal.head, proposal.state)

    def _told_at_tag(self, proposal: Proposal, trouble: str) -> list[Outcome]:
        """What became of telling it, where that went wrong; what is written on pages stays written."""
        if not (proposal.tag and proposal.head):
            return []
        try:
            self.work.tell_release(proposal.project_id, proposal.tag, proposal.head, trouble)
        except (NotFound, Forbidden, Refused) as error:
            return [Outcome(key="status", result="failed", reason=str(error), about=AT_TAG)]
        return []

    def _in_order(self, proposal: Proposal) -> list[Outcome]:
        """What one action made or could not do, a later one may speak of."""
        made: dict[str, str] = {}
        outcomes: list[Outcome] = []
        by_key: dict[str, Outcome] = {}
        missed: list[tuple[MoveIssue, str]] = []
        changed: dict[str, bool] = {}
        write = self.gitlab.writer(proposal)
        for action in proposal.actions:
            if _is_moot(action, by_key):
                continue
            told = _as_it_ended(_with_outcomes(_with_remarks(action, missed), by_key), outcomes)
            outcome = self._checked(action, proposal, changed) or self._applied(told, proposal, made, write)
            by_key[action.key] = outcome
            outcomes.append(outcome.model_copy(update={"about": described(action).partition("\n")[0]}))
            if outcome.url:
                made[action.key] = outcome.url
            if isinstance(action, MoveIssue) and outcome.result in ("refused", "failed"):
                missed.append((action, outcome.reason))
        return outcomes

    def _checked(self, action: Action, proposal: Proposal, changed: dict[str, bool]) -> Outcome | None:
        """A refusal where issue or page share no texts any more; an outage may lie between reading it and this.

        What became of a text that a note has shown is told in any case.
        """
        if isinstance(action, UpsertNote) and action.section and not action.tells:
            return self._hidden(action, action.section.page, changed)
        issue = getattr(action, "issue", proposal.issue)
        if issue not in proposal.shared:
            return None
        if issue not in changed:
            changed[issue] = not self._jira().shares(issue)
        reason = CHANGED.format(issue=issue)
        return Outcome(key=action.key, result="refused", reason=reason) if changed[issue] else None

    def _hidden(self, action: UpsertNote, page: str, changed: dict[str, bool]) -> Outcome | None:
        if page not in changed:
            changed[page] = self._confluence().hides(page)
        return Outcome(key=action.key, result="refused", reason=HIDDEN) if changed[page] else None

    def _applied(
        self,
        action: Action,
        proposal: Proposal,
        made: dict[str, str],
        write: Callable[[GitLabAction], Outcome],
    ) -> Outcome:
        if isinstance(action, GitLabAction):
            return write(action)
        if isinstance(action, CodeAction):
            return self.work.apply(action, proposal)
        if isinstance(action, PageAction):
            return self._confluence().apply(action, made)
        if isinstance(action, LinkIssue) and action.made:
            return self._linked(action, proposal, made)
        return self._jira().apply(action, made)

    def _linked(self, action: LinkIssue, proposal: Proposal, made: dict[str, str]) -> Outcome:
        """The link to what did not exist when the link was proposed: a page, or a merge request.

        The link to a merge request that is there says more: it may have been renamed since it was made, or be over.
        """
        url = made.get(action.made, "")
        if action.global_id and url:
            return self._jira().apply(action.model_copy(update={"url": url, "made": ""}), made)
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

    def _confluence(self) -> ConfluenceEffects:
        if self.pages is None:
            raise UsageError(NO_CONFLUENCE)
        return self.pages()

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


def _with_outcomes(action: Action, outcomes: Mapping[str, Outcome]) -> Action:
    """A note tells below its text what became of the actions before it."""
    if not isinstance(action, UpsertNote) or not action.tells:
        return action
    told = [_told(outcomes[key]) for key in action.tells if key in outcomes]
    return action.model_copy(update={"body": "\n\n".join((action.body, *told))})


def _as_it_ended(action: Action, outcomes: Sequence[Outcome]) -> Action:
    """Who asked for something is not shown that it is done where it was refused."""
    is_done = not any(one.result in UNDONE for one in outcomes)
    if is_done or not isinstance(action, React) or action.key != OUTCOME or action.emoji != DONE:
        return action
    return action.model_copy(update={"emoji": FAULTY})


def _is_moot(action: Action, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether it was meant for another outcome of an earlier action."""
    if not isinstance(action, CommentPage) or action.after not in outcomes:
        return False
    is_done = outcomes[action.after].result in ("done", "unchanged")
    return is_done != (action.on == "done")


def _trouble(proposal: Proposal, outcomes: Sequence[Outcome]) -> str:
    """Why a page was not written, "" where all were."""
    pages = {one.key for one in proposal.actions if isinstance(one, WriteSection)}
    return "; ".join(one.reason for one in outcomes if one.key in pages and one.result in UNDONE)


def _told(outcome: Outcome) -> str:
    place = PAGE.format(url=outcome.url) if outcome.url else THE_PAGE
    return WRITTEN[outcome.result].format(place=place, reason=one_line(outcome.reason).rstrip("."))
