"""The checkout of a CI job in place of a code host: code from git, the merge request from who knows it, no token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.domain.background import Commit
from bot.domain.change import ChangeSet, DiffRefs, MergeRequest, Target
from bot.domain.notes import Award, Note
from bot.errors import PlatformError, UsageError
from bot.gateways.git import GitSnapshot, LocalCheckout
from bot.gateways.git.process import Remote

MOST_COMMITS = 100
SHORT = 8  # characters of a SHA for people
NONE: tuple[str, ...] = ()
SOURCE_SIDE = 2  # the parent of GitLab's merge commits that is the source branch

DEEPENING = "this clone is too shallow, it lacks {commits}: fetching just that"
TOO_SHALLOW = (
    "this clone is too shallow, it lacks {commits}, and fetching that failed ({reason}): "
    'set GIT_DEPTH: "0" in the variables of this job'
)
PARTIAL = (
    "this is a partial clone, which lacks contents: take --filter out of the job's GIT_FETCH_EXTRA_FLAGS"
)
NO_ADDRESS = "the checkout has no address to fetch from"
NO_BASE = (
    "GitLab did not say where the merge request's branch began, and the clone does not reach back to it: "
    'set GIT_DEPTH: "0" in the variables of this job'
)
NO_HEAD = (
    "GitLab did not say which commit the merge request is at, and the commit of this pipeline, {commit}, is no merge "
    'of it, or the clone ends there: set GIT_DEPTH: "0" in the variables of this job'
)
OLD_RULES = (
    "the rules are those of {base}, where the branch began: the tip of {branch} is not at hand ({reason})"
)


@dataclass(frozen=True, slots=True)
class Commits:
    """What a pipeline is about, as full SHAs. All but `checked_out` are "" where GitLab does not say them.

    `checked_out` is the head itself or, in merged-result and train pipelines, its merge into the target branch,
    `base` is where the source branch began, `target_tip` the target branch.
    """

    checked_out: str
    head: str
    base: str
    target_tip: str


@dataclass(frozen=True)
class JobReader:
    """The port `MergeRequestReader` on the checkout of a CI job. `rules`: the commit that rules are read from."""

    checkout: LocalCheckout
    request: MergeRequest
    refs: DiffRefs
    rules: str
    complaints: tuple[str, ...] = ()

    def merge_request(self, target: Target) -> MergeRequest:
        return self.request

    def change_set(self, request: MergeRequest) -> ChangeSet:
        return self.checkout.change_set(self.refs.base, self.refs.head)

    def notes(self, target: Target) -> Sequence[Note]:
        """A job without a token sees none."""
        return ()

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        return ()

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        return ()

    def snapshot(self, request: MergeRequest) -> GitSnapshot:
        return self.checkout.snapshot(self.refs.head)

    def snapshot_at(self, request: MergeRequest, commit: str) -> GitSnapshot:
        return self.checkout.snapshot(commit)

    def target_branch(self, request: MergeRequest) -> GitSnapshot:
        return self.checkout.snapshot(self.rules)

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        return self.checkout.commits(self.refs.base, self.refs.head, MOST_COMMITS)

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        return ()

    def is_bot(self, user_id: int) -> bool:
        return False

    def access_level(self, target: Target, user_id: int) -> int:
        return 0


def job_reader(clone: "Clone", request: MergeRequest, commits: Commits, *, is_fork: bool) -> JobReader:
    """`request` is the merge request without its commits. `is_fork`: branches of the remote are not the target's.

    Rules come from the tip of the target branch; where it is not at hand, from the base, and a complaint says so.
    Raises UsageError where it cannot be told what to compare, PlatformError where what is missing cannot be fetched.
    """
    head = commits.head or clone.merged(commits.checked_out)
    clone.need(head, commits.base)
    foreign = is_fork and commits.base
    tip, complaints = (commits.base, NONE) if foreign else clone.rules(request.target_branch, commits)
    base = commits.base or clone.fork_point(tip, head)
    refs = DiffRefs(base, base, head)
    return JobReader(clone.checkout, replace(request, head=head, refs=refs), refs, tip, complaints)


class Clone:
    """A job's checkout, which is often shallow, and where the job may fetch what it lacks (None: nowhere).

    `tell` gets a sentence when that takes place. Raises UsageError where the folder is in no checkout, or in one that
    lacks contents.
    """

    def __init__(
        self, folder: Path, remote: Callable[[str], Remote | None], tell: Callable[[str], None]
    ) -> None:
        self.checkout = LocalCheckout(folder)
        if self.checkout.is_partial():
            raise UsageError(PARTIAL)
        self._remote = remote(self.checkout.origin())
        self._tell = tell

    def merged(self, commit: str) -> str:
        """The source branch's commit in GitLab's merge of it."""
        parent = self.checkout.parent(commit, SOURCE_SIDE)
        if parent is None:
            raise UsageError(NO_HEAD.format(commit=commit[:SHORT]))
        return parent

    def need(self, *commits: str) -> None:
        """Have these commits, those that are "" apart."""
        missing = [commit for commit in commits if commit and not self.checkout.has(commit)]
        if not missing:
            return
        named = " and ".join(commit[:SHORT] for commit in missing)
        self._tell(DEEPENING.format(commits=named))
        try:
            self.checkout.fetch_commits(self._place(), missing)
        except PlatformError as error:
            raise PlatformError(TOO_SHALLOW.format(commits=named, reason=error)) from None

    def rules(self, branch: str, commits: Commits) -> tuple[str, tuple[str, ...]]:
        """The tip of the target branch. Where it cannot be had, the base ("" for not known) and a complaint."""
        try:
            return self._tip(branch, commits.target_tip), ()
        except PlatformError as error:
            said = OLD_RULES.format(base=commits.base[:SHORT], branch=branch, reason=error)
            return commits.base, (said,)

    def fork_point(self, tip: str, head: str) -> str:
        try:
            if tip:
                return self.checkout.merge_base(tip, head)
        except UsageError:
            raise UsageError(NO_BASE) from None
        raise UsageError(NO_BASE)

    def _tip(self, branch: str, known: str) -> str:
        """The target branch as the pipeline has it, else as it is now."""
        if known and self.checkout.has(known):
            return known
        place = self._place()
        tip = known or self.checkout.branch_tip(place, branch)
        if not self.checkout.has(tip):
            self.checkout.fetch_commits(place, [tip])
        return tip

    def _place(self) -> Remote:
        if self._remote is None:
            raise PlatformError(NO_ADDRESS)
        return self._remote
