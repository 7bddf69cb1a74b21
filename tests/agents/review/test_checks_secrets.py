import random
import string

from bot.agents.review.checks.secrets import check
from bot.domain.change import FileChange, FileStatus, Line, Side
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from tests.doubles import DictSnapshot, added_file, added_lines, change_of, edited_file


def token(seed: int = 1) -> str:
    return "glpat-" + "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=20))


def pem() -> str:
    dice = random.Random(4)
    body = "\n".join(
        "".join(dice.choices(string.ascii_letters + string.digits + "+/", k=64)) for _ in range(9)
    )
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"


def found(*files: FileChange, own: tuple[str, ...] = ()) -> list[Finding]:
    return list(check(change_of(*files), DictSnapshot(), Redactor(own)))


def test_a_token_is_reported_on_its_line_without_its_value() -> None:
    (finding,) = found(added_file("deploy.py", f'import os\nTOKEN = "{token()}"\n'))
    assert (finding.path, finding.line, finding.severity) == ("deploy.py", 2, Severity.BLOCKER)
    assert finding.rule == "secrets/gitlab-access-token"
    assert "GitLab access token" in finding.title
    assert finding.anchor.startswith('TOKEN = "<REDACTED:gitlab-access-token:')
    assert token()[6:] not in finding.model_dump_json()


def test_a_key_over_several_lines_is_one_finding_on_its_first_line() -> None:
    (finding,) = found(added_file("app/keys.py", f'KEY = """{pem()}"""\nOTHER = 1\n'))
    assert (finding.line, finding.rule) == (1, "secrets/private-key")
    assert not any(line in finding.model_dump_json() for line in pem().split("\n")[1:-1])


def test_two_secrets_in_one_file_are_told_apart_by_their_anchors() -> None:
    one, other = found(added_file("a.env", f"A={token(1)}\nA={token(2)}\n"))
    assert one.anchor != other.anchor


def test_a_secret_on_an_unchanged_or_removed_line_is_not_reported() -> None:
    text = f'OLD = "{token()}"\nNEW = 1\n'
    removed = Line(Side.REMOVED, 3, None, f'GONE = "{token()}"')
    file = edited_file("a.py", text, added=[2])
    (hunk,) = file.hunks
    lines = (*hunk.lines, removed)
    hunk = type(hunk)(hunk.old_start, hunk.old_count + 1, hunk.new_start, hunk.new_count, lines)
    assert found(FileChange("a.py", "a.py", FileStatus.MODIFIED, hunks=(hunk,))) == []


def test_tests_and_documents_are_one_step_milder() -> None:
    text = f'TOKEN = "{token()}"\n'
    for path in ("tests/test_api.py", "docs/setup.md", "src/api.spec.ts", "spec/fixtures/a.json"):
        assert [one.severity for one in found(added_file(path, text))] == [Severity.CRITICAL]
    assert [one.severity for one in found(added_file("src/latest/contest.py", text))] == [Severity.BLOCKER]


def test_many_secrets_in_one_file_are_five_and_a_count() -> None:
    text = "".join(f'T{number} = "{token(number)}"\n' for number in range(12))
    findings = found(added_file("a.py", text), added_file("b.py", f'T = "{token()}"\n'))
    assert [(one.path, one.line) for one in findings] == [*(("a.py", at) for at in range(1, 7)), ("b.py", 1)]
    assert findings[5].title == "7 more findings of this kind in this file"
    assert "6, 7, 8" in findings[5].evidence


def test_one_line_is_reported_once() -> None:
    assert len(found(added_file("a.py", f'PAIR = ("{token(1)}", "{token(2)}")\n'))) == 1


def test_a_credential_of_ours_is_a_blocker() -> None:
    (finding,) = found(added_file("notes.py", "# use hunter-hunter-77 here\n"), own=("hunter-hunter-77",))
    assert (finding.rule, finding.severity) == ("secrets/own", Severity.BLOCKER)
    assert "hunter" not in finding.model_dump_json()


def test_a_random_string_in_a_generated_file_is_no_secret_but_a_token_is() -> None:
    hashed = "".join(random.Random(9).choices("0123456789abcdef", k=40))
    text = f'"secret": "{hashed}"\n"url": "{token()}"\n'
    assert len(found(added_file("lock.json", text))) == 2
    assert [one.line for one in found(added_file("lock.json", text, generated=True))] == [2]


def test_a_placeholder_is_not_reported() -> None:
    assert found(added_file("README.md", "glpat-" + "x" * 20 + "\npassword = 'changeme'\n")) == []


def test_a_file_with_windows_line_ends_is_searched_alike() -> None:
    file = FileChange(
        "a.py", "a.py", FileStatus.MODIFIED, hunks=(added_lines(f"\r\nexport API_TOKEN={token()}\r\n", 41),)
    )
    assert [one.line for one in found(file)] == [42]
