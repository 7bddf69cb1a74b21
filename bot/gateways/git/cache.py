"""Bare, shallow copies of remote repositories, one a URL, shared by the processes of one machine."""

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from bot.errors import NotFound, Unavailable, UsageError
from bot.gateways.git.objects import GitObjects
from bot.gateways.git.process import HARDENED, Damaged, Git, Remote, base_environment, run

NOT_FETCHABLE = "{url} is not an address to fetch from: it needs http:// or https:// and no user or password"
NO_HEAD = "commit {commit} is gone from {url}: a newer push replaced it, or its branch was deleted"
NO_BRANCH = "{url} has no branch {branch}"
NO_COMMIT = "{url} has no commit {commit}"
BUSY = "another process has been fetching {url} for {seconds:g} s"

FETCH = (
    *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
    *("--no-auto-maintenance", "--no-show-forced-updates", "--refmap="),
)
TIDY = ("gc.auto=2000", "gc.autoPackLimit=50", "gc.pruneExpire=1.day.ago")
MISSING_REF = "remote ref"  # git's words for a branch that is not there, as against a repository
IDLE_SECONDS = 2_700.0  # longer than a run may last: what was used since then is not pruned
LOCK_PAUSE = 0.05

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BAD_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|[/.]$|\.lock(?:/|$)|^$")

Result = TypeVar("Result")


@dataclass(frozen=True)
class GitRepository(GitObjects):
    """A cached repository. `target_tip` is the commit the branch asked for was at when it was fetched."""

    cache: "GitCache" = field(repr=False)
    url: str
    target_tip: str

    def fetch_commit(self, commit: str, token: str) -> None:
        """Have this commit, too. Raises NotFound, AccessDenied, Unavailable."""
        if not self.has(commit):
            self.cache.fetch_commit(self.url, token, commit)


class GitCache:
    """`folder` is made when first needed; `timeout` is for one run of git, `protocols` what it may speak."""

    def __init__(
        self, folder: Path, *, timeout: float = 120, protocols: Sequence[str] = ("http", "https")
    ) -> None:
        self._folder = folder
        self._timeout = timeout
        self._protocols = tuple(protocols)

    def fetch(self, url: str, token: str, *, iid: int, head: str, target_branch: str) -> GitRepository:
        """The merge request's head, exactly this commit, and the tip of its target branch.

        Raises NotFound where either is gone, AccessDenied, Unavailable.
        """

        def fetched(fetching: Fetching) -> GitRepository:
            tip = fetching.merge_request(iid, head, target_branch)
            return GitRepository(git=fetching.git, cache=self, url=url, target_tip=tip)

        return self._alone(self._remote(url, token), fetched)

    def fetch_branch(self, url: str, token: str, branch: str) -> GitRepository:
        """The tip of one branch. Raises NotFound where it is gone, AccessDenied, Unavailable."""

        def fetched(fetching: Fetching) -> GitRepository:
            tip = fetching.branch(branch)
            return GitRepository(git=fetching.git, cache=self, url=url, target_tip=tip)

        return self._alone(self._remote(url, token), fetched)

    def fetch_commit(self, url: str, token: str, commit: str) -> None:
        """Have one more commit, the base of a diff say."""
        self._alone(self._remote(url, token), lambda fetching: fetching.single(commit))

    def prune(self, max_bytes: int, *, idle: float = IDLE_SECONDS) -> int:
        """Remove repositories, least recently used first, until the rest fits; how many went.

        What was used in the last `idle` seconds, or is being fetched, stays.
        """
        for leftover in self._folder.glob("*.leftover"):
            shutil.rmtree(leftover, ignore_errors=True)
        usages = list(_usages(self._folder.glob("*.git")))
        removed, total = 0, sum(size for _used, size, _path in usages)
        for used, size, path in sorted(usages):
            if total > max_bytes and time.time() - used >= idle and _removed(path):
                removed, total = removed + 1, total - size
        return removed

    def _remote(self, url: str, token: str) -> Remote:
        parts = urlsplit(url)
        if parts.scheme not in self._protocols or "@" in parts.netloc or not url.isprintable():
            raise UsageError(NOT_FETCHABLE.format(url=re.sub(r"//[^/]*@", "//", url)))
        return Remote(url, token)

    def _alone(self, remote: Remote, work: "Callable[[Fetching], Result]") -> Result:
        """Do the work while no other process changes the repository; a damaged one is made anew, once."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{hashlib.sha256(remote.url.encode()).hexdigest()[:40]}.git"
        busy = BUSY.format(url=remote.url, seconds=self._timeout)
        with locked(path.with_suffix(".lock"), self._timeout, busy) as lock:
            fetching = Fetching(Git(path, self._timeout, self._protocols, disposable=True), remote, lock)
            if _is_interrupted(path):
                _discard(path)
            _make(path, self._timeout)
            try:
                return work(fetching)
            except Damaged:
                _discard(path)
                _make(path, self._timeout)
                return work(fetching)
            finally:
                os.utime(path)


@dataclass(frozen=True)
class Fetching:
    """A locked repository and its remote. git keeps `lock` open, so that the lock outlives us where git does."""

    git: Git
    remote: Remote
    lock: int

    def merge_request(self, iid: int, head: str, target_branch: str) -> str:
        """Head and target in one go where possible; the target's tip."""
        if _BAD_BRANCH.search(target_branch):
            raise NotFound(NO_BRANCH.format(url=self.remote.url, branch=target_branch))
        own_head, own_target = f"refs/trivet/{iid}/head", f"refs/trivet/{iid}/target"
        target = f"+refs/heads/{target_branch}:{own_target}"
        try:
            self._fetch(*self._missing(head, own_head), target)
        except NotFound:
            self._branch(target, target_branch)
            self._head(head, own_head)
        self._tidy()
        return self._at(own_target)

    def branch(self, name: str) -> str:
        """The tip of a branch. Our ref is named by a digest: `a` cannot lie beside an `a/b` that came after it."""
        if _BAD_BRANCH.search(name):
            raise NotFound(NO_BRANCH.format(url=self.remote.url, branch=name))
        own = f"refs/trivet/branches/{hashlib.sha256(name.encode()).hexdigest()[:40]}"
        self._branch(f"+refs/heads/{name}:{own}", name)
        self._tidy()
        return self._at(own)

    def single(self, commit: str) -> None:
        try:
            self._fetch(*self._missing(commit, f"refs/trivet/commits/{commit}"))
        except NotFound:
            raise NotFound(NO_COMMIT.format(url=self.remote.url, commit=commit)) from None

    def _branch(self, refspec: str, branch: str) -> None:
        try:
            self._fetch(refspec)
        except NotFound as error:
            if MISSING_REF in str(error):
                raise NotFound(NO_BRANCH.format(url=self.remote.url, branch=branch)) from None
            raise

    def _head(self, head: str, own: str) -> None:
        """The head by its SHA. Any server gives the tip of a ref it shows so; GitLab gives every commit."""
        try:
            self._fetch(*self._missing(head, own))
        except NotFound:
            raise NotFound(NO_HEAD.format(url=self.remote.url, commit=head)) from None

    def _missing(self, commit: str, own: str) -> list[str]:
        """The refspec to get a commit by its SHA, none where we have it."""
        if not _SHA.fullmatch(commit):
            raise NotFound(NO_COMMIT.format(url=self.remote.url, commit=commit[:64]))
        return [] if self._at(own) == commit else [f"+{commit}:{own}"]

    def _at(self, ref: str) -> str:
        """The commit a ref of ours is at, empty without it."""
        return (self.git.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") or b"").decode().strip()

    def _fetch(self, *refspecs: str) -> None:
        if refspecs:
            self.git.run(*FETCH, "--", self.remote.url, *refspecs, remote=self.remote, keep_open=(self.lock,))

    def _tidy(self) -> None:
        """Join the packs when there are many; until then this costs one look."""
        settings = [part for setting in TIDY for part in ("-c", setting)]
        self.git.run(*settings, "gc", "--auto", "--quiet", keep_open=(self.lock,))


@contextmanager
def locked(path: Path, timeout: float, busy: str) -> Iterator[int]:
    """Hold the lock file, its descriptor given. Raises Unavailable with `busy` when another process keeps it."""
    deadline = time.monotonic() + timeout
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(lock):
            if time.monotonic() >= deadline:
                raise Unavailable(busy)
            time.sleep(LOCK_PAUSE)
        yield lock
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make(path: Path, timeout: float) -> None:
    """An empty bare repository, there whole or not at all."""
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    init = ("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(unfinished))
    run(init, base_environment(HARDENED), path.parent, timeout)
    unfinished.rename(path)


def _is_interrupted(path: Path) -> bool:
    """Whether a process died while it changed the repository, or found it damaged: nobody else holds the lock."""
    return Git(path).damage_mark.exists() or any(path.glob("*.lock")) or any((path / "refs").rglob("*.lock"))


def _discard(path: Path) -> None:
    """Take the repository out of the way at once, then remove it."""
    leftover = path.with_suffix(".leftover")
    shutil.rmtree(leftover, ignore_errors=True)
    path.rename(leftover)
    shutil.rmtree(leftover, ignore_errors=True)


def _removed(path: Path) -> bool:
    """Whether an unused repository could be removed."""
    try:
        with locked(path.with_suffix(".lock"), 0, "in use"):
            _discard(path)
    except (Unavailable, FileNotFoundError):
        return False
    return True


def _usages(paths: Iterable[Path]) -> Iterator[tuple[float, int, Path]]:
    """When each repository was last used (Unix time), and its bytes on disk."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path.stat().st_mtime, _size(path), path


def _size(path: Path) -> int:
    total = 0
    for folder, _folders, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total
