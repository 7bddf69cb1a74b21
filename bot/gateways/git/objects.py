"""Reading commits: the diff of two, the files of one. Never a work tree."""

import os
import re
import select
import subprocess
import threading
import time
import weakref
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import IO, TypeVar

from bot.domain.change import FileChange
from bot.domain.diff import parse_sections
from bot.errors import NotFound, PlatformError, Unavailable
from bot.gateways.git.process import CHUNK, DAMAGED, Damaged, Git, end
from bot.gateways.git.search import files_with, lines_with, needle
from bot.ports import Match

# As Gitaly asks git for a merge request's diff (--find-renames=30%), so that our hunks and names are GitLab's.
RENAMES = ("--find-renames=30%", "-l1000")
DIFF = (
    *("diff-tree", "-r", "-p", *RENAMES, "--full-index", "--no-color", "--unified=3"),
    *("--inter-hunk-context=0", "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--submodule=short", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv", "--no-relative"),
)
NAMES = ("diff-tree", "-r", "-z", "--name-only", "--ignore-submodules=none", *RENAMES)
MAX_ARGUMENTS = 100_000  # bytes of paths given to git; more are picked from the whole diff
MAX_PATH = 4_096  # bytes: no checkout can hold more
MAX_SEARCHED = 1_000_000  # bytes of a file
FOLDERS = 256  # listings a snapshot remembers
SEARCHES = (
    128  # and what so many searches found: a model's earlier questions are asked anew at each of its turns
)
REGULAR = (b"100644", b"100755", b"100664")
FOLDER = b"040000"

NO_COMMIT = "the repository has no commit {commit}"
STUCK = "git did not answer in time and was stopped"
ODD_DIFF = "git printed a diff that cannot be read: {reason}"

Key = TypeVar("Key")
Value = TypeVar("Value")

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class GitObjects:
    """A repository as its objects."""

    git: Git

    def has(self, commit: str) -> bool:
        return (
            bool(_COMMIT.fullmatch(commit))
            and self.git.ask("cat-file", "-e", f"{commit}^{{commit}}") is not None
        )

    def require(self, commit: str) -> None:
        """Raises NotFound unless the commit (full SHA) is here."""
        if not self.has(commit):
            raise NotFound(NO_COMMIT.format(commit=commit[:64]))

    def diff(
        self, base: str, head: str, paths: Iterable[str] | None = None
    ) -> Generator[FileChange, None, None]:
        """The changed files, as they come; `paths` picks files by old or new path (give both of a rename).

        Raises NotFound for an unknown commit, Unavailable when git takes too long.
        """
        self.require(base)
        self.require(head)
        wanted = None if paths is None else frozenset(paths)
        chunks = self.git.stream(*DIFF, base, head, "--", *_as_arguments(wanted))
        try:
            for file in parse_sections(chunks):
                if wanted is None or not wanted.isdisjoint((file.old_path, file.new_path)):
                    yield file
        except ValueError as error:
            raise PlatformError(ODD_DIFF.format(reason=error)) from None

    def count(self, base: str, head: str) -> int:
        """How many files changed, by their names alone: no content is read but for renames."""
        return sum(names.count(b"\0") for names in self.git.stream(*NAMES, base, head))


def _as_arguments(paths: frozenset[str] | None) -> list[str]:
    """Paths as literal pathspecs; none, which means all, where a command line cannot hold them."""
    names = [(path, tree_path(path)) for path in sorted(paths or ())]
    fits = (
        all(name for _path, name in names) and sum(len(name or b"") for _path, name in names) <= MAX_ARGUMENTS
    )
    return [path for path, _name in names] if fits else []


def tree_path(path: str) -> bytes | None:
    """The path as a tree holds it, None for one that no tree can hold."""
    try:
        name = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    valid = b"\0" not in name and all(part not in (b"", b".", b"..") for part in name.split(b"/"))
    return name if valid and len(name) <= MAX_PATH else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file in a tree: its blob and that blob's size in bytes."""

    blob: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds, by path: its regular files, and the folders in it."""

    files: dict[bytes, Entry]
    folders: tuple[bytes, ...]

    def names(self) -> list[str]:
        """The last part of each path, sorted; a folder's ends with "/"."""
        files = [path.rpartition(b"/")[2] for path in self.files]
        folders = [path.rpartition(b"/")[2] + b"/" for path in self.folders]
        return sorted(name.decode("utf-8", "surrogateescape") for name in (*files, *folders))


class GitSnapshot:
    """The port `Snapshot`: a repository's regular files at one commit. Links and submodules are not files."""

    def __init__(self, objects: GitObjects, commit: str) -> None:
        objects.require(commit)
        self.commit = commit
        self._git = objects.git
        self._blobs = Blobs(objects.git)
        self._lock = threading.Lock()
        self._listings: dict[str, Listing] = {}
        self._found: dict[tuple[bytes, str, int], tuple[Match, ...]] = {}

    def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
        entry = self._entry(path)
        return self._blobs.read(entry) if entry and entry.size <= limit else None

    def size(self, path: str) -> int | None:
        entry = self._entry(path)
        return entry.size if entry else None

    def list(self, folder: str = "", limit: int = 200) -> Sequence[str]:
        return self._listing(folder).names()[:limit] if not folder or tree_path(folder) else ()

    def search(self, text: str, paths: str = "", limit: int = 50) -> Sequence[Match]:
        """Raises NotSearchable where it takes too long."""
        wanted = needle(text)
        if wanted is None or (paths and tree_path(paths) is None):
            return ()
        asked = (wanted, paths, limit)
        found = self._found.get(asked)
        if found is None:
            with closing(self._matches(wanted, paths)) as matches:
                found = tuple(islice(matches, limit))
            with self._lock:
                remember(self._found, asked, found, SEARCHES)
        return found

    def _matches(self, wanted: bytes, paths: str) -> Generator[Match, None, None]:
        with closing(files_with(self._git, self.commit, wanted, paths)) as found:
            for path in found:
                yield from lines_with(path, self.read(path, MAX_SEARCHED) or b"", wanted)

    def _entry(self, path: str) -> Entry | None:
        name = tree_path(path)
        return self._listing(path.rpartition("/")[0]).files.get(name) if name else None

    def _listing(self, folder: str) -> Listing:
        """The listings last asked for are remembered."""
        with self._lock:
            listing = self._listings.pop(folder, None) or self._listed(folder)
            remember(self._listings, folder, listing, FOLDERS)
            return listing

    def _listed(self, folder: str) -> Listing:
        where = ["--", f"{folder}/"] if folder else []
        lines = self._git.run("ls-tree", "-z", "-l", "--full-tree", self.commit, *where).split(b"\0")[:-1]
        return Listing(dict(_files(lines)), tuple(_folders(lines)))


def remember(kept: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Put it in, and take out what has been there longest where they would be too many."""
    if len(kept) >= most:
        kept.pop(next(iter(kept)))
    kept[key] = value


def _files(lines: Iterable[bytes]) -> Iterator[tuple[bytes, Entry]]:
    """Of each `<mode> <type> <object> <size>\\t<path>` that is a regular file, its path."""
    for line in lines:
        about, _, path = line.partition(b"\t")
        mode, _kind, blob, size = about.split()
        if mode in REGULAR:
            yield path, Entry(blob, int(size))


def _folders(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line.partition(b"\t")[2] for line in lines if line.startswith(FOLDER))


class Blobs:
    """Contents from one `git cat-file --batch`, started at the first read, ended with this object."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, entry: Entry) -> bytes:
        """The blob's bytes. Raises Unavailable when git is too slow or cannot read it."""
        with self._lock:
            process = self._process or self._started()
            try:
                return _content(process, entry, time.monotonic() + self._git.timeout)
            except Unavailable as error:
                self._process = None
                end(process)
                raise self._git.damaged() if isinstance(error, Damaged) else error from None

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._git.start("cat-file", "--batch")
        weakref.finalize(self, end, process)
        self._process = process
        return process


def _content(process: subprocess.Popen[bytes], entry: Entry, deadline: float) -> bytes:
    """One question and its answer: `<object> blob <size>`, a newline, the content, a newline."""
    assert process.stdin is not None
    assert process.stdout is not None
    about = b"%b blob %d\n" % (entry.blob, entry.size)
    try:
        process.stdin.write(entry.blob + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        raise Damaged(DAMAGED) from None
    answer = bytearray()
    while len(answer) <= len(about) + entry.size:
        answer += _more(process.stdout, len(about) + entry.size + 1 - len(answer), deadline)
        if not about.startswith(answer[: len(about)]):
            raise Damaged(DAMAGED)
    return bytes(answer[len(about) : -1])


def _more(pipe: IO[bytes], most: int, deadline: float) -> bytes:
    """The next bytes from git, at most `most`, at least one."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise Unavailable(STUCK)
    part = os.read(pipe.fileno(), min(most, CHUNK))
    if not part:
        raise Damaged(DAMAGED)
    return part
