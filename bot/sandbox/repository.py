"""One bare git repository, driven by the git executable with nothing of the machine's own configuration."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ZEROS = "0" * 40
SETTINGS = """
[uploadpack]
    allowAnySHA1InWant = true
    allowFilter = true
[core]
    quotePath = true
[gc]
    auto = 0
"""
DIFF = ("diff-tree", "-r", "-M", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color")
TREE_ORDER = ("tree", "blob", "commit")
WHOLE_FILE = 1_000_000_000


class GitFailed(Exception):
    """git said no; the text is what it said."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a commit. `mode` is 100644, 100755, 120000 (a link: its target) or 160000 (a commit: its SHA)."""

    content: bytes
    mode: str = "100644"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """What a folder holds: a "blob", a "tree" or a "commit" (a submodule)."""

    mode: str
    type: str
    sha: str
    path: str


@dataclass(frozen=True, slots=True)
class Commit:
    """`at` is ISO 8601 with the committer's offset."""

    sha: str
    title: str
    message: str
    author: str
    email: str
    at: str
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """`target` is the tag's own object where it has a message, else the commit, as `commit` is in any case."""

    name: str
    target: str
    commit: str
    message: str


class Repository:
    """`folder` is the bare repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._histories: dict[tuple[str, str, int], list[Commit]] = {}

    @classmethod
    def create(cls, folder: Path, default_branch: str) -> "Repository":
        folder.mkdir(parents=True)
        repository = cls(folder)
        repository.git("init", "--quiet", "--bare", f"--initial-branch={default_branch}", ".")
        with (folder / "config").open("a") as config:
            config.write(SETTINGS)
        return repository

    def git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Standard output. Raises GitFailed."""
        done = subprocess.run(  # noqa: S603 - arguments are ours, no shell
            ["git", *arguments],  # noqa: S607 - the git on PATH is the one wanted
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            env=hermetic(self.folder) | dict(environment or {}),
            check=False,
        )
        if done.returncode:
            raise GitFailed(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
        return done.stdout

    def branch(self, name: str) -> str | None:
        """The branch's newest commit."""
        return self.commit_id(f"refs/heads/{name}")

    def branches(self, holding: str | None = None) -> list[str]:
        """Their names, sorted; with `holding`, of those that have this commit (SHA)."""
        among = ["--contains", holding] if holding else []
        found = self.git("for-each-ref", *among, "--format=%(refname:lstrip=2)", "refs/heads")
        return found.decode().splitlines()

    def is_branch_name(self, name: str) -> bool:
        """By git's rules and GitLab's own (lib/gitlab/git_ref_validator.rb)."""
        if name.startswith(("refs/heads/", "refs/remotes/", "-")) or name in ("HEAD", "@"):
            return False
        try:
            self.git("check-ref-format", f"refs/heads/{name}")
        except GitFailed:
            return False
        return True

    def commit_id(self, revision: str) -> str | None:
        """The full SHA of a branch, tag or commit, None when there is none."""
        if revision.startswith("-"):
            return None
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
        except GitFailed:
            return None

    def write(
        self,
        branch: str,
        files: Mapping[str, File | None],
        message: str,
        author: str,
        email: str,
        parents: tuple[str, ...] = (),
    ) -> str:
        """Commits on a branch: each path is set to its file, or removed (None). Answers the new commit's SHA.

        `parents`: the branch's tip by default; a second one makes a merge commit.
        """
        tip = self.branch(branch)
        parents = parents or ((tip,) if tip else ())
        script = [_header(branch, message, author, email, parents)]
        script += [_change(path, file) for path, file in files.items()]
        self.git("fast-import", "--quiet", "--force", "--date-format=now", stdin=b"".join(script))
        written = self.branch(branch)
        if written is None:
            raise GitFailed(f"no commit on {branch}")
        return written

    def set_ref(self, name: str, sha: str) -> None:
        self.git("update-ref", name, sha)

    def delete_ref(self, name: str) -> None:
        self.git("update-ref", "-d", name)

    def merge(self, branch: str, head: str, message: str, author: str, email: str) -> str:
        """A merge commit of `head` into the branch. Raises GitFailed on a conflict."""
        sha = self.merge_commit(self.branch(branch) or EMPTY_TREE, head, message, author, email)
        self.set_ref(f"refs/heads/{branch}", sha)
        return sha

    def merge_commit(self, tip: str, head: str, message: str, author: str, email: str) -> str:
        """The same, on no branch."""
        tree = self.git("merge-tree", "--write-tree", tip, head).decode().split()[0]
        commit = ("commit-tree", tree, "-p", tip, "-p", head, "-m", message)
        return self.git(*commit, environment=_people(author, email)).decode().strip()

    def picked(self, commit: Commit, onto: str) -> str:
        """A commit's change, author and message on another commit, on no branch. Raises GitFailed on a conflict.

        What is there already counts as a child of the commit's parent, so that git merges from there.
        """
        (parent,) = commit.parents[:1]
        here = self.squashed(parent, onto, commit.message, commit.author, commit.email)
        tree = self.git("merge-tree", "--write-tree", here, commit.sha).decode().split()[0]
        written = ("commit-tree", tree, "-p", onto, "-m", commit.message)
        return self.git(*written, environment=_people(commit.author, commit.email)).decode().strip()

    def squashed(self, base: str, head: str, message: str, author: str, email: str) -> str:
        """One commit on `base` that leaves what `head` leaves, on no branch."""
        commit = ("commit-tree", f"{head}^{{tree}}", "-p", base, "-m", message)
        return self.git(*commit, environment=_people(author, email)).decode().strip()

    def tag(self, name: str, commit: str, message: str, author: str, email: str) -> Tag:
        """Makes a tag; one with a message is an object of its own. Raises GitFailed."""
        about = ("--annotate", "--cleanup=verbatim", f"--message={message}") if message else ()
        self.git("tag", *about, name, commit, environment=_people(author, email))
        return next(one for one in self.tags() if one.name == name)

    def tags(self, by: str = "-creatordate") -> list[Tag]:
        """Those that lead to a commit, in the order of a key of git-for-each-ref, the newest first by default."""
        fields = "%(refname:lstrip=2)%1f%(objectname)%1f%(*objectname)%1f%(contents)%1e"
        listed = self.git("for-each-ref", f"--sort={by}", f"--format={fields}", "refs/tags").decode()
        parts = (record.lstrip("\n").split("\x1f") for record in listed.split("\x1e")[:-1])
        return [
            Tag(name, target, inner or target, message.rstrip("\n") if inner else "")
            for name, target, inner, message in parts
        ]

    def merge_base(self, one: str, other: str) -> str | None:
        try:
            return self.git("merge-base", one, other).decode().strip()
        except GitFailed:
            return None

    def read(self, revision: str, path: str) -> bytes | None:
        """A file's bytes, None when there is no such file."""
        try:
            return self.git("cat-file", "blob", f"{revision}:{path}")
        except GitFailed:
            return None

    def tree(self, revision: str, path: str, *, recursive: bool = False) -> list[TreeEntry]:
        """The folder's entries, folders first, as Gitaly sorts them; none where there is no such folder."""
        path = path.strip("/")
        deep, within = ["-r", "-t"] if recursive else [], ["--", f"{path}/"] if path else []
        lines = self.git(
            "--literal-pathspecs", "ls-tree", "-z", "--full-tree", *deep, revision, *within
        ).split(b"\0")[:-1]
        entries = [_tree_entry(line.decode(errors="replace")) for line in lines]
        return sorted(
            (entry for entry in entries if entry.path != path), key=lambda entry: TREE_ORDER.index(entry.type)
        )

    def commit(self, sha: str) -> Commit:
        return self.commits(EMPTY_TREE, sha, limit=1)[0]

    def commits(self, base: str, head: str, limit: int = 1_000) -> list[Commit]:
        """The commits that `head` has and `base` has not, newest first. Both are full SHAs, so it is read once."""
        key = (base, head, limit)
        if key not in self._histories:
            self._histories[key] = self._log(*key)
        return self._histories[key]

    def listed(self, revisions: str, skip: int, most: int) -> list[Commit]:
        """The commits of a revision or a range of them ("v1..main"), newest first. Raises GitFailed."""
        return self._shown(f"--skip={skip}", f"--max-count={most}", revisions, "--")

    def _log(self, base: str, head: str, limit: int) -> list[Commit]:
        given = [f"^{base}"] if base not in (ZEROS, EMPTY_TREE) else []
        return self._shown(f"--max-count={limit}", head, *given)

    def _shown(self, *chosen: str) -> list[Commit]:
        fields = "%x1e%H%x1f%P%x1f%an%x1f%ae%x1f%cI%x1f%B"
        log = self.git("log", f"--format={fields}", *chosen)
        return [_commit(record) for record in log.decode(errors="replace").split("\x1e")[1:]]

    def raw_changes(self, old: str, new: str) -> bytes:
        """`git diff-tree --raw -z`: one NUL-separated record for each changed file."""
        return self.git(*DIFF, "--raw", "-z", "--no-abbrev", old, new)

    def patch(self, old: str, new: str, context: int = 3) -> bytes:
        """The unified diff of two commits or trees."""
        return self.git(*DIFF, "-p", f"-U{context}", old, new)


def hermetic(home: Path) -> dict[str, str]:
    """An environment in which only the repository's own configuration counts."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


def _people(author: str, email: str) -> dict[str, str]:
    named = {f"GIT_{role}_NAME": author for role in ("AUTHOR", "COMMITTER")}
    return named | {f"GIT_{role}_EMAIL": email for role in ("AUTHOR", "COMMITTER")}


def _header(branch: str, message: str, author: str, email: str, parents: tuple[str, ...]) -> bytes:
    text = message.encode(errors="surrogateescape")
    head = f"commit refs/heads/{branch}\ncommitter {author} <{email}> now\ndata {len(text)}\n".encode()
    lineage = [f"{'merge' if index else 'from'} {sha}\n" for index, sha in enumerate(parents)]
    return head + text + b"\n" + "".join(lineage).encode()


def _change(path: str, file: File | None) -> bytes:
    name = _quoted(path.encode(errors="surrogateescape"))
    if file is None:
        return b"D " + name + b"\n"
    if file.mode == "160000":
        return b"M 160000 " + file.content + b" " + name + b"\n"
    return (
        f"M {file.mode} inline ".encode()
        + name
        + f"\ndata {len(file.content)}\n".encode()
        + file.content
        + b"\n"
    )


def _quoted(path: bytes) -> bytes:
    """git's C-style quotes, every odd byte as an octal escape."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in path)
    return f'"{"".join(plain)}"'.encode()


def _tree_entry(line: str) -> TreeEntry:
    about, _, path = line.partition("\t")
    mode, kind, sha = about.split()
    return TreeEntry(mode, kind, sha, path)


def _commit(record: str) -> Commit:
    sha, parents, author, email, at, message = record.split("\x1f", 5)
    message = message.rstrip("\n") + "\n"
    return Commit(sha, message.partition("\n")[0], message, author, email, at, tuple(parents.split()))
