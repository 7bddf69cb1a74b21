"""The account of one run, for a terminal, a program, a page, GitLab's merge request widget, and other tools.

Every writer takes a `Report` and gives text. Whatever a path or a title holds, the text is valid UTF-8 and what
cannot be seen is spelled out.
"""

import hashlib
import json
import re
import xml.etree.ElementTree as ET  # writes only
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any
from urllib.parse import quote

from bot.domain.actions import Coverage, Decision, Report
from bot.domain.findings import Finding, Severity
from bot.domain.ledger import SAID, Ledger, Row
from bot.domain.ledger_table import ledger_table
from bot.domain.markdown import by_model, code, counted, inert, kinds, one_line, prose_line, spent, used
from bot.domain.visible import line_ends, on_one_line, visible
from bot.domain.work_reports import work_markdown, work_text

NAME = "Trivet"
REVIEW = "review"
SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SARIF_LEVELS = {
    Severity.INFO: "note",
    Severity.MINOR: "warning",
    Severity.MAJOR: "warning",
    Severity.CRITICAL: "error",
    Severity.BLOCKER: "error",
}
NO_FINDINGS = "No findings."
INCOMPLETE = "incomplete"
NONE_SO_FAR = "No findings in what was read."
OWN_TEXT = "the merge request's own text"
OWN_TEXT_CASE = "merge request"
BY_MODEL = "{rule}, found by the model"
KEPT_BACK = "Kept back: {kinds}"
MOST_KEPT = 20  # findings named that are kept back
MODEL = "{model}: {used}"
NO_MODEL = "No model is configured: the checks reviewed alone."
CRITERIA = "Acceptance criteria:"
OUTSIDE = "Not asked for by any issue:"
LONE = re.compile("[\ud800-\udfff]")
NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
XML_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(report: Report) -> str:
    """For a terminal: findings by place, then what was not read and what failed, and how it ended. No colours.

    A run that did nothing says only why.
    """
    if _did_nothing(report):
        return f"{_ending(report)}\n"
    if report.agent != REVIEW:
        return work_text(report)
    parts = (
        _text_findings(report.findings) or (NONE_SO_FAR if report.failures else NO_FINDINGS),
        _text_ledger(report.ledger),
        _text_list(
            "Not read:", (f"{on_one_line(one.path)}: {on_one_line(one.reason)}" for one in _unread(report))
        ),
        _text_list(
            "Read by the checks only:",
            (f"{on_one_line(one.path)}: {on_one_line(one.reason)}" for one in _checked(report)),
        ),
        _text_list("What failed:", map(on_one_line, report.failures)),
        _text_list("Complaints:", map(on_one_line, _complaints(report))),
        _text_list(
            "Did not succeed:",
            (f"{one.key}: {one.result}, {on_one_line(one.reason)}" for one in _missed(report)),
        ),
        _text_kept_back(report),
        "\n".join(filter(None, (_model(report), _ending(report)))),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def as_json(report: Report) -> str:
    """The report's own fields, one JSON object, ASCII only."""
    return json.dumps(_plain(report.model_dump(mode="python")), indent=2) + "\n"


def as_markdown(report: Report) -> str:
    """For a page: the same account, every text literal."""
    if report.agent != REVIEW:
        return work_markdown(report)
    parts = (
        f"## {NAME}: {one_line(report.target)}",
        "<br>".join(map(one_line, filter(None, (_ending(report), _model(report))))),
        "\n".join(_markdown_item(finding) for finding in _by_place(report.findings)),
        ledger_table(report.ledger, {}, ""),
        _markdown_list("Not read", (f"{code(one.path)}: {one_line(one.reason)}" for one in _unread(report))),
        _markdown_list(
            "Read by the checks only",
            (f"{code(one.path)}: {one_line(one.reason)}" for one in _checked(report)),
        ),
        _markdown_list("What failed", map(one_line, report.failures)),
        _markdown_list("Complaints", map(one_line, _complaints(report))),
        _markdown_list(
            "Did not succeed", (f"{code(one.key)}: {one_line(one.reason)}" for one in _missed(report))
        ),
        _markdown_kept_back(report),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def as_codequality(report: Report) -> str:
    """GitLab's Code Quality report (docs.gitlab.com/ci/testing/code_quality), one entry a fingerprint.

    Every entry needs a file: findings in the merge request's own text are left out.
    """
    first: dict[str, Finding] = {}
    for finding in filter(lambda one: one.path, report.findings):
        first.setdefault(_fingerprint(finding), finding)
    return json.dumps([_issue(key, finding) for key, finding in first.items()], indent=2) + "\n"


def as_sarif(report: Report) -> str:
    """SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), one run."""
    rules = sorted({on_one_line(finding.rule) for finding in report.findings})
    run = {
        "tool": {
            "driver": {
                "name": NAME,
                "rules": [{"id": rule} for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "results": [_result(finding, rules) for finding in report.findings],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_junit(report: Report) -> str:
    """JUnit XML: a test case a file, failed by its findings, skipped where it was not read; an error a failure."""
    findings = {path: list(some) for path, some in groupby(_by_place(report.findings), lambda one: one.path)}
    elsewhere = {path: Coverage(path=path, read=True) for path in findings}
    cases = {one.path: one for one in report.coverage}
    cases |= {path: one for path, one in elsewhere.items() if path not in cases}
    suite = ET.Element(
        "testsuite",
        name=_xml(f"{NAME} {report.agent}"),
        tests=str(len(cases) + len(report.failures)),
        failures=str(len(findings)),
        errors=str(len(report.failures)),
        skipped=str(sum(not one.read and path not in findings for path, one in cases.items())),
        time=f"{report.seconds:.3f}",
    )
    for path, coverage in cases.items():
        suite.append(_case(coverage, findings.get(path, [])))
    for number, failure in enumerate(report.failures, start=1):
        suite.append(_error_case(number, failure))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "codequality": as_codequality,
    "sarif": as_sarif,
    "junit": as_junit,
}


# --- what several of them say ---


def _by_place(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: (one.path, one.line or one.old_line or 0, -one.severity.rank))


def _place(finding: Finding) -> str:
    line = finding.line or finding.old_line
    return f"{on_one_line(finding.path)}:{line}" if line else on_one_line(finding.path) or OWN_TEXT


def _who(finding: Finding) -> str:
    rule = on_one_line(finding.rule)
    return BY_MODEL.format(rule=rule) if by_model(finding) else rule


def _did_nothing(report: Report) -> bool:
    """Whether the run ended before it read anything, and says why."""
    return bool(report.message) and not (report.findings or report.coverage or report.failures)


def _complaints(report: Report) -> list[str]:
    """Those that are not told as failures."""
    return [text for text in report.complaints if text not in report.failures]


def _kept_back(report: Report) -> list[Decision]:
    return [one for one in report.decisions if not one.allowed]


def _kept_items(kept: list[Decision], shown: Callable[[str], str]) -> list[str]:
    named = [one for one in kept if one.about]
    items = [f"{shown(one.about)}: {shown(one.reason)}" for one in named[:MOST_KEPT]]
    return [*items, f"and {len(named) - MOST_KEPT:,} more"] if named[MOST_KEPT:] else items


def _unread(report: Report) -> list[Coverage]:
    return [one for one in report.coverage if not one.read]


def _checked(report: Report) -> list[Coverage]:
    """What no model was shown."""
    return [one for one in report.coverage if one.read and one.reason]


def _missed(report: Report) -> list[Any]:
    return [one for one in report.outcomes if one.result in {"refused", "failed"}]


def _ending(report: Report) -> str:
    """How it ended, in one line: "done: 2 findings, 4 of 5 files read, 2.1 s". What is not whole is not done."""
    if _did_nothing(report):
        return f"{report.state}: {on_one_line(report.message)}"
    said = [counted(len(report.findings), "finding")]
    if report.coverage:
        read = len(report.coverage) - len(_unread(report))
        said.append(f"{read:,} of {_all_files(report)} read")
    said.append(spent(report.seconds))
    ending = f"{INCOMPLETE if report.failures else report.state}: {', '.join(said)}"
    return f"{ending}. {on_one_line(report.message)}" if report.message else ending


def _all_files(report: Report) -> str:
    return f"{report.files_in_all} files" if report.files_in_all else counted(len(report.coverage), "file")


def _model(report: Report) -> str:
    """What the model took; that there is none, where files were read."""
    if not report.model:
        return NO_MODEL if report.coverage else ""
    counts = report.model_calls, report.tokens, report.cached_tokens, report.cost_usd
    return MODEL.format(model=on_one_line(report.model), used=used(report.model, *counts))


# --- text and Markdown ---


def _text_findings(findings: Iterable[Finding]) -> str:
    groups = groupby(_by_place(findings), _place)
    return "\n\n".join("\n".join((place, *map(_text_item, some))) for place, some in groups)


def _text_item(finding: Finding) -> str:
    detail = [line for line in visible(line_ends(finding.detail)).split("\n") if line.strip()]
    head = f"  {finding.severity.value}: {on_one_line(finding.title)} [{_who(finding)}]"
    return "\n".join((head, *(f"    {line}" for line in detail)))


def _text_ledger(ledger: Ledger | None) -> str:
    if ledger is None or not ledger.rows:
        return ""
    parts = (
        _text_list(CRITERIA, map(_criterion, ledger.rows)),
        _text_list(OUTSIDE, map(on_one_line, ledger.outside)),
    )
    return "\n".join(filter(None, parts))


def _criterion(row: Row) -> str:
    """As in `SHOP-12, met: Orders are totalled (app/orders.py:4): the sum is returned`."""
    proof = ", ".join(f"{one.path}:{one.line}" for one in row.proof)
    said = f"{row.issue}, {SAID[row.state]}: {row.text}{f' ({proof})' if proof else ''}"
    return on_one_line(f"{said}: {row.reason}" if row.reason else said)


def _text_list(heading: str, items: Iterable[str]) -> str:
    rows = [f"  {item}" for item in items]
    return "\n".join((heading, *rows)) if rows else ""


def _text_kept_back(report: Report) -> str:
    kept = _kept_back(report)
    heading = KEPT_BACK.format(kinds=on_one_line(kinds(kept)))
    return "\n".join((heading, *(f"  {item}" for item in _kept_items(kept, on_one_line)))) if kept else ""


def _markdown_item(finding: Finding) -> str:
    line = finding.line or finding.old_line
    place = f"{code(finding.path)}{f', line {line}' if line else ''}" if finding.path else OWN_TEXT
    head = f"- **{finding.severity.value.capitalize()}: {prose_line(finding.title)}** {place}"
    return f"{head}<br>{prose_line(finding.detail)}" if finding.detail.strip() else head


def _markdown_kept_back(report: Report) -> str:
    kept = _kept_back(report)
    rows = [f"- {item}" for item in _kept_items(kept, prose_line)]
    return "\n".join((one_line(KEPT_BACK.format(kinds=kinds(kept))), "", *rows)).strip() if kept else ""


def _markdown_list(heading: str, items: Iterable[str]) -> str:
    rows = [f"- {item}" for item in items]
    return "\n".join((f"**{inert(heading)}**", "", *rows)) if rows else ""


# --- JSON ---


def _plain(value: Any) -> Any:
    """The same data with every text encodable: an undecodable byte of a path is spelled `\\x80`."""
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _encodable(text: str) -> str:
    return LONE.sub(lambda found: visible(found[0]), text)


def _fingerprint(finding: Finding) -> str:
    """The finding's own, or one made of what it says where it has none."""
    said = "\x00".join((finding.rule, finding.path, str(finding.line), finding.title))
    return finding.fingerprint or hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _issue(key: str, finding: Finding) -> dict[str, Any]:
    return {
        "description": on_one_line(f"{finding.title}: {finding.detail}" if finding.detail else finding.title),
        "check_name": on_one_line(finding.rule),
        "fingerprint": key,
        "severity": finding.severity.value,
        "location": {"path": _encodable(finding.path), "lines": {"begin": finding.line or 1}},
    }


def _invocation(report: Report) -> dict[str, Any]:
    notices = [("error", on_one_line(text)) for text in report.failures]
    notices += [("note", on_one_line(text)) for text in _complaints(report)]
    notices += [
        ("note", f"{on_one_line(one.path)} was not read: {on_one_line(one.reason)}")
        for one in _unread(report)
    ]
    return {
        "executionSuccessful": report.state != "failed" and not report.failures,
        "toolExecutionNotifications": [
            {"level": level, "message": {"text": text}} for level, text in notices
        ],
    }


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    rule = on_one_line(finding.rule)
    text = f"{finding.title}\n\n{finding.detail}" if finding.detail.strip() else finding.title
    return {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": SARIF_LEVELS[finding.severity],
        "message": {"text": visible(line_ends(text))},
        "locations": _locations(finding),
        "partialFingerprints": {"trivet/v1": _fingerprint(finding)},
        "properties": {"severity": finding.severity.value},
    }


def _locations(finding: Finding) -> list[dict[str, Any]]:
    """The place in a file; none for what is in the merge request's own text."""
    if not finding.path:
        return []
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "endLine": max(finding.line, finding.end_line or 0)}
    return [{"physicalLocation": place}]


def _uri(path: str) -> str:
    """A path as a relative URI reference; bytes that are no UTF-8 stay those bytes (RFC 3986, 2.1)."""
    return quote(NO_BYTE.sub("\ufffd", path).encode("utf-8", "surrogateescape"))


# --- XML ---


def _case(coverage: Coverage, findings: list[Finding]) -> ET.Element:
    case = ET.Element("testcase", name=_xml(coverage.path or OWN_TEXT_CASE), classname=NAME)
    if coverage.path:
        case.set("file", _xml(coverage.path))
    if findings:
        worst = max(findings, key=lambda one: one.severity.rank)
        failure = ET.SubElement(case, "failure", type=worst.severity.value, message=_xml(worst.title))
        failure.text = _xml(_text_findings(findings))
    elif not coverage.read:
        ET.SubElement(case, "skipped", message=_xml(coverage.reason))
    return case


def _error_case(number: int, failure: str) -> ET.Element:
    case = ET.Element("testcase", name=f"what failed, {number}", classname=NAME)
    ET.SubElement(case, "error", message=_xml(failure))
    return case


def _xml(text: str) -> str:
    """Only characters of XML 1.0, what cannot be seen spelled out."""
    return XML_ILLEGAL.sub("", visible(line_ends(text)))
