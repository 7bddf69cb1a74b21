import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.domain import diff
from bot.domain.change import FileChange, FileStatus, Line, Side
from bot.domain.diff import file_change, hunks, iter_sections, parse_git_diff, parse_sections
from tests import gitrepos
from tests.gitrepos import EXECUTABLE, FILE, SUBMODULE, SYMLINK, Files

ITEM = {
    "diff": "@@ -1 +1,2 @@\n one\n+two\n",
    "old_path": "a.py",
    "new_path": "a.py",
    "a_mode": "100644",
    "b_mode": "100644",
    "new_file": False,
    "renamed_file": False,
    "deleted_file": False,
    "generated_file": False,
    "collapsed": False,
    "too_large": False,
}
PATCH = ["diff-tree", "-r", "-p", "--find-renames", "--full-index"]


def git_diff(repository: Path, old: Files, new: Files, *options: str) -> bytes:
    base, head = gitrepos.two_commits(repository, old, new)
    return gitrepos.git(repository, *PATCH, *options, base, head)


def only_file(data: bytes) -> FileChange:
    (file,) = parse_git_diff(data)
    return file


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gitrepos.new_repository(tmp_path_factory.mktemp("diffs") / "repository")


# --- one item of /diffs ---


def test_an_item_becomes_a_file_with_numbered_lines() -> None:
    file = file_change(ITEM)
    assert (file.old_path, file.new_path, file.status, file.unread) == (
        "a.py",
        "a.py",
        FileStatus.MODIFIED,
        None,
    )
    assert list(file.lines()) == [Line(Side.CONTEXT, 1, 1, "one"), Line(Side.ADDED, None, 2, "two")]


def test_the_two_lines_of_names_make_no_difference() -> None:
    assert hunks("--- a/a.py\n+++ b/a.py\n" + ITEM["diff"]) == hunks(ITEM["diff"])


def test_a_removed_line_that_looks_like_a_name_is_content() -> None:
    (hunk,) = hunks("@@ -1,2 +1 @@\n--- a/x\n+++ b/x\n-gone\n")
    assert [line.text for line in hunk.lines] == ["-- a/x", "++ b/x", "gone"]


def test_a_renamed_item_keeps_both_paths() -> None:
    file = file_change(ITEM | {"old_path": "old.py", "renamed_file": True})
    assert (file.old_path, file.new_path, file.status) == ("old.py", "a.py", FileStatus.RENAMED)


def test_no_newline_at_the_end_is_not_a_line() -> None:
    (hunk,) = hunks("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n")
    assert hunk.lines == (Line(Side.REMOVED, 1, None, "a"), Line(Side.ADDED, None, 1, "b"))


@pytest.mark.parametrize("odd", ["\r", "\f", "\v", "\x1c", "\x85", "\u2028", "\u2029", "\0"])
def test_only_a_newline_ends_a_line(odd: str) -> None:
    (hunk,) = hunks(f"@@ -0,0 +1,2 @@\n+left{odd}right\n+end{odd}\n")
    assert [line.text for line in hunk.lines] == [f"left{odd}right", f"end{odd}"]


def test_an_empty_context_line_may_lack_its_blank() -> None:
    (hunk,) = hunks("@@ -1,2 +1,3 @@\n a\n\n+b\n")
    assert hunk.lines[1] == Line(Side.CONTEXT, 2, 2, "")


@pytest.mark.parametrize(
    ("fields", "binary", "unread"),
    [
        ({"collapsed": True}, False, diff.COLLAPSED),
        ({"too_large": True}, False, diff.TOO_LARGE),
        ({"collapsed": True, "too_large": True}, False, diff.TOO_LARGE),
        ({"diff": "Binary files a/a.py and b/a.py differ\n"}, True, diff.BINARY),
        ({}, False, diff.HIDDEN),
        ({"b_mode": "100755"}, False, None),
        ({"renamed_file": True, "old_path": "b.py"}, False, None),
        ({"new_file": True, "a_mode": "0"}, False, None),
        ({"deleted_file": True, "b_mode": "0"}, False, None),
        ({"new_file": True, "collapsed": True}, False, diff.COLLAPSED),
    ],
)
def test_an_item_without_lines_says_why(fields: dict[str, object], binary: bool, unread: str | None) -> None:
    file = file_change(ITEM | {"diff": ""} | fields)
    assert (file.binary, file.unread, file.hunks) == (binary, unread, ())


def test_an_item_beyond_the_limits_is_unread_with_a_reason() -> None:
    lines = diff.MAX_LINES + 1
    many = file_change(ITEM | {"diff": f"@@ -0,0 +1,{lines} @@\n" + "+\n" * lines})
    large = file_change(ITEM | {"diff": "@@ -0,0 +1 @@\n+" + "x" * diff.MAX_SECTION + "\n"})
    assert many.unread == "its diff has more than 50,000 lines"
    assert large.unread == "its diff is larger than 1,000,000 bytes"
    assert many.hunks == large.hunks == ()


def test_flags_that_older_instances_lack_are_false() -> None:
    older = {
        key: value for key, value in ITEM.items() if key not in ("generated_file", "collapsed", "too_large")
    }
    assert file_change(older) == file_change(ITEM)


@pytest.mark.parametrize(
    "wrong",
    [
        {"diff": None},
        {"diff": 3},
        {"new_path": ""},
        {"old_path": None},
        {"a_mode": 100644},
        {"new_file": "no"},
    ],
)
def test_a_malformed_item_is_a_value_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a diff item needs"):
        file_change(ITEM | wrong)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "@@ -1 +1 @@\n-a\n",
        "@@ -1 +1 @@\n-a\n+b\n+c\n",
        "@@ -1 +1 @@\n-a\nxb\n",
        "@@ -1 +1 @@\n-a\n+b\n@@ -1 +1 @@\n-a\n+b\n",
        "@@ -1 +1 @@\n-a\n+b\n@@ -5 +9 @@\n-a\n+b\n",
        "@@ -0 +1 @@\n-a\n+b\n",
        "@@ -0,0 +0,0 @@\n",
        "@@ -1 +1 @@\n-a\n+b\n--- x\n+++ y\n@@ -1 +1 @@\n-a\n+b\n",
        "@@ -1 +1 @@\n-a\n+b\ndiff --git a/x b/x\n",
        "@@ -" + "9" * 5000 + " +1 @@\n-a\n+b\n",
    ],
)
def test_hunks_that_do_not_fit_are_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        hunks(text)


PIECES = (
    *(
        "@@ -1,2 +1,2 @@\n",
        "@@ -0,0 +1 @@\n",
        "@@ -1 +1 @@",
        " a\n",
        "+b\n",
        "-c\n",
        "\n",
        "\r\n",
        "\\ No newline\n",
    ),
    *("diff --git a/x b/x\n", 'diff --git "a/\\303 "b/\\\n', "--- a/x\n", "+++ b/x\n", "rename from x\n"),
    *(
        "rename to y\n",
        "new file mode 100644\n",
        "index 1..2 9\n",
        "Binary files a and b differ\n",
        "GIT binary patch\n",
    ),
)


def refusal(read: Callable[[], object]) -> str | None:
    """The words of the ValueError, None where there is none; any other error ends the test."""
    try:
        read()
    except ValueError as error:
        return str(error)
    return None


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
@settings(max_examples=300, deadline=None)
@example('diff --git "a/x" b/x\n')
@example("diff --git \n")
def test_whatever_the_text_nothing_but_a_value_error_comes_out(text: str) -> None:
    assert refusal(lambda: hunks(text)) != ""
    assert refusal(lambda: parse_git_diff(text.encode("utf-8", "replace"))) != ""


@given(st.binary(min_size=1, max_size=200).filter(bytes.strip))
@settings(max_examples=100, deadline=None)
def test_bytes_that_are_no_diff_are_refused(data: bytes) -> None:
    assert refusal(lambda: parse_git_diff(data))


# --- whole git diffs ---


@given(gitrepos.changes(), st.integers(1, 200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_applying_the_parsed_diff_to_the_old_files_gives_the_new_ones(
    repository: Path, change: tuple[Files, Files], step: int
) -> None:
    old, new = change
    data = git_diff(repository, old, new)
    before = {name: (mode, shown(content)) for name, (mode, content) in old.items()}
    after = dict(before)
    for file in parse_sections(data[at : at + step] for at in range(0, len(data), step)):
        apply(file, before, after)
    assert after == {name: (mode, shown(content)) for name, (mode, content) in new.items()}


Shown = dict[bytes, tuple[str, list[str]]]


def shown(content: bytes) -> list[str]:
    """The lines of a file; whether the last one ends with a newline is not a line."""
    lines = content.decode("utf-8", "replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def apply(file: FileChange, before: Shown, after: Shown) -> None:
    """Change the tree as the file change says, checking every context and removed line on the way."""
    old_name, new_name = (path.encode("utf-8", "surrogateescape") for path in (file.old_path, file.new_path))
    old_mode, lines = before[old_name] if file.status is not FileStatus.ADDED else ("", [])
    if file.status in (FileStatus.DELETED, FileStatus.RENAMED) and after.get(old_name) == before[old_name]:
        del after[old_name]
    if file.status is not FileStatus.DELETED:
        pure_rename = file.status is FileStatus.RENAMED and not file.hunks and file.old_mode == file.new_mode
        after[new_name] = (old_mode if pure_rename else file.new_mode, applied(file, lines))


def applied(file: FileChange, lines: list[str]) -> list[str]:
    result, at = [], 0
    for hunk in file.hunks:
        start = hunk.old_start - (hunk.old_count > 0)
        result += lines[at:start]
        at = start
        for line in hunk.lines:
            if line.side is not Side.ADDED:
                assert (lines[at], at + 1) == (line.text, line.old)
                at += 1
            if line.side is not Side.REMOVED:
                result.append(line.text)
                assert len(result) == line.new
    return result + lines[at:]


def test_every_odd_name_comes_back(repository: Path) -> None:
    new = dict.fromkeys(gitrepos.NAMES, (FILE, b"x\n"))
    for options in ([], ["-c", "core.quotePath=false"]):
        base, head = gitrepos.two_commits(repository, {}, new)
        files = parse_git_diff(gitrepos.git(repository, *options, *PATCH, base, head))
        assert {file.new_path.encode("utf-8", "surrogateescape") for file in files} == set(new)


def test_odd_names_come_back_without_any_line_of_names(repository: Path) -> None:
    old = dict.fromkeys(gitrepos.NAMES, (FILE, b"x\n"))
    new = dict.fromkeys(gitrepos.NAMES, (EXECUTABLE, b"x\n"))
    files = parse_git_diff(git_diff(repository, old, new))
    assert {file.new_path.encode("utf-8", "surrogateescape") for file in files} == set(new)
    assert {(file.old_mode, file.new_mode, file.hunks) for file in files} == {(FILE, EXECUTABLE, ())}


def test_a_renamed_file_keeps_both_paths(repository: Path) -> None:
    file = only_file(git_diff(repository, {b"o ld": (FILE, b"1\n2\n3\n")}, {b"n\tew": (FILE, b"1\n2\n3\n")}))
    assert (file.old_path, file.new_path, file.status, file.unread) == (
        "o ld",
        "n\tew",
        FileStatus.RENAMED,
        None,
    )


def test_an_empty_file_is_read_and_has_no_lines(repository: Path) -> None:
    file = only_file(git_diff(repository, {}, {b"__init__.py": (FILE, b"")}))
    assert (file.status, file.old_mode, file.unread, file.hunks) == (FileStatus.ADDED, "000000", None, ())


@pytest.mark.parametrize("options", [[], ["--binary"]])
def test_a_binary_file_is_declared(repository: Path, options: list[str]) -> None:
    content = b"\0diff --git a/x b/x\n" + bytes(range(256)) * 20
    file = only_file(git_diff(repository, {b"a b": (FILE, b"\0")}, {b"a b": (FILE, content)}, *options))
    assert (file.new_path, file.binary, file.unread) == ("a b", True, diff.BINARY)


def test_a_submodule_and_a_link_show_in_the_modes(repository: Path) -> None:
    new = {b"link": (SYMLINK, b"/etc/passwd"), b"sub": (SUBMODULE, b"1" * 40)}
    files = parse_git_diff(git_diff(repository, {}, new))
    assert [(file.new_path, file.new_mode) for file in files] == [("link", SYMLINK), ("sub", SUBMODULE)]


def test_a_file_that_becomes_a_link_is_deleted_and_added(repository: Path) -> None:
    files = parse_git_diff(git_diff(repository, {b"a": (FILE, b"text\n")}, {b"a": (SYMLINK, b"b")}))
    assert [(file.path, file.status) for file in files] == [
        ("a", FileStatus.DELETED),
        ("a", FileStatus.ADDED),
    ]


def test_latin_1_text_is_shown_with_replacement_characters(repository: Path) -> None:
    file = only_file(git_diff(repository, {}, {b"a": (FILE, b"caf\xe9\nend\n")}))
    assert [line.text for line in file.lines()] == ["caf\ufffd", "end"]


def test_a_file_beyond_the_limit_is_unread_and_its_neighbours_are_read(repository: Path) -> None:
    new = {
        b"a": (FILE, b"small\n"),
        b"b": (FILE, b"large\n" * 1000),
        b"c": (FILE, b"small\n"),
        b"d": (FILE, b"x" * 9000),
    }
    data = git_diff(repository, {}, new)
    reasons = {file.path: file.unread for file in parse_git_diff(data, max_section=5000)}
    assert reasons == {"a": None, "b": (over := "its diff is larger than 5,000 bytes"), "c": None, "d": over}


def test_beyond_the_total_files_are_still_listed(repository: Path) -> None:
    new = {name.encode(): (FILE, b"line\n" * 100) for name in "abcd"}
    files = parse_git_diff(git_diff(repository, {}, new), max_total=2000)
    assert [file.path for file in files] == ["a", "b", "c", "d"]
    assert [file.unread is None for file in files] == [True, True, False, False]
    assert files[2].unread == "the diff is larger than 2,000 bytes; the files before this one were read"


def test_a_diff_that_ends_early_leaves_its_last_file_unread(repository: Path) -> None:
    data = git_diff(repository, {}, {b"a": (FILE, b"1\n2\n"), b"b": (FILE, b"1\n2\n3\n")})
    whole, cut = parse_git_diff(data[:-6])
    assert (whole.unread, cut.path, cut.unread) == (None, "b", diff.CUT_OFF)


def test_an_endless_line_is_not_held() -> None:
    start = b"diff --git a/a b/a\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+"
    endless = (start if step == 0 else b"x" * 1000 for step in range(5000))
    (section,) = iter_sections(endless, max_section=10_000)
    assert sum(map(len, section.body)) < 100
    assert section.missing == "its diff is larger than 10,000 bytes"


def test_a_header_inside_a_hunk_is_refused() -> None:
    start = b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n"
    with pytest.raises(ValueError, match="fewer lines than it says"):
        parse_git_diff(start + start)


def test_a_page_that_is_no_diff_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not a git diff"):
        parse_git_diff(b"<html>502 Bad Gateway</html>\n")


def test_our_reading_agrees_with_git_on_what_changed(tmp_path: Path) -> None:
    """git itself applies what `hunks` has read, printed again."""
    repository = gitrepos.new_repository(tmp_path / "r", bare=False)
    old, new = b"".join(b"%d\n" % n for n in range(60)), b"".join(b"%d\n" % n for n in range(60) if n % 17)
    file = only_file(git_diff(repository, {b"a": (FILE, old)}, {b"a": (FILE, new)}))
    (repository / "a").write_bytes(old)
    subprocess.run(
        ["git", "apply", "-"], cwd=repository, input=printed(file), check=True, env=gitrepos.ENVIRONMENT
    )
    assert (repository / "a").read_bytes() == new


def printed(file: FileChange) -> bytes:
    signs = {Side.ADDED: "+", Side.REMOVED: "-", Side.CONTEXT: " "}
    text = f"--- a/{file.old_path}\n+++ b/{file.new_path}\n"
    for hunk in file.hunks:
        text += f"@@ -{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@\n"
        text += "".join(f"{signs[line.side]}{line.text}\n" for line in hunk.lines)
    return text.encode()
