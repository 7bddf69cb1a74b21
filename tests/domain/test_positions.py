import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.actions import Position
from bot.domain.change import DiffRefs, FileChange, FileStatus
from bot.domain.diff import hunks, parse_git_diff
from bot.domain.positions import file_position, line_code, position
from tests import gitrepos
from tests.gitrepos import Files

REFS = DiffRefs(base="b" * 40, start="5" * 40, head="a" * 40)
TWO_HUNKS = hunks("@@ -10,3 +10,4 @@\n c10\n+n11\n c11\n c12\n@@ -20,3 +21,2 @@\n c20\n-o21\n c22\n")
FILE = FileChange("a.py", "a.py", FileStatus.MODIFIED, hunks=TWO_HUNKS)
ADDED = FileChange(
    "n.py", "n.py", FileStatus.ADDED, old_mode="0", hunks=hunks("@@ -0,0 +1,2 @@\n+one\n+two\n")
)
DELETED = FileChange(
    "o.py", "o.py", FileStatus.DELETED, new_mode="0", hunks=hunks("@@ -1,2 +0,0 @@\n-a\n-b\n")
)


def numbers(place: Position | None) -> tuple[int | None, int | None] | None:
    """(old, new) of a position."""
    return place and (place.old_line, place.new_line)


# --- one line ---


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        (1, (1, 1)),
        (9, (9, 9)),
        (10, (10, 10)),
        (11, (None, 11)),
        (12, (11, 12)),
        (14, (13, 14)),
        (20, (19, 20)),
        (22, (22, 22)),
        (23, (23, 23)),
    ],
)
def test_a_line_at_head_has_the_numbers_gitlab_wants(line: int, pair: tuple[int | None, int]) -> None:
    assert numbers(position(REFS, FILE, line=line)) == pair


@pytest.mark.parametrize(
    ("old_line", "pair"), [(1, (1, 1)), (11, (11, 12)), (15, (15, 16)), (21, (21, None))]
)
def test_a_line_at_base_has_the_numbers_gitlab_wants(old_line: int, pair: tuple[int, int | None]) -> None:
    assert numbers(position(REFS, FILE, old_line=old_line)) == pair


def test_a_position_names_the_three_commits_and_leaves_absent_numbers_out() -> None:
    place = position(REFS, FILE, line=11)
    assert place is not None
    assert place.payload() == {
        "position_type": "text",
        "base_sha": "b" * 40,
        "start_sha": "5" * 40,
        "head_sha": "a" * 40,
        "old_path": "a.py",
        "new_path": "a.py",
        "new_line": 11,
    }


def test_an_insertion_without_context_numbers_the_lines_around_it() -> None:
    file = replace(FILE, hunks=hunks("@@ -5,0 +6,2 @@\n+x\n+y\n"))
    assert [numbers(position(REFS, file, line=line)) for line in (5, 6, 7, 8)] == [
        (5, 5),
        (None, 6),
        (None, 7),
        (6, 8),
    ]


def test_a_removal_without_context_numbers_the_lines_around_it() -> None:
    file = replace(FILE, hunks=hunks("@@ -5,2 +4,0 @@\n-x\n-y\n"))
    assert [numbers(position(REFS, file, line=line)) for line in (4, 5)] == [(4, 4), (7, 5)]
    assert numbers(position(REFS, file, old_line=6)) == (6, None)


def test_an_added_file_has_new_lines_only_and_a_deleted_one_old_lines_only() -> None:
    assert numbers(position(REFS, ADDED, line=2)) == (None, 2)
    assert numbers(position(REFS, DELETED, old_line=2)) == (2, None)
    assert position(REFS, ADDED, line=3) is None
    assert position(REFS, ADDED, old_line=1) is None
    assert position(REFS, DELETED, line=1) is None


def test_a_renamed_file_is_named_by_both_paths() -> None:
    place = position(REFS, replace(FILE, old_path="old.py", status=FileStatus.RENAMED), line=11)
    assert place is not None
    assert (place.old_path, place.new_path) == ("old.py", "a.py")


def test_a_line_past_the_end_of_the_file_has_no_place() -> None:
    assert position(REFS, FILE, line=31, head_lines=30) is None
    assert position(REFS, FILE, line=20, end_line=31, head_lines=30) is None
    assert numbers(position(REFS, FILE, line=30, head_lines=30)) == (30, 30)


@pytest.mark.parametrize(
    "wrong", [{}, {"line": 0}, {"line": -3}, {"old_line": 0}, {"line": 11, "old_line": 21}]
)
def test_what_is_no_line_has_no_place(wrong: dict[str, int]) -> None:
    assert position(REFS, FILE, **wrong) is None


@pytest.mark.parametrize(
    "change",
    [
        {"unread": "collapsed", "hunks": ()},
        {"binary": True},
        {"hunks": (), "new_mode": "100755"},
        {"new_mode": "160000"},
        {"new_path": "latin\udce9.py"},
        {"old_path": "latin\udce9.py"},
        {"new_path": "x" * 1001},
        {"new_path": ""},
    ],
)
def test_a_file_whose_lines_gitlab_does_not_show_has_no_place_for_them(change: dict[str, Any]) -> None:
    assert position(REFS, replace(FILE, **change), line=11) is None


# --- the file as a whole ---


def test_a_file_position_has_no_line() -> None:
    place = file_position(REFS, replace(FILE, binary=True, hunks=()))
    assert place is not None
    assert (place.position_type, numbers(place), place.line_range) == ("file", (None, None), None)


@pytest.mark.parametrize("path", ["latin\udce9.py", "x" * 1001, ""])
def test_a_file_with_a_name_that_json_cannot_carry_has_no_position(path: str) -> None:
    assert file_position(REFS, replace(FILE, new_path=path)) is None
    assert file_position(REFS, replace(FILE, new_path="x" * 1000)) is not None


# --- spans and line codes ---


def test_a_line_code_is_the_digest_of_the_path_and_both_counters() -> None:
    assert line_code("README.md", 33, 34) == "8ec9a00bfd09b3190ac6b22251dbb1aa95a0579d_33_34"


def test_a_span_ends_on_the_positions_line() -> None:
    place = position(REFS, FILE, line=11, end_line=12)
    assert place is not None
    assert numbers(place) == (11, 12)
    assert place.line_range == {
        "start": {"line_code": line_code("a.py", 11, 11), "type": "new", "new_line": 11},
        "end": {"line_code": line_code("a.py", 11, 12), "type": "old", "old_line": 11, "new_line": 12},
    }


def test_a_span_in_an_added_file_counts_from_zero_on_the_old_side() -> None:
    place = position(REFS, ADDED, line=1, end_line=2)
    assert place is not None
    assert place.line_range is not None
    assert [end["line_code"] for end in place.line_range.values()] == [
        line_code("n.py", 0, 1),
        line_code("n.py", 0, 2),
    ]


def test_a_span_of_removed_lines_is_on_the_old_side() -> None:
    place = position(REFS, DELETED, old_line=1, end_line=2)
    assert place is not None
    assert numbers(place) == (2, None)
    assert place.line_range is not None
    assert place.line_range["start"] == {"line_code": line_code("o.py", 1, 0), "type": "old", "old_line": 1}


def test_a_span_of_one_line_is_a_line_and_one_that_ends_before_it_starts_has_no_place() -> None:
    assert position(REFS, FILE, line=11, end_line=11) == position(REFS, FILE, line=11)
    assert position(REFS, FILE, line=11, end_line=10) is None


# --- every line of every change, judged by git's own full-context diff ---


class Judge:
    """Says whether GitLab would take a position, from a diff that shows each file whole.

    Knows nothing of the product's hunks: it walks git's `-U100000` output with two counters.
    """

    def __init__(self, changed: Iterable[tuple[str, str, bytes]]) -> None:
        """`changed`: old path, new path and the whole-file diff of each changed file."""
        self.names: dict[str, str] = {}
        self.codes: dict[str, set[tuple[int | None, int | None, str]]] = {}
        for old_path, new_path, diff in changed:
            body = diff.partition(b"\n@@ -")[2]
            self.names[new_path] = old_path
            self.codes[new_path] = set(walked(body, sha1(new_path))) if body else set()

    def takes(self, payload: dict[str, Any]) -> bool:
        path, pair = payload["new_path"], (payload.get("old_line"), payload.get("new_line"))
        known = self.codes.get(path, set())
        if self.names.get(path) != payload["old_path"] or pair not in {(old, new) for old, new, _ in known}:
            return False
        span = payload.get("line_range")
        return span is None or (
            all(end_of(span[name]) in known for name in ("start", "end")) and end_of(span["end"])[:2] == pair
        )


def end_of(end: dict[str, Any]) -> tuple[int | None, int | None, str]:
    added = "old_line" not in end
    assert end["type"] == ("new" if added else "old")
    return end.get("old_line"), end.get("new_line"), end["line_code"]


def sha1(path: str) -> str:
    return hashlib.sha1(path.encode("utf-8", "surrogateescape")).hexdigest()


def walked(body: bytes, digest: str) -> Iterator[tuple[int | None, int | None, str]]:
    header, _, content = body.partition(b"\n")
    left, right = header.split(b" @@")[0].split(b" +")
    old, new = int(left.split(b",")[0]), int(right.split(b",")[0])
    for line in content.removesuffix(b"\n").split(b"\n"):
        code = f"{digest}_{old}_{new}"
        if line.startswith(b"+"):
            yield None, new, code
            new += 1
        elif line.startswith(b"-"):
            yield old, None, code
            old += 1
        elif not line.startswith(b"\\"):
            yield old, new, code
            old, new = old + 1, new + 1


def judged(repository: Path, base: str, head: str) -> Judge:
    """Names come from `--raw -z`, one diff a file follows, so that no name has to be read from a header."""
    raw = gitrepos.git(repository, "diff-tree", "-r", "-z", "--find-renames", base, head)
    fields = [field.decode("utf-8", "surrogateescape") for field in raw.split(b"\0")]
    changed = []
    while len(fields) > 1:
        status, old_path = fields.pop(0).split()[-1], fields.pop(0)
        new_path = fields.pop(0) if status.startswith("R") else old_path
        if status != "T":
            changed.append((old_path, new_path, whole(repository, base, head, old_path, new_path)))
    return Judge(changed)


def whole(repository: Path, base: str, head: str, *paths: str) -> bytes:
    options = ["diff-tree", "-r", "-p", "--find-renames", "-U100000"]
    return gitrepos.git(repository, "--literal-pathspecs", *options, base, head, "--", *paths)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gitrepos.new_repository(tmp_path_factory.mktemp("positions") / "repository")


def line_count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") and content != b"")


@given(change=gitrepos.changes(), data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_line_of_every_change_has_a_place_and_no_wrong_pair_is_taken(
    repository: Path, change: tuple[Files, Files], data: st.DataObject
) -> None:
    old, new = change
    base, head = gitrepos.two_commits(repository, old, new)
    judge = judged(repository, base, head)
    diff = gitrepos.git(repository, "diff-tree", "-r", "-p", "--find-renames", base, head)
    for file in parse_git_diff(diff):
        if file.hunks and file.path in judge.codes and "\udce9" not in file.old_path + file.new_path:
            check_every_line(file, old, new, judge, data)


def check_every_line(file: FileChange, old: Files, new: Files, judge: Judge, data: st.DataObject) -> None:
    before = line_count(old.get(file.old_path.encode(), ("", b""))[1]) * (file.status is not FileStatus.ADDED)
    after = line_count(new.get(file.new_path.encode(), ("", b""))[1]) * (
        file.status is not FileStatus.DELETED
    )
    places = [position(REFS, file, line=line, head_lines=after) for line in range(1, after + 1)]
    places += [position(REFS, file, old_line=line) for line in range(1, before + 1)]
    assert {numbers(place) for place in places} == {(o, n) for o, n, _ in judge.codes[file.path]}
    assert all(place is not None and judge.takes(place.payload()) for place in places)
    assert position(REFS, file, line=after + 1, head_lines=after) is None
    if after:
        check_a_span(file, after, judge, data)


def check_a_span(file: FileChange, after: int, judge: Judge, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, after))
    place = position(REFS, file, line=first, end_line=data.draw(st.integers(first, after)), head_lines=after)
    assert place is not None
    payload = place.payload()
    assert judge.takes(payload)
    assert not judge.takes(payload | {"new_line": payload["new_line"] + 1_000})
    assert not judge.takes(payload | {"old_line": payload.get("old_line", payload["new_line"]) + 1_000})
    assert not judge.takes(payload | {"old_path": "elsewhere"})
