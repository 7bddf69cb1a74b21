"""Reading commits through git: diffs, files, and how git is run at all."""

import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from bot.domain.change import FileStatus
from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable, UsageError
from bot.gateways.git import GitObjects, GitSnapshot, process
from bot.gateways.git.process import Damaged, Git, Remote, failure
from tests import gitrepos
from tests.gitrepos import FILE, SUBMODULE, SYMLINK, Files

TOKEN = "glpat-" + "x" * 20


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gitrepos.new_repository(tmp_path_factory.mktemp("objects") / "repository")


def objects(repository: Path) -> GitObjects:
    return GitObjects(Git(repository, timeout=30))


# --- files at a commit ---


def test_a_snapshot_reads_files_with_any_name_and_content(repository: Path) -> None:
    contents = [b"", b"\n", b"no newline", b"\0\xff", b"x" * 300_000, b"blob 3\nabc\n"]
    files = {name: (FILE, contents[at % len(contents)]) for at, name in enumerate(gitrepos.NAMES)}
    snapshot = GitSnapshot(objects(repository), gitrepos.commit(repository, files))
    for name, (_mode, content) in files.items():
        path = name.decode("utf-8", "surrogateescape")
        assert (snapshot.size(path), snapshot.read(path)) == (len(content), content)


def test_links_submodules_and_folders_are_not_files(repository: Path) -> None:
    files = {b"passwd": (SYMLINK, b"/etc/passwd"), b"sub": (SUBMODULE, b"1" * 40), b"dir/a": (FILE, b"a")}
    snapshot = GitSnapshot(objects(repository), gitrepos.commit(repository, files))
    for path in (
        "passwd",
        "sub",
        "dir",
        "dir/",
        "sub/a",
        "passwd/a",
        "missing",
        "dir/missing",
        "none/missing",
    ):
        assert (snapshot.read(path), snapshot.size(path)) == (None, None)
    assert snapshot.read("dir/a") == b"a"


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "../a", "./a", "a/../a", "a//b", "a\0", "\ud800", ":/a", "*", "--help"]
)
def test_what_is_no_path_in_a_tree_is_no_file(repository: Path, path: str) -> None:
    snapshot = GitSnapshot(objects(repository), gitrepos.commit(repository, gitrepos.text_files(a="text")))
    assert (snapshot.read(path), snapshot.size(path)) == (None, None)


def test_a_file_larger_than_the_limit_is_not_read(repository: Path) -> None:
    snapshot = GitSnapshot(objects(repository), gitrepos.commit(repository, gitrepos.text_files(a="12345")))
    assert (snapshot.read("a", limit=5), snapshot.read("a", limit=4), snapshot.size("a")) == (
        b"12345",
        None,
        5,
    )


@pytest.mark.parametrize("commit", ["0" * 40, "main", "", "--all", "HEAD"])
def test_a_commit_that_is_not_there_is_not_found(repository: Path, commit: str) -> None:
    head = gitrepos.commit(repository, {})
    with pytest.raises(NotFound, match="no commit"):
        GitSnapshot(objects(repository), commit)
    with pytest.raises(NotFound, match="no commit"):
        list(objects(repository).diff(commit, head))


def test_many_threads_read_one_snapshot(repository: Path) -> None:
    files = {b"%d" % number: (FILE, b"%d" % number * 50_000) for number in range(8)}
    snapshot = GitSnapshot(objects(repository), gitrepos.commit(repository, files))
    seen: dict[str, bytes | None] = {}
    threads = [
        threading.Thread(target=lambda at=at: seen.update({at: snapshot.read(at)}))
        for at in map(str, range(8))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {name.decode(): content for name, (_mode, content) in files.items()}


def test_the_reading_process_ends_with_its_snapshot(repository: Path) -> None:
    snapshot = GitSnapshot(objects(repository), gitrepos.commit(repository, gitrepos.text_files(a="text")))
    before = children_of(os.getpid())
    assert snapshot.read("a") == b"text"
    (reader,) = children_of(os.getpid()) - before
    del snapshot
    assert reader not in children_of(os.getpid())


# --- diffs ---


@given(gitrepos.changes())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_diff_lists_what_git_lists(repository: Path, change: tuple[Files, Files]) -> None:
    base, head = gitrepos.two_commits(repository, *change)
    listed = gitrepos.git(
        repository, "diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head
    ).split(b"\0")
    files = list(objects(repository).diff(base, head))
    both = {path for file in files for path in (file.old_path, file.new_path)}
    assert {path.encode("utf-8", "surrogateescape") for path in both} == set(listed[:-1])
    assert all(file.unread is None for file in files)


def test_paths_pick_whole_names_and_are_no_patterns(repository: Path) -> None:
    new = dict.fromkeys((b"a", b"dir/a", b"*", b":(glob)**", b"-rf", b"latin\xe9"), (FILE, b"x\n"))
    base, head = gitrepos.two_commits(repository, {}, new)
    read = objects(repository)
    for name in ("*", ":(glob)**", "-rf", "latin\udce9", "dir/a"):
        assert [file.path for file in read.diff(base, head, [name])] == [name]
    assert [file.path for file in read.diff(base, head, ["dir", "a", "\ud800", "../a", "\0"])] == ["a"]
    assert list(read.diff(base, head, [])) == []


def test_more_paths_than_a_command_line_holds_are_no_problem(repository: Path) -> None:
    base, head = gitrepos.two_commits(repository, {}, gitrepos.text_files(a="1", b="2"))
    paths = ["a", *(f"{number:0200}" for number in range(20_000))]
    assert [file.path for file in objects(repository).diff(base, head, paths)] == ["a"]


def test_a_rename_that_gitlab_sees_is_seen(repository: Path) -> None:
    """Gitaly finds renames at 30 % likeness, git on its own at 50 %."""
    common, rest = "".join(f"same {n}\n" for n in range(40)), "".join(f"old {n}\n" for n in range(60))
    base, head = gitrepos.two_commits(
        repository,
        gitrepos.text_files(old=common + rest),
        gitrepos.text_files(new=common + rest.replace("old", "few")),
    )
    (file,) = objects(repository).diff(base, head)
    assert (file.status, file.old_path, file.new_path) == (FileStatus.RENAMED, "old", "new")


def test_a_submodule_is_shown_whatever_gitmodules_says(repository: Path) -> None:
    modules = b'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% canary\n\tignore = all\n'
    old = {b".gitmodules": (FILE, modules), b"s": (SUBMODULE, b"1" * 40)}
    base, head = gitrepos.two_commits(repository, old, old | {b"s": (SUBMODULE, b"2" * 40)})
    (file,) = objects(repository).diff(base, head)
    assert (file.path, file.new_mode) == ("s", SUBMODULE)


def test_a_diff_that_takes_too_long_is_stopped(repository: Path) -> None:
    base, head = gitrepos.two_commits(
        repository, {}, {b"%d" % n: (FILE, b"line\n" * 40_000) for n in range(4)}
    )
    files = GitObjects(Git(repository, timeout=1.0)).diff(base, head)
    next(files)
    threading.Event().wait(1.5)
    with pytest.raises(Unavailable, match="took more than 1 s"):
        list(files)


# --- how git is run ---


def test_git_gets_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRIVET_GITLAB__TOKEN", "GIT_DIR", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "LD_PRELOAD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    environment = Git(tmp_path).environment()
    assert "secret" not in environment.values()
    assert environment["https_proxy"] == "http://proxy.example:3128"
    assert (environment["HOME"], environment["GIT_ALLOW_PROTOCOL"]) == ("/nonexistent", "")


def test_a_remote_does_not_show_its_token() -> None:
    remote = Remote("https://gitlab.example/group/shop.git", TOKEN)
    ((key, value),) = remote.settings()
    assert TOKEN not in repr(remote)
    assert key == "http.https://gitlab.example/.extraHeader"
    assert remote.hidden(f"fatal: {TOKEN} {value}") == "fatal: *** Authorization: Basic ***"


def test_an_old_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\necho git version 2.30.2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    process.executable.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"git 2\.30 is too old"):
            process.executable()
        monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
        with pytest.raises(UsageError, match="not installed"):
            process.executable()
    finally:
        process.executable.cache_clear()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("fatal: Authentication failed for 'https://x/'", AccessDenied),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", AccessDenied),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", AccessDenied),
        ("fatal: repository 'https://x/' not found", NotFound),
        ("fatal: couldn't find remote ref refs/heads/x", NotFound),
        ("fatal: remote error: upload-pack: not our ref 1234", NotFound),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 503", Unavailable),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Unavailable),
        ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", Unavailable),
        ("fatal: early EOF", Unavailable),
        ("error: inflate: data stream error (incorrect header check)", Damaged),
        ("remote: Authentication failed, not found\nfatal: the remote end hung up unexpectedly", Unavailable),
    ],
)
def test_what_git_says_becomes_the_error_a_caller_tells_apart(said: str, kind: type[PlatformError]) -> None:
    assert type(failure("fetch", said)) is kind


def test_other_failures_are_no_passing_faults() -> None:
    error = failure("ls-tree", "fatal: something new\nmore\n")
    assert (type(error), str(error)) == (PlatformError, "git ls-tree failed: something new")


def test_a_stopped_git_leaves_no_process_behind(repository: Path) -> None:
    git = Git(repository, timeout=30)
    base, head = gitrepos.two_commits(repository, {}, {b"a": (FILE, b"line\n" * 200_000)})
    before = children_of(os.getpid())
    with process.running(("diff-tree", "-p", base, head), git.environment(), repository, 30) as output:
        assert output.read(10)
        children = children_of(os.getpid()) - before
        assert children
    assert not children & children_of(os.getpid())


def children_of(pid: int) -> set[str]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return {child for child in listed.stdout.split() if Path(f"/proc/{child}/cmdline").exists()}
