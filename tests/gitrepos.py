"""Small real git repositories for tests, made by `git fast-import` from plain dictionaries."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

Files = Mapping[bytes, tuple[str, bytes]]  # path -> (mode, content)

FILE, EXECUTABLE, SYMLINK, SUBMODULE = "100644", "100755", "120000", "160000"
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(folder: Path, *args: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *args], cwd=folder, input=stdin, capture_output=True, env=ENVIRONMENT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def new_repository(folder: Path, *, bare: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))
    return folder


def text_files(**contents: str) -> dict[bytes, tuple[str, bytes]]:
    """Plain files; `__` in a name stands for a dot."""
    return {name.replace("__", ".").encode(): (FILE, text.encode()) for name, text in contents.items()}


def commit(repository: Path, files: Files, *, branch: str = "main", onto: str | None = None) -> str:
    """A commit on `branch` holding exactly these files; its SHA. `onto` None starts a new history."""
    lines = [
        b"commit refs/heads/" + branch.encode(),
        b"mark :1",
        b"committer Ada <ada@example.org> 1 +0000",
        b"data 0",
    ]
    if onto:
        lines.append(b"from " + onto.encode())
    lines.append(b"deleteall")
    for path, (mode, content) in files.items():
        if mode == SUBMODULE:
            lines.append(b"M 160000 " + content + b" " + quoted(path))
        else:
            lines += [b"M %b inline %b" % (mode.encode(), quoted(path)), b"data %d" % len(content), content]
    stream = b"\n".join([*lines, b"get-mark :1", b"done", b""])
    return git(repository, "fast-import", "--quiet", "--force", "--done", stdin=stream).decode().strip()


def quoted(path: bytes) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'


def two_commits(repository: Path, old: Files, new: Files) -> tuple[str, str]:
    base = commit(repository, old)
    return base, commit(repository, new, branch="change", onto=base)


# --- random contents and edits ---

WORDS = (
    *(
        "alpha",
        "beta",
        "",
        "  indented",
        "-",
        "+",
        "\\ No newline",
        "tab\there",
        "cr\r",
        "\r",
        "form\ffeed",
        "é",
    ),
    *("diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,2 +1,2 @@", "Binary files a/x and b/x differ"),
    *("sep\u2028arator", "nel\x85", "x" * 300),
)
NAMES = (
    *(
        b"a.py",
        b"b.txt",
        b"dir/c",
        b"a/b",
        b"x b/x",
        b"has blank",
        b"trailing ",
        b"tab\there",
        b'quo"te',
        b"-rf",
    ),
    *(b"back\\slash", b"new\nline", b":(glob)**", b"latin\xe9.txt", "ünï/code.md".encode()),
)
NEXT_MODE = {FILE: EXECUTABLE, EXECUTABLE: SYMLINK, SYMLINK: FILE}

words = st.sampled_from(WORDS)
names = st.sampled_from(NAMES)
modes = st.sampled_from([FILE, FILE, FILE, EXECUTABLE, SYMLINK])
texts = st.builds(
    lambda lines, newline: ("\n".join(lines) + "\n" * newline).encode(),
    st.lists(words, max_size=40),
    st.booleans(),
)
entries = st.tuples(modes, texts)


@st.composite
def edited(draw: st.DrawFn, content: bytes) -> bytes:
    """The content after a few insertions, removals and replacements of lines."""
    lines = content.split(b"\n")
    for _ in range(draw(st.integers(0, 4))):
        at, gone = draw(st.integers(0, len(lines))), draw(st.integers(0, 3))
        lines[at : at + gone] = [word.encode() for word in draw(st.lists(words, max_size=3))]
    return b"\n".join(lines)


@st.composite
def changes(draw: st.DrawFn) -> tuple[Files, Files]:
    """Two trees: files kept, edited, renamed, deleted, added, with another mode."""
    old = draw(st.dictionaries(names, entries, max_size=4))
    new: dict[bytes, tuple[str, bytes]] = {}
    for name, (mode, content) in old.items():
        fate = draw(st.sampled_from(["keep", "edit", "edit", "rename", "delete", "mode"]))
        if fate in ("edit", "rename"):
            content = draw(edited(content))
        if fate != "delete":
            new[draw(names) if fate == "rename" else name] = (
                NEXT_MODE[mode] if fate == "mode" else mode,
                content,
            )
    return old, new | draw(st.dictionaries(names, entries, max_size=2))
