import pytest

from bot.agents.review.checks.contract import CheckSkipped
from bot.agents.review.checks.size import check
from bot.domain.change import FileChange, FileStatus
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from bot.errors import Unavailable
from tests.doubles import DictSnapshot, added_binary, added_file, change_of, edited_file


def found(file: FileChange, content: bytes | str) -> list[Finding]:
    return list(check(change_of(file), DictSnapshot({file.path: content}), Redactor()))


def described(file: FileChange, content: bytes | str) -> list[tuple[str, Severity]]:
    return [(one.rule, one.severity) for one in found(file, content)]


def test_a_large_added_file_is_reported_with_its_size() -> None:
    (finding,) = found(added_binary("video.mp4"), b"\0" * 2_400_000)
    assert (finding.rule, finding.severity, finding.line) == ("size/large", Severity.MINOR, None)
    assert "2.4 MB" in finding.title
    assert "2400000 bytes" in finding.evidence


def test_over_ten_megabytes_is_major() -> None:
    assert described(added_binary("dump.bak"), b"\0" * 10_000_001) == [("size/large", Severity.MAJOR)]


def test_small_pictures_and_fonts_are_silent_and_large_ones_are_not() -> None:
    for name in ("logo.PNG", "a/icon.ico", "f.woff2", "photo.jpg"):
        assert found(added_binary(name), b"\0" * 200_000) == []
        assert described(added_binary(name), b"\0" * 200_001) == [("size/binary", Severity.MINOR)]


def test_a_compiled_file_is_major_whatever_its_size() -> None:
    assert described(added_binary("lib/tool.jar"), b"\0" * 500) == [("size/program", Severity.MAJOR)]


def test_another_binary_is_minor() -> None:
    (finding,) = found(added_binary("data.sqlite"), b"\0" * 5_000)
    assert (finding.rule, finding.severity) == ("size/binary", Severity.MINOR)
    assert "less than 0.1 MB" in finding.title


def test_a_git_lfs_pointer_is_fine() -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345678\n"
    assert found(added_binary("model.onnx"), pointer) == []


def test_a_large_added_text_is_reported_and_a_generated_one_is_declared_elsewhere() -> None:
    text = "0123456789\n" * 120_000
    assert described(added_file("data.csv", text), text) == [("size/large", Severity.MINOR)]
    assert found(added_file("data.csv", text, generated=True), text) == []


def test_a_text_that_grows_past_a_megabyte_is_reported_once() -> None:
    lines = "0123456789\n" * 100_000
    assert described(edited_file("a.csv", lines, added=range(1, 20_001)), lines) == [
        ("size/large", Severity.MINOR)
    ]
    before = lines * 2
    assert found(edited_file("a.csv", before, added=range(1, 20_001)), before) == []
    assert found(edited_file("a.csv", lines, added=[1]), lines) == []


def test_an_ordinary_file_is_silent() -> None:
    assert found(added_file("a.py", "x = 1\n"), "x = 1\n") == []


def test_deleted_files_and_what_is_no_regular_file_are_silent() -> None:
    gone = FileChange("a.bin", "a.bin", FileStatus.DELETED, binary=True)
    assert list(check(change_of(gone, added_binary("link")), DictSnapshot(), Redactor())) == []


def test_a_repository_that_cannot_be_read_skips_the_check_with_a_reason() -> None:
    class Broken(DictSnapshot):
        def size(self, path: str) -> int | None:
            raise Unavailable("GitLab does not answer.")

    with pytest.raises(CheckSkipped, match="GitLab does not answer"):
        list(check(change_of(added_binary("a.zip")), Broken(), Redactor()))
