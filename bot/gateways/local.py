"""A checkout on this machine in place of a code host: read from git, written to nowhere."""

from collections.abc import Sequence
from pathlib import Path

from bot.domain.action_words import described
from bot.domain.actions import Action, Outcome, Proposal
from bot.domain.background import Commit
from bot.domain.change import ChangeSet, DiffRefs, MergeRequest, Target
from bot.domain.notes import Award, Note
from bot.gateways.git import GitSnapshot, LocalCheckout

MOST_COMMITS = 100

DRY_RUN = "dry run: not written"


class LocalReader:
    """The port `MergeRequestReader` on a checkout: what is committed and what is changed in tracked files.

    `base` names a ref; None: the default branch. Rules come from the tip of the base, never from the change.
    Raises UsageError where this is no checkout or the base is unknown.
    """

    def __init__(self, folder: Path, base: str | None) -> None:
        self._checkout = LocalCheckout(folder)
        self._head = self._checkout.working_commit()
        self.name = self._checkout.name
        self.untracked = self._checkout.untracked()
        self.base = base or self._checkout.default_base()
        self._tip = self._checkout.tip(self.base)
        self._fork = self._checkout.merge_base(self.base, self._head)

    def merge_request(self, target: Target) -> MergeRequest:
        return MergeRequest(
            target=target,
            title="",
            description="",
            state="opened",
            draft=False,
            author="",
            source_branch="HEAD",
            target_branch=self.base,
            head=self._head,
            refs=DiffRefs(self._fork, self._fork, self._head),
        )

    def change_set(self, request: MergeRequest) -> ChangeSet:
        return self._checkout.change_set(self._fork, request.head)

    def notes(self, target: Target) -> Sequence[Note]:
        return ()

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        return ()

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        return ()

    def snapshot(self, request: MergeRequest) -> GitSnapshot:
        return self._checkout.snapshot(request.head)

    def snapshot_at(self, request: MergeRequest, commit: str) -> GitSnapshot:
        return self._checkout.snapshot(commit)

    def target_branch(self, request: MergeRequest) -> GitSnapshot:
        return self._checkout.snapshot(self._tip)

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        """Those people made: what is not committed yet has no message to read."""
        return self._checkout.commits(self._fork, self._checkout.tip("HEAD"), MOST_COMMITS)

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        return ()

    def is_bot(self, user_id: int) -> bool:
        return False

    def access_level(self, target: Target, user_id: int) -> int:
        return 0


class DryRun:
    """Effects that happen nowhere."""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]:
        return [_not_written(action) for action in proposal.actions]

    def discard(self, proposal: Proposal) -> None:
        """There is nothing to take back."""


def _not_written(action: Action) -> Outcome:
    """That nothing was written, and what would have been."""
    about, _, text = described(action).partition("\n")
    reason = f"{DRY_RUN}\n{text}" if text else DRY_RUN
    return Outcome(key=action.key, result="unchanged", reason=reason, about=about)
