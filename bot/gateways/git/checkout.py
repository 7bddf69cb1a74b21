"""The checkout on this machine: what has changed in it since a base, committed or not."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from bot.domain.background import Commit
from bot.domain.change import ChangeSet, DiffRefs
from bot.errors import NotFound, PlatformError, UsageError
from bot.gateways.git.objects import GitObjects, GitSnapshot
from bot.gateways.git.process import HARDENED, Git, Remote, base_environment, run

NO_CHECKOUT = "{path} is not in a git checkout"
NO_COMMIT = "{path} has no commit yet"
NO_BRANCH = "there is no branch {branch}"
NO_REF = "there is no branch, tag or commit {ref}; there are {some}"
NO_BASE = "cannot tell what to compare with: name a branch with --base"
SHALLOW = "this shallow clone does not reach back to where {ref} and HEAD part: git fetch --deepen=1000 origin {ref}"
UNRELATED = "{ref} and HEAD have no commit in common"
MOST_FILES = 30_000  # read of one change: ten times what GitLab ever lists (administration/diff_limits)
OMITTED = "{read:,} of {count} changed files were looked at, the first by path; the others were not read"

FALLBACK_BASES = ("origin/main", "origin/master", "main", "master")
SHOWN_REFS = 5
LOG = (
    *("log", "-z", "--format=%H%x00%an%x00%B", "--encoding=UTF-8", "--no-patch"),
    *("--no-show-signature", "--no-mailmap", "--no-notes", "--no-color"),
)
FETCH = (
    *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
    *("--no-auto-maintenance", "--no-show-forced-updates", "--refmap="),
)
FILTER_OFF = {"clean": "", "smudge": "", "process": "", "required": "false"}
WORKING_TREE = "Working tree"
IDENTITY: Mapping[str, str] = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "trivet"), ("EMAIL", "trivet@localhost"), ("DATE", "946684800 +0000"))
}


class LocalCheckout:
    """The git checkout that holds `path`. Raises UsageError where there is none. Reads; never changes a file.

    Only `fetch_commits` and `branch_tip` use the network, and only the first adds to the store of objects.
    """

    def __init__(self, path: Path, *, timeout: float = 120) -> None:
        self._top, folder = _found(path, timeout)
        self._git = Git(folder, timeout)
        self._online = Git(folder, timeout, ("http", "https"))
        self._objects = GitObjects(self._git)

    def working_commit(self) -> str:
        """HEAD, or, where tracked files differ from it, a commit of their present contents on top of it.

        That commit is an object no ref names; index and work tree stay as they are. The same contents give the
        same commit. Untracked files are not in it.
        """
        head = self._commit("HEAD")
        if head is None:
            raise UsageError(NO_COMMIT.format(path=self._top))
        tree = self._written_tree()
        if tree == self._text("rev-parse", f"{head}^{{tree}}"):
            return head
        return self._text("commit-tree", tree, "-p", head, "-m", WORKING_TREE, place=IDENTITY)

    def untracked(self) -> int:
        """How many files git neither tracks nor ignores: they are in no commit, also not in `working_commit`."""
        place = {"GIT_WORK_TREE": str(self._top), "GIT_INDEX_FILE": str(self._git.folder / "index")}
        question = ("ls-files", "--others", "--exclude-standard", "-z")
        found = self._git.run("-C", str(self._top), *question, place=place)
        return found.count(b"\0")

    def default_base(self) -> str:
        """The remote's default branch, else main or master, as a name for `merge_base`."""
        pointed = self._git.ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        names = [pointed.decode().strip()] if pointed else []
        for name in (*names, *FALLBACK_BASES):
            if self._commit(name):
                return name
        raise UsageError(NO_BASE)

    @property
    def name(self) -> str:
        """The folder's, as people call the checkout."""
        return self._top.name

    def tip(self, ref: str) -> str:
        """The commit of a branch (here or on origin), a tag or a SHA."""
        commit = self._commit(ref) or self._commit(f"origin/{ref}")
        if commit is None:
            raise UsageError(NO_REF.format(ref=ref, some=self._some_refs()))
        return commit

    def merge_base(self, base_ref: str, commit: str) -> str:
        """Where `commit` left `base_ref`, named as for `tip`."""
        found = self._git.ask("merge-base", self.tip(base_ref), commit)
        if found is None:
            raise UsageError((SHALLOW if self.is_shallow() else UNRELATED).format(ref=base_ref))
        return found.decode().split()[0]

    def has(self, commit: str) -> bool:
        return self._objects.has(commit)

    def is_shallow(self) -> bool:
        return self._text("rev-parse", "--is-shallow-repository") == "true"

    def is_partial(self) -> bool:
        """Whether it was cloned with a filter, so that contents are missing which git would fetch one by one."""
        return self._git.ask("config", "--get-regexp", r"^remote\..*\.partialclonefilter$") is not None

    def parent(self, commit: str, number: int) -> str | None:
        """A commit's first, second ... parent; None where there is none, or where a shallow clone ends."""
        return self._commit(f"{commit}^{number}")

    def origin(self) -> str:
        """The address it was cloned from, "" for none. It may hold credentials."""
        return (
            (self._git.ask("config", "--get", "remote.origin.url") or b"").decode("utf-8", "replace").strip()
        )

    def fetch_commits(self, remote: Remote, commits: Sequence[str]) -> None:
        """Have these commits (SHAs), too; a clone that is shallow gets them without their history.

        Raises NotFound, AccessDenied, Unavailable.
        """
        depth = ("--depth=1",) if self.is_shallow() else ()
        self._online.run(*FETCH, *depth, "--", remote.url, *commits, remote=remote)

    def branch_tip(self, remote: Remote, branch: str) -> str:
        """The commit a branch is at there, now. Raises NotFound, AccessDenied, PlatformError."""
        ref = f"refs/heads/{branch}"
        if self._git.ask("check-ref-format", ref) is None:
            raise NotFound(NO_BRANCH.format(branch=branch))
        answer = self._online.run("ls-remote", "--quiet", "--", remote.url, ref, remote=remote)
        found = [line.partition(b"\t") for line in answer.splitlines()]
        tips = [commit.decode() for commit, _tab, name in found if name == ref.encode()]
        if not tips:
            raise NotFound(NO_BRANCH.format(branch=branch))
        return tips[0]

    def change_set(self, base: str, head: str) -> ChangeSet:
        """What changed between two commits (SHAs): at most `MOST_FILES`, the others are counted."""
        refs = DiffRefs(base, base, head)
        with closing(self._objects.diff(base, head)) as changed:
            files = tuple(islice(changed, MOST_FILES + 1))
        if len(files) <= MOST_FILES:
            return ChangeSet(refs, files)
        count = f"{self._objects.count(base, head):,}"
        return ChangeSet(refs, files[:MOST_FILES], OMITTED.format(read=MOST_FILES, count=count), count)

    def commits(self, base: str, head: str, most: int) -> Sequence[Commit]:
        """What `head` has and `base` has not (SHAs), newest first."""
        said = self._git.run(*LOG, f"--max-count={most}", f"{base}..{head}").decode("utf-8", "replace")
        fields = iter(said.split("\0")[:-1])
        return tuple(
            Commit(sha, message, author) for sha, author, message in zip(fields, fields, fields, strict=True)
        )

    def snapshot(self, commit: str) -> GitSnapshot:
        return GitSnapshot(self._objects, commit)

    def _commit(self, name: str) -> str | None:
        found = self._git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return found.decode().strip() if found else None

    def _text(self, *args: str, place: Mapping[str, str] | None = None) -> str:
        return self._git.run(*args, place=place).decode("utf-8", "replace").strip()

    def _some_refs(self) -> str:
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        order = ("--sort=-committerdate", f"--count={SHOWN_REFS}", "--format=%(refname:short)")
        return ", ".join(self._text("for-each-ref", *order, *kinds).split()) or "none"

    def _written_tree(self) -> str:
        """The tree of all tracked files as they are on disk, by a copy of the index.

        `git stash create` would refresh the real index and stop at a merge conflict.
        """
        with self._copied_index() as index:
            place = {"GIT_WORK_TREE": str(self._top), "GIT_INDEX_FILE": str(index)}
            git = Git(self._git.folder, self._git.timeout, extra=self._filters_off())
            git.run("add", "--update", place=place)
            return git.run("write-tree", place=place).decode().strip()

    @contextmanager
    def _copied_index(self) -> Iterator[Path]:
        """Its time stamp is copied, too: git tells by it which files may have changed unnoticed."""
        with tempfile.TemporaryDirectory(prefix="trivet-") as folder:
            copy, index = Path(folder) / "index", self._git.folder / "index"
            if index.exists():
                shutil.copy2(index, copy)
            yield copy

    def _filters_off(self) -> tuple[tuple[str, str], ...]:
        """Settings that undo each filter program the repository's configuration names: none is to run."""
        keys = self._git.ask("config", "--null", "--name-only", "--get-regexp", r"^filter\..*\.") or b""
        names = {
            key.decode("utf-8", "surrogateescape").rpartition(".")[0] for key in keys.split(b"\0") if key
        }
        return tuple(
            (f"{name}.{part}", value) for name in sorted(names) for part, value in FILTER_OFF.items()
        )


def _found(path: Path, timeout: float) -> tuple[Path, Path]:
    """The top of the checkout that holds `path`, and its git directory."""
    question = ("rev-parse", "--path-format=absolute", "--show-toplevel", "--absolute-git-dir")
    try:
        answer = run(question, base_environment(HARDENED), path, timeout)
    except PlatformError:
        raise UsageError(NO_CHECKOUT.format(path=path)) from None
    top, folder = answer.removesuffix(b"\n").split(b"\n")
    return Path(os.fsdecode(top)), Path(os.fsdecode(folder))
