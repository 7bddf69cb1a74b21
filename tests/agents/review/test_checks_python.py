import json
import random
import string
import subprocess

import pytest
import ruff

from bot.agents.review.checks import python
from bot.agents.review.checks.contract import CheckSkipped
from bot.agents.review.checks.python_rules import LINTS
from bot.domain.change import FileChange
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from bot.errors import Unavailable
from tests.doubles import DictSnapshot, added_file, change_of, edited_file


def found(text: str, path: str = "shop/cart.py", own: tuple[str, ...] = ()) -> list[Finding]:
    change = change_of(added_file(path, text))
    return list(python.check(change, DictSnapshot({path: text}), Redactor(own)))


def rules(text: str, path: str = "shop/cart.py") -> list[tuple[int | None, str]]:
    return [(one.line, one.rule) for one in found(text, path)]


def test_every_rule_of_the_table_is_a_stable_rule_of_the_installed_ruff() -> None:
    command = [ruff.find_ruff_bin(), "rule", "--all", "--output-format", "json"]
    known = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    stable = {rule["code"] for rule in known if not rule["preview"]}
    assert set(LINTS) <= stable


def test_texts_are_sentences_a_person_can_act_on() -> None:
    for lint in LINTS.values():
        assert lint.detail.endswith(".")
        assert lint.title is None or len(lint.title) <= 70


def test_an_undefined_name_is_critical_on_its_line_and_names_the_culprit() -> None:
    (finding,) = found("def total(items):\n    return sum(itens)\n")
    assert (finding.path, finding.line, finding.severity) == ("shop/cart.py", 2, Severity.CRITICAL)
    assert finding.rule == "python/F821"
    assert finding.title == 'Undefined name "itens"'
    assert finding.anchor == "    return sum(itens)"
    assert "F821" in finding.evidence


def test_only_added_lines_are_reported() -> None:
    text = "def f(a=[]):\n    return missing\n\n\ndef g(b=[]):\n    return b\n"
    change = change_of(edited_file("a.py", text, added=[5]))
    (finding,) = python.check(change, DictSnapshot({"a.py": text}), Redactor())
    assert (finding.line, finding.rule, finding.severity) == (5, "python/B006", Severity.MAJOR)


def test_style_is_no_finding() -> None:
    assert found("import os,sys\nx=1;y = 2\nl = lambda: os\nprint( sys, 'a', l,x ,y )\n") == []


def test_a_syntax_error_is_one_blocker_and_silences_the_rest() -> None:
    (finding,) = found("import os\n\ndef f(:\n    return missing\n\nclass\n")
    assert (finding.line, finding.severity, finding.rule) == (3, Severity.BLOCKER, "python/invalid-syntax")


def test_a_syntax_error_the_change_did_not_touch_is_not_reported() -> None:
    text = "print 'old'\n\nx = 1\n"
    change = change_of(edited_file("a.py", text, added=[3]))
    assert list(python.check(change, DictSnapshot({"a.py": text}), Redactor())) == []


def test_a_syntax_error_seen_on_the_line_after_the_slip_is_on_the_slip() -> None:
    text = "x = (1,\ny = 2\n"
    change = change_of(edited_file("a.py", text, added=[1]))
    (finding,) = python.check(change, DictSnapshot({"a.py": text}), Redactor())
    assert finding.line == 1


def test_conflict_markers_are_left_to_their_own_check() -> None:
    assert found("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n") == []


def test_new_syntax_is_no_error() -> None:
    assert (
        found("type Pair[T] = tuple[T, T]\n\ntry:\n    pass\nexcept ValueError, TypeError:\n    pass\n") == []
    )


def test_a_safe_fix_is_a_suggestion_of_whole_lines() -> None:
    (finding,) = found('def f(x):\n    if x is "a":\n        return 1\n')
    assert finding.suggestion is not None
    assert (finding.suggestion.start, finding.suggestion.end) == (2, 2)
    assert finding.suggestion.replaces == ('    if x is "a":',)
    assert finding.suggestion.lines == ('    if x == "a":',)


def test_deleting_a_line_is_a_suggestion_without_lines() -> None:
    (finding,) = found("import os\nx = 1\n")
    assert finding.severity is Severity.INFO
    assert finding.suggestion is not None
    assert (finding.suggestion.replaces, finding.suggestion.lines) == (("import os",), ())


def test_a_fix_inside_a_longer_statement_keeps_the_other_lines() -> None:
    (finding,) = found("from a import (\n    b,\n    c,\n)\n\nc()\n")
    assert finding.suggestion is not None
    before = ["from a import (", "    b,", "    c,", ")"][
        finding.suggestion.start - 1 : finding.suggestion.end
    ]
    assert finding.suggestion.replaces == tuple(before)
    assert "    b," not in finding.suggestion.lines


def test_a_fix_in_a_file_with_windows_line_ends_and_wide_characters_fits() -> None:
    (finding,) = found('name = "é😀" if len("x") is 1 else ""\r\n')
    assert finding.suggestion is not None
    assert finding.suggestion.replaces == ('name = "é😀" if len("x") is 1 else ""\r',)
    assert finding.suggestion.lines == ('name = "é😀" if len("x") == 1 else ""\r',)
    assert not finding.anchor.endswith("\r")


def test_a_fix_that_reaches_an_unchanged_line_is_not_suggested() -> None:
    text = "from a import (\n    b,\n)\n"
    change = change_of(edited_file("a.py", text, added=[2]))
    (finding,) = python.check(change, DictSnapshot({"a.py": text}), Redactor())
    assert finding.suggestion is None


def test_no_suggestion_and_no_text_holds_a_secret() -> None:
    token = "glpat-" + "".join(random.Random(2).choices(string.ascii_letters + string.digits, k=20))
    findings = found(f'd = {{"{token}": 1, "{token}": 2}}\nif d is "{token}":\n    pass\n')
    assert [one.rule for one in findings] == ["python/F601", "python/F632"]
    assert all(token[8:] not in one.model_dump_json() and one.suggestion is None for one in findings)


def test_the_repository_configures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUFF_SELECT", "E501")
    text = "def f(a=[]):\n    return a\n"
    files = {
        "a.py": text,
        "ruff.toml": 'exclude = ["*"]\n',
        "pyproject.toml": '[tool.ruff]\nexclude = ["*"]\n',
    }
    change = change_of(added_file("a.py", text), added_file("ruff.toml", files["ruff.toml"]))
    snapshot = DictSnapshot(files)
    assert [one.rule for one in python.check(change, snapshot, Redactor())] == ["python/B006"]
    assert snapshot.asked == ["a.py"]


@pytest.mark.parametrize(
    "path", ["../../etc/x.py", "/abs/x.py", "a\udce9/b c\n.py", "-x.py", "build/__init__.py", "a.pyi"]
)
def test_any_path_is_checked_under_a_name_of_our_own(path: str) -> None:
    assert [one.path for one in found("x: int = missing\n", path)] == [path]


def test_files_are_told_apart() -> None:
    texts = {f"pkg{number}/__init__.py": "\n" * number + "x = missing\n" for number in range(12)}
    change = change_of(*(added_file(path, text) for path, text in texts.items()))
    findings = list(python.check(change, DictSnapshot(texts), Redactor()))
    assert [(one.path, one.line) for one in findings] == [(path, at) for at, path in enumerate(texts, 1)]


def test_a_re_export_is_not_an_unused_import() -> None:
    assert found("from a import b\n", "pkg/__init__.py") == []
    assert found("from a import b\n", "pkg/stubs.pyi") == []


def test_tests_may_do_what_code_may_not() -> None:
    text = "import requests\n\nx = eval('1') + requests.get('u').status_code\n"
    assert [one.rule for one in found(text)] == ["python/S307", "python/S113"]
    assert found(text, "tests/test_a.py") == []


def test_a_shell_command_without_a_variable_part_is_not_reported() -> None:
    head = "import subprocess\n\n\ndef f(name):\n"
    assert found(head + "    subprocess.run('ls -l', shell=True)\n    return name\n") == []
    (finding,) = found(head + "    subprocess.run(f'ls {name}', shell=True)\n")
    assert finding.rule == "python/S602"


def test_gettext_and_notebook_names_are_not_undefined() -> None:
    assert found("print(_('hello'))\ndisplay(get_ipython())\n") == []


def test_a_change_without_python_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python.ruff, "find_ruff_bin", lambda: pytest.fail("ruff was looked for"))
    generated = added_file("gen.py", "x = missing\n", generated=True)
    assert list(python.check(change_of(added_file("a.js", "x"), generated), DictSnapshot(), Redactor())) == []


def test_files_that_cannot_be_checked_are_declared_and_the_others_checked() -> None:
    texts: dict[str, bytes | str] = {
        "a.py": "x = missing\n",
        "latin.py": b"x = '\xe9'\n",
        "mac.py": "x = 1\ry = 2\n",
    }
    files = [added_file(path, "x = missing") for path in [*texts, "gone.py"]]
    with pytest.raises(CheckSkipped, match=r"^3 Python files were not checked") as caught:
        python.check(change_of(*files), DictSnapshot(texts), Redactor())
    assert [one.path for one in caught.value.findings] == ["a.py"]


def skipped(file: FileChange, snapshot: DictSnapshot) -> str:
    with pytest.raises(CheckSkipped) as caught:
        python.check(change_of(file), snapshot, Redactor())
    return str(caught.value)


FILE = added_file("a.py", "x = missing\n")
SNAPSHOT = DictSnapshot({"a.py": "x = missing\n"})


def test_more_files_than_the_limit_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "FILES", 0)
    assert skipped(FILE, SNAPSHOT).startswith("1 Python file was not checked")


def test_a_missing_ruff_skips_the_check_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(python.ruff, "find_ruff_bin", missing)
    assert "ruff program is not installed" in skipped(FILE, SNAPSHOT)


def test_a_ruff_that_hangs_floods_or_fails_skips_the_check(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ruff"
    monkeypatch.setattr(python.ruff, "find_ruff_bin", lambda: str(fake))
    for script, setting, value, reason in (
        ("exec sleep 30", "SECONDS", 0.2, "did not finish"),
        ("exec cat /dev/zero", "OUTPUT_BYTES", 1000, "more than could be read"),
        ("exit 3", "SECONDS", 20, "status 3"),
        ("echo no json", "SECONDS", 20, "not JSON"),
    ):
        fake.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        fake.chmod(0o700)
        monkeypatch.setattr(python, setting, value)
        assert reason in skipped(FILE, SNAPSHOT)


def test_a_repository_that_cannot_be_read_skips_the_check() -> None:
    class Broken(DictSnapshot):
        def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
            raise Unavailable("GitLab does not answer.")

    assert "GitLab does not answer" in skipped(FILE, Broken())


def test_many_findings_in_one_file_are_fifty_and_a_count() -> None:
    findings = found("".join(f"a{number} = missing_{number}\n" for number in range(60)))
    assert len(findings) == 51
    assert findings[-1].title == "10 more findings of this kind in this file"


def test_one_name_that_is_undefined_on_many_lines_is_told_on_the_first_with_the_others_named() -> None:
    findings = found("".join(f"total_{number} = price({number}) + price(0)\n" for number in range(30)))
    assert [one.line for one in findings] == list(range(1, 31))
    assert {one.title for one in findings} == {'Undefined name "price"'}
    assert findings[0].detail.endswith(" Also on lines 2, 3, 4 and 26 more.")
    assert findings[4].detail.endswith(" Also on lines 1, 2, 3 and 26 more.")


def test_how_many_other_lines_there_are_is_said_also_where_not_all_are_told_one_by_one() -> None:
    findings = found("".join(f"total_{number} = price({number})\n" for number in range(700)))
    assert len(findings) == 50
    assert findings[0].detail.endswith(" Also on lines 2, 3, 4 and 696 more.")


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (0, ""),
        (1, " Also on line 2."),
        (3, " Also on lines 2, 3, 4."),
        (4, " Also on lines 2, 3, 4 and 1 more."),
    ],
)
def test_other_lines_are_named_in_plain_words(others: int, said: str) -> None:
    detail = found("x = price()\n" * (others + 1))[0].detail
    assert detail.removeprefix(LINTS["F821"].detail) == said


def test_two_names_and_two_defects_that_the_same_rule_finds_are_two() -> None:
    findings = found(
        "a = price()\nb = cost()\n\n\ndef f(a=[], b=[]):\n    return a\n\n\ndef g(a=[]):\n    return a\n"
    )
    assert [one.line for one in findings] == [1, 2, 5, 5, 9]
    assert not any("Also" in one.detail for one in findings)
