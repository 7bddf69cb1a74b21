"""What the bot does on GitLab beside reviews: commit statuses, and work begun as a branch with its draft.

Idempotent by reading what is there: done again, also after a crash or a lost answer at any step, it changes nothing.
"""

from collections.abc import Callable
from typing import Any, Final

from bot.domain.actions import CodeAction, OpenBranch, OpenMergeRequest, Outcome, Proposal, SetCommitStatus
from bot.domain.change import Target
from bot.domain.events import Person
from bot.domain.titles import LONGEST, inert_title
from bot.errors import Forbidden, NotFound, Refused, Superseded
from bot.gateways.gitlab_accounts import find_account
from bot.gateways.gitlab_api import GitLabApi, project_path
from bot.gateways.gitlab_files import read_branch
from bot.gateways.gitlab_review import read_merge_request
from bot.gateways.gitlab_shapes import BranchShape, MergeRequestShape, shaped
from bot.gateways.gitlab_statuses import CommitStatuses, Place

DRAFT: Final = "Draft: "
EXISTS: Final = "already exists"  # GitLab's words for branches (400) and open merge requests (409) alike
GOING: Final = ("opened", "locked")

RELEASE_STATUS: Final = "trivet/release-notes"
RELEASE_TOLD = "the release notes are written"
MADE = "made"
ALREADY = "there already"
BEGUN = "!{iid} was opened for it before and is {state}"
NOBODY = "{name} is not the name of one active account: assigned to nobody"
MOVED = "{target} moved from {ours} to {theirs} meanwhile"
OTHER_STATE = "{target} was {before} and is {now} now"


class GitLabWork:
    """One write token, of the account `me`, on one GitLab.

    `clean` is the one sanitizer before every text, `redact` replaces secrets in titles, which are no Markdown.
    """

    def __init__(
        self, api: GitLabApi, *, me: Person, clean: Callable[[str], str], redact: Callable[[str], str]
    ) -> None:
        self._api = api
        self._me = me
        self._clean = clean
        self._redact = redact

    def apply(self, action: CodeAction, proposal: Proposal) -> Outcome:
        """What became of it. What GitLab forbids or does not take is refused, in its words.

        Raises Unavailable, AccessDenied for a token that is no longer good, PlatformError for an odd answer.
        """
        target = Target(proposal.project, proposal.iid, proposal.project_id)
        try:
            match action:
                case SetCommitStatus():
                    return self._set_status(action, target, proposal.head)
                case OpenBranch():
                    return self._open_branch(action, target)
                case OpenMergeRequest():
                    return self._open_merge_request(action, target, proposal.issue)
        except (NotFound, Forbidden, Refused) as refusal:
            return Outcome(key=action.key, result="refused", reason=str(refusal))

    def still(self, target: Target, head: str, state: str) -> None:
        """Raises Superseded unless the merge request is at this head, in this state; PlatformError."""
        now = read_merge_request(self._api, target)
        if now.state != state:
            raise Superseded(OTHER_STATE.format(target=target, before=state, now=now.state))
        if now.sha != head:
            theirs = now.sha or ""
            raise Superseded(MOVED.format(target=target, ours=head[:8], theirs=theirs[:8]), now.sha)

    def tell_release(self, project_id: int, tag: str, commit: str, trouble: str) -> None:
        """A failed status on the commit of a tag whose release notes could not be written; that they are, later on.

        Where they were written at once nothing is said. Raises PlatformError.
        """
        statuses, place = CommitStatuses(self._api), Place(project_id, commit, tag, None, "")
        if not trouble:
            before = statuses.newest(RELEASE_STATUS, place, tag)
            if before is None or before.status != "failed":
                return
        status = SetCommitStatus(
            key="status",
            name=RELEASE_STATUS,
            state="failed" if trouble else "success",
            description=self._redact(trouble) or RELEASE_TOLD,
        )
        statuses.set_at(status, place, tag)

    def _set_status(self, action: SetCommitStatus, target: Target, head: str) -> Outcome:
        written, url = CommitStatuses(self._api).set(action, target, head)
        return _made(action, url) if written else _there(action, url)

    def _open_branch(self, action: OpenBranch, target: Target) -> Outcome:
        if there := self._branch(action, target):
            return _there(action, there.web_url)
        if ours := self._ours(self._merge_requests(target, action.name)):
            return _begun(action, ours)
        what = f"branch {action.name} of {target.project}"
        fields = {"branch": action.name, "ref": action.ref}
        try:
            made = self._api.post(f"{project_path(target)}/repository/branches", what, fields)
        except Refused as error:
            there = self._branch(action, target) if EXISTS in error.detail else None
            if there is None:
                raise
            return _there(action, there.web_url)
        return _made(action, shaped(BranchShape, made, what).web_url)

    def _branch(self, action: OpenBranch, target: Target) -> BranchShape | None:
        try:
            return read_branch(self._api, target, action.name)
        except NotFound:
            return None

    def _open_merge_request(self, action: OpenMergeRequest, target: Target, issue: str) -> Outcome:
        if there := self._merge_request(action, target):
            return _begun(action, there)
        fields, complaint = self._fields(action, issue)
        what = f"a merge request from {action.branch} in {target.project}"
        try:
            made = self._api.post(f"{project_path(target)}/merge_requests", what, fields)
        except Refused as error:
            there = self._merge_request(action, target) if EXISTS in error.detail else None
            if there is None:
                raise
            return _begun(action, there)
        return _made(action, shaped(MergeRequestShape, made, what).web_url, complaint)

    def _merge_request(self, action: OpenMergeRequest, target: Target) -> MergeRequestShape | None:
        """An open one, else the newest of ours: work begun once, and merged or closed since, is not begun anew."""
        here = self._merge_requests(target, action.branch, target_branch=action.target)
        return next((one for one in here if one.state in GOING), None) or self._ours(here)

    def _merge_requests(self, target: Target, branch: str, **query: str) -> list[MergeRequestShape]:
        """Those from this very branch, newest first; not those of a fork's branch of the same name."""
        what = f"the merge requests from {branch} in {target.project}"
        path = f"{project_path(target)}/merge_requests"
        listed = self._api.pages(path, what, state="all", source_branch=branch, **query)
        found = [shaped(MergeRequestShape, item, what) for item in listed]
        here = [one for one in found if one.source_project_id == one.project_id]
        return sorted(here, key=lambda one: one.iid, reverse=True)

    def _ours(self, requests: list[MergeRequestShape]) -> MergeRequestShape | None:
        return next((one for one in requests if one.author and one.author.id == self._me.id), None)

    def _fields(self, action: OpenMergeRequest, issue: str) -> tuple[dict[str, Any], str]:
        """What GitLab is sent, and what is wrong with the assignee."""
        title = inert_title(action.title, keep=frozenset({issue} - {""}), redact=self._redact)
        fields: dict[str, Any] = {
            "source_branch": action.branch,
            "target_branch": action.target,
            "title": (DRAFT + (title or action.branch))[:LONGEST],
            "description": self._clean(action.body),
            "remove_source_branch": True,
        }
        if not action.assignee:
            return fields, ""
        try:
            account = find_account(self._api, username=action.assignee)
        except Forbidden as error:
            return fields, str(error)
        if account is None:
            return fields, NOBODY.format(name=action.assignee)
        return fields | {"assignee_id": account.id}, ""


def _made(action: CodeAction, url: str, reason: str = "") -> Outcome:
    return Outcome(key=action.key, result="done", reason=reason or MADE, url=url)


def _there(action: CodeAction, url: str) -> Outcome:
    return Outcome(key=action.key, result="unchanged", reason=ALREADY, url=url)


def _begun(action: CodeAction, there: MergeRequestShape) -> Outcome:
    reason = ALREADY if there.state in GOING else BEGUN.format(iid=there.iid, state=there.state)
    return Outcome(key=action.key, result="unchanged", reason=reason, url=there.web_url)
