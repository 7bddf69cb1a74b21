"""What a folder of a commit holds, and finding lines in its files."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.gateways.git import GitObjects, GitSnapshot, objects, process, search
from bot.gateways.git.process import Damaged, Git
from bot.ports import Match, NotSearchable
from tests import gitrepos
from tests.doubles import DictSnapshot
from tests.gitrepos import FILE, SUBMODULE, SYMLINK, Files

ODD_PATHS = ["/", "/a", "../a", "./a", "a/../a", "a//b", "a/", "\0", "\ud800", ":/", ":(top)", "*", "--help"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gitrepos.new_repository(tmp_path_factory.mktemp("search") / "repository")


def snapshot(repository: Path, files: Files, timeout: float = 30) -> GitSnapshot:
    return GitSnapshot(GitObjects(Git(repository, timeout)), gitrepos.commit(repository, files))


def places(found: object) -> list[tuple[str, int]]:
    assert isinstance(found, tuple)
    return [(match.path, match.line) for match in found]


# --- list ---


def test_a_folder_shows_its_files_and_folders_sorted_without_links_and_submodules(repository: Path) -> None:
    files = {
        b"link": (SYMLINK, b"/etc/passwd"),
        b"sub": (SUBMODULE, b"1" * 40),
        b"a/link": (SYMLINK, b"c"),
    }
    names = (b"b.py", b"a/c", b"a/d/e", b"a.py", b"-rf", b"new\nline", b"latin\xe9")
    files |= dict.fromkeys(names, (FILE, b"x"))
    shot = snapshot(repository, files)
    assert shot.list() == ["-rf", "a.py", "a/", "b.py", "latin\udce9", "new\nline"]
    assert (shot.list("a"), shot.list("a/d")) == (["c", "d/"], ["e"])


def test_a_folder_shows_no_more_names_than_asked_for(repository: Path) -> None:
    shot = snapshot(repository, {b"%03d" % number: (FILE, b"") for number in range(300)})
    assert (shot.list(limit=2), len(shot.list())) == (["000", "001"], 200)


@pytest.mark.parametrize("path", [*ODD_PATHS, "b", "link", "missing", "x" * 200_000])
def test_what_is_no_folder_holds_nothing(repository: Path, path: str) -> None:
    files = {b"a/b": (FILE, b"x"), b"b": (FILE, b"x"), b"link": (SYMLINK, b"a")}
    assert list(snapshot(repository, files).list(path)) == []


# --- search ---


def test_lines_are_found_literally_in_path_order_and_with_their_numbers(repository: Path) -> None:
    files = gitrepos.text_files(b__py="x\ny = a.*b\r\n", a__py="a.*b\nnot axxb\nA.*B\n")
    shot = snapshot(repository, files)
    assert shot.search("a.*b") == (Match("a.py", 1, "a.*b"), Match("b.py", 2, "y = a.*b\r"))
    assert places(shot.search("-e")) == []


def test_a_search_stays_in_its_folder_or_file(repository: Path) -> None:
    names = (
        b"app/a",
        b"app/b/c",
        b"app.py",
        b"application/a",
        b":(top)",
        b"*",
        b"-rf",
        b"latin\xe9/a",
        b"new\nline",
    )
    shot = snapshot(repository, dict.fromkeys(names, (FILE, b"here\n")))
    assert places(shot.search("here", "app")) == [("app/a", 1), ("app/b/c", 1)]
    for name in ("app.py", ":(top)", "*", "-rf", "new\nline"):
        assert places(shot.search("here", name)) == [(name, 1)]
    assert places(shot.search("here", "latin\udce9")) == [("latin\udce9/a", 1)]
    assert len(shot.search("here")) == len(names)


def test_lines_that_are_not_utf8_are_searched_byte_by_byte(repository: Path) -> None:
    shot = snapshot(repository, {b"a": (FILE, b"caf\xe9 here\n"), b"b": (FILE, "café here\n".encode())})
    assert places(shot.search("here")) == [("a", 1), ("b", 1)]
    assert places(shot.search("caf\udce9 h")) == [("a", 1)]
    assert places(shot.search("café h")) == [("b", 1)]


@pytest.mark.parametrize("path", [*ODD_PATHS, "missing", "x" * 200_000])
def test_where_nothing_is_nothing_is_found(repository: Path, path: str) -> None:
    assert places(snapshot(repository, {b"a/b": (FILE, b"here\n")}).search("here", path)) == []


@pytest.mark.parametrize("text", ["", "he\nre", "here\0", "\ud800", "h" * 200_000])
def test_what_no_line_holds_is_not_found(repository: Path, text: str) -> None:
    assert places(snapshot(repository, {b"a": (FILE, b"here\n")}).search(text)) == []


def test_binary_large_and_linked_files_are_not_searched(repository: Path) -> None:
    files = {
        b"binary": (FILE, b"\0\nhere\n"),
        b"large": (FILE, b"here\n" + b"x" * 1_000_000),
        b"link": (SYMLINK, b"here"),
        b"text": (FILE, b"here\n"),
        b"whole": (FILE, b"here\n" + b"x" * 999_995),
    }
    assert places(snapshot(repository, files).search("here")) == [("text", 1), ("whole", 1)]


def test_a_search_gives_no_more_lines_than_asked_for_and_cuts_them(repository: Path) -> None:
    files = {b"%d" % number: (FILE, (b"x" * 1_000 + b"\n") * 3) for number in range(3)}
    found = snapshot(repository, files).search("xx", limit=4)
    assert places(found) == [("0", 1), ("0", 2), ("0", 3), ("1", 1)]
    assert {len(match.text) for match in found} == {400}


def test_a_search_that_has_found_enough_leaves_no_git_behind(repository: Path) -> None:
    shot = snapshot(repository, {b"%05d" % number: (FILE, b"here\n") for number in range(5_000)})
    assert shot.read("00000") == b"here\n"
    before = children()
    assert places(shot.search("here", limit=1)) == [("00000", 1)]
    assert children() == before


def children() -> set[str]:
    listed = ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line for line in found if " git " in f" {line} " or "/git " in line}


def test_a_question_asked_again_is_answered_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "SEARCHES", 2)
    shot = snapshot(gitrepos.new_repository(tmp_path / "repository"), {b"a": (FILE, b"here\nthere\n")})
    first = [shot.search("here", limit=limit) for limit in (1, 2, 3)]
    shutil.rmtree(tmp_path / "repository" / "objects")
    assert [shot.search("here", limit=limit) for limit in (2, 3)] == first[1:]
    with pytest.raises(Damaged):
        shot.search("here", limit=1)


def test_attributes_and_settings_of_the_repository_change_nothing(tmp_path: Path) -> None:
    """A text conversion, a pager and a case-blind pattern type: none of them is run or followed."""
    canary = tmp_path / "canary"
    repository = gitrepos.new_repository(tmp_path / "repository")
    for key, value in {
        "diff.evil.textconv": f"touch {canary};",
        "core.pager": f"touch {canary};",
        "grep.patternType": "perl",
        "color.ui": "always",
    }.items():
        gitrepos.git(repository, "config", key, value)
    files = {
        b".gitattributes": (FILE, b"*.py diff=evil\n*.py -text\n"),
        b"a.py": (FILE, b"a.b here\naxb here\n"),
    }
    assert places(snapshot(repository, files).search("a.b")) == [("a.py", 1)]
    assert not canary.exists()


@pytest.fixture
def slow_grep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A git whose `grep` does not end by itself."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n[ "$1" = grep ] && exec sleep 100\nexec {shutil.which("git")} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    process.executable.cache_clear()
    yield
    process.executable.cache_clear()


@pytest.mark.usefixtures("slow_grep")
def test_a_search_that_takes_too_long_says_that_the_repository_cannot_be_searched(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SEARCH_SECONDS", 0.2)
    with pytest.raises(NotSearchable, match=r"took more than 0\.2 s"):
        snapshot(repository, {b"a": (FILE, b"here\n")}).search("here")


@pytest.mark.parametrize("others", [b"", b"here\n"])
def test_a_file_that_git_cannot_read_is_no_file_without_the_text(tmp_path: Path, others: bytes) -> None:
    repository = gitrepos.new_repository(tmp_path / "repository")
    shot = snapshot(repository, {b"a": (FILE, b"here, damaged\n"), b"b": (FILE, others)})
    blob = gitrepos.git(repository, "rev-parse", "main:a").decode().strip()
    path = repository / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.write_bytes(b"no object")
    with pytest.raises(Damaged):
        shot.search("here")


lines = st.lists(gitrepos.words, max_size=20).map(lambda words: "\n".join(words).encode())


@given(
    st.dictionaries(gitrepos.names, lines, max_size=4),
    st.sampled_from(["a", "alpha", "-", "\r", "é", "\\ No", "\t", "sep\u2028"]),
    st.sampled_from(["", "a", "dir", "x b"]),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_search_finds_what_looking_at_every_line_finds(
    repository: Path, contents: dict[bytes, bytes], text: str, folder: str
) -> None:
    """The dictionary looks at every line; a name that is also another's folder cannot be in one tree."""
    folders = {b"a"} if b"a/b" in contents else set()
    kept = {name: content for name, content in contents.items() if name not in folders}
    plain = DictSnapshot({name.decode("utf-8", "surrogateescape"): one for name, one in kept.items()})
    found = snapshot(repository, {name: (FILE, one) for name, one in kept.items()}).search(text, folder)
    assert sorted(found, key=str) == sorted(plain.search(text, folder), key=str)
