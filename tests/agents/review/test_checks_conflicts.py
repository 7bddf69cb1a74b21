from bot.agents.review.checks.conflicts import check
from bot.domain.change import FileChange, FileStatus
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from tests.doubles import DictSnapshot, added_file, added_lines, change_of, edited_file

CONFLICT = "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> feature\n"


def found(*files: FileChange) -> list[Finding]:
    return list(check(change_of(*files), DictSnapshot(), Redactor()))


def test_a_conflict_is_one_blocker_from_its_first_to_its_last_marker() -> None:
    (finding,) = found(added_file("a.py", "x = 0\n" + CONFLICT))
    assert (finding.line, finding.end_line, finding.severity) == (2, 6, Severity.BLOCKER)
    assert finding.anchor == "<<<<<<< HEAD"
    assert "======= (line 4)" in finding.evidence


def test_each_conflict_is_a_finding() -> None:
    assert [one.line for one in found(added_file("a.py", CONFLICT + "between\n" + CONFLICT))] == [1, 7]


def test_the_diff3_style_and_windows_line_ends_are_known() -> None:
    text = "<<<<<<< ours\r\na\r\n||||||| base\r\nb\r\n=======\r\nc\r\n>>>>>>> theirs\r\n"
    (finding,) = found(added_file("a.py", text))
    assert (finding.line, finding.end_line) == (1, 7)


def test_headings_rules_and_quotations_are_no_conflict() -> None:
    text = (
        ">>>>>>> deep quotation\n\nTitle\n=======\n\nText\n========\n<<<<<<<<< arrows\n    <<<<<<< indented\n"
    )
    assert found(added_file("a.rst", text)) == []


def test_a_lone_opening_marker_and_a_half_resolved_end_are_conflicts() -> None:
    (opening,) = found(added_file("a.py", "<<<<<<< HEAD\na = 1\n"))
    assert (opening.line, opening.end_line) == (1, None)
    (ending,) = found(added_file("a.py", "a = 1\n=======\na = 2\n>>>>>>> feature\n"))
    assert (ending.line, ending.end_line) == (2, 4)


def test_markers_that_were_there_before_are_not_reported() -> None:
    assert found(edited_file("a.py", CONFLICT + "new\n", added=[6])) == []


def test_a_conflict_over_two_hunks_is_one_finding_without_a_span() -> None:
    hunks = (added_lines("<<<<<<< HEAD\na", 3), added_lines("=======\nb\n>>>>>>> x", 90))
    (finding,) = found(FileChange("a.py", "a.py", FileStatus.MODIFIED, hunks=hunks))
    assert (finding.line, finding.end_line) == (3, None)


def test_tests_and_documents_are_one_step_milder() -> None:
    assert [one.severity for one in found(added_file("docs/merge.md", CONFLICT))] == [Severity.CRITICAL]
