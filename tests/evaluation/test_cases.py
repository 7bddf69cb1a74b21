"""The evaluation set itself: every case is a change that can be made, and its planted defects stand where it says."""

from pathlib import Path

import pytest

from bot.domain.change import ChangeSet, FileStatus, MergeRequest, Target
from bot.domain.secrets import Redactor
from bot.entry.case_checkout import CaseReader, check_out
from bot.entry.side_by_side import side_by_side
from bot.errors import UsageError
from bot.evaluation.cases import Case, cases, chosen

AT_ONCE = 4  # checkouts: each is a dozen short processes
CASES = cases()
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[MergeRequest, ChangeSet]]:
    """Each case as it is read from a checkout of it."""
    root = tmp_path_factory.mktemp("cases")

    def read(case: Case) -> tuple[str, tuple[MergeRequest, ChangeSet]]:
        check_out(case, root / case.slug)
        reader = CaseReader(root / case.slug, case)
        request = reader.merge_request(Target("", 0))
        return case.slug, (request, reader.change_set(request))

    return dict(side_by_side(read, CASES, AT_ONCE))


def test_the_set_is_large_and_varied_enough() -> None:
    clean = [case for case in CASES if case.is_clean]
    assert len(CASES) - len(clean) >= 28
    assert len(clean) >= 16
    assert len({case.story.language for case in CASES}) >= 16
    assert len({defect.kind for case in CASES for defect in case.defects}) >= 25


def test_no_two_cases_have_one_name() -> None:
    assert len({case.slug for case in CASES}) == len(CASES)


@EACH
def test_a_case_is_a_small_change_of_a_small_repository(case: Case) -> None:
    assert 1 <= len(case.after) <= 4
    assert all(content.count(b"\n") <= 80 for content in case.after.values())
    assert case.story.title
    assert case.story.description
    assert len(case.defects) <= 2


@EACH
def test_the_diff_is_what_the_case_changes(
    case: Case, changes: dict[str, tuple[MergeRequest, ChangeSet]]
) -> None:
    request, change = changes[case.slug]
    assert (request.title, request.description) == (case.story.title, case.story.description)
    touched = {path for path in {*case.before, *case.after} if case.before.get(path) != case.after.get(path)}
    assert {path for file in change.files for path in (file.old_path, file.new_path)} == touched
    assert all(file.unread is None and not file.binary for file in change.files)
    changed = [line for file in change.files for line in file.lines() if None in (line.old, line.new)]
    assert len(changed) <= 75


@EACH
def test_a_planted_defect_stands_in_the_diff(
    case: Case, changes: dict[str, tuple[MergeRequest, ChangeSet]]
) -> None:
    _, change = changes[case.slug]
    for defect in case.defects:
        file = change.file(defect.path)
        assert file is not None
        assert file.status is not FileStatus.DELETED
        added = {line.new for line in file.added()}
        shown = {line.new for line in file.lines() if line.new is not None}
        removed = {line.old for line in file.lines() if line.new is None}
        first, last = defect.span
        assert first <= defect.line <= last
        assert case.line(defect.path, defect.line).strip()
        assert defect.line in shown
        assert added & set(range(first, last + 1)) or defect.removed
        if defect.removed:
            assert removed & set(range(defect.removed[0], defect.removed[1] + 1))


@EACH
def test_a_planted_defect_is_described(case: Case) -> None:
    for defect in case.defects:
        assert len(defect.about) > 40
        assert all(len(word) > 1 for word in defect.keywords)
        assert len(defect.keywords) >= 3
        for place in defect.places:
            assert place.path in case.after
            assert 1 <= place.lines[0] <= place.lines[1] <= case.after[place.path].count(b"\n")


def test_a_clean_case_says_what_it_looks_like() -> None:
    assert all(case.story.kind.startswith("looks-like-") == case.is_clean for case in CASES)


def test_nothing_in_the_set_looks_like_a_secret() -> None:
    redactor = Redactor([])
    for case in CASES:
        for path, content in (case.before | case.after).items():
            assert redactor.find(content.decode()) == [], f"{case.slug}: {path}"


def test_a_renamed_file_is_a_rename_in_the_diff(changes: dict[str, tuple[MergeRequest, ChangeSet]]) -> None:
    _, change = changes["renamed-with-its-class"]
    assert FileStatus.RENAMED in {file.status for file in change.files}


def test_no_file_of_the_set_is_taken_for_our_own_source() -> None:
    root = Path(__file__).parents[2] / "bot" / "evaluation" / "review"
    kinds = {path.suffix for path in root.rglob("*") if path.is_file()}
    assert kinds == {".txt", ".yml"}


def test_cases_are_chosen_by_name() -> None:
    assert [case.slug for case in chosen(["sort-column-injection"])] == ["sort-column-injection"]
    assert len(chosen([])) == len(CASES)


def test_a_case_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no case nonsense; there are audit-entry-not-awaited, "):
        chosen(["nonsense"])
