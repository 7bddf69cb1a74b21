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

from bot.domain.actions import Coverage, Report
from bot.domain.findings import Finding, Severity
from bot.domain.markdown import code, counted, inert, one_line, spent
from bot.domain.sanitize import line_ends, visible

NAME = "Trivet"
SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SARIF_LEVELS = {
    Severity.INFO: "note",
    Severity.MINOR: "warning",
    Severity.MAJOR: "warning",
    Severity.CRITICAL: "error",
    Severity.BLOCKER: "error",
}
NO_FINDINGS = "No findings."
LONE = re.compile("[\ud800-\udfff]")
NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
XML_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(report: Report) -> str:
    """For a terminal: findings by place, then what was not read, complaints, and how it ended. No colours."""
    parts = (
        _text_findings(report.findings),
        _text_list("Not read:", (f"{_shown(one.path)}: {_shown(one.reason)}" for one in _unread(report))),
        _text_list("Complaints:", map(_shown, report.complaints)),
        _text_list(
            "Did not succeed:", (f"{one.key}: {one.result}, {_shown(one.reason)}" for one in _missed(report))
        ),
        _ending(report),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def as_json(report: Report) -> str:
    """The report's own fields, one JSON object, ASCII only."""
    return json.dumps(_plain(report.model_dump(mode="python")), indent=2) + "\n"


def as_markdown(report: Report) -> str:
    """For a page: the same account, every text literal."""
    parts = (
        f"## {NAME}: {one_line(report.target)}",
        f"{one_line(_ending(report))}",
        "\n".join(_markdown_item(finding) for finding in _by_place(report.findings)),
        _markdown_list("Not read", (f"{code(one.path)}: {one_line(one.reason)}" for one in _unread(report))),
        _markdown_list("Complaints", map(one_line, report.complaints)),
        _markdown_list(
            "Did not succeed", (f"{code(one.key)}: {one_line(one.reason)}" for one in _missed(report))
        ),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def as_codequality(report: Report) -> str:
    """GitLab's Code Quality report (docs.gitlab.com/ci/testing/code_quality), one entry a fingerprint."""
    first: dict[str, Finding] = {}
    for finding in report.findings:
        first.setdefault(_fingerprint(finding), finding)
    return json.dumps([_issue(key, finding) for key, finding in first.items()], indent=2) + "\n"


def as_sarif(report: Report) -> str:
    """SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), one run."""
    rules = sorted({_shown(finding.rule) for finding in report.findings})
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
    """JUnit XML: a test case a file, failed by its findings, skipped where the file was not read."""
    findings = {path: list(some) for path, some in groupby(_by_place(report.findings), lambda one: one.path)}
    cases = {one.path: one for one in report.coverage} | {
        path: Coverage(path=path, read=True)
        for path in findings
        if path not in {one.path for one in report.coverage}
    }
    suite = ET.Element(
        "testsuite",
        name=_xml(f"{NAME} {report.agent}"),
        tests=str(len(cases)),
        failures=str(len(findings)),
        errors="0",
        skipped=str(sum(not one.read and path not in findings for path, one in cases.items())),
        time=f"{report.seconds:.3f}",
    )
    for path, coverage in cases.items():
        suite.append(_case(coverage, findings.get(path, [])))
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
    return f"{_shown(finding.path)}:{line}" if line else _shown(finding.path)


def _unread(report: Report) -> list[Coverage]:
    return [one for one in report.coverage if not one.read]


def _missed(report: Report) -> list[Any]:
    return [one for one in report.outcomes if one.result in {"refused", "failed"}]


def _ending(report: Report) -> str:
    """How it ended, in one line: "done: 2 findings, 4 of 5 files read, 3 calls, 1,234 tokens, 2.1 s"."""
    said = [counted(len(report.findings), "finding")]
    if report.coverage:
        read = len(report.coverage) - len(_unread(report))
        said.append(f"{read:,} of {counted(len(report.coverage), 'file')} read")
    if report.model_calls:
        said += [counted(report.model_calls, "model call"), counted(report.tokens, "token")]
    if report.cost_usd:
        said.append(f"{report.cost_usd:.2f} USD")
    said.append(spent(report.seconds))
    ending = f"{report.state}: {', '.join(said)}"
    return f"{ending}. {_shown(report.message)}" if report.message else ending


def _shown(text: str) -> str:
    """One line in which nothing hides."""
    return " ".join(visible(line_ends(text)).split())


# --- text and Markdown ---


def _text_findings(findings: Iterable[Finding]) -> str:
    groups = groupby(_by_place(findings), _place)
    return "\n\n".join("\n".join((place, *map(_text_item, some))) for place, some in groups) or NO_FINDINGS


def _text_item(finding: Finding) -> str:
    detail = [line for line in visible(line_ends(finding.detail)).split("\n") if line.strip()]
    head = f"  {finding.severity.value}: {_shown(finding.title)} [{_shown(finding.rule)}]"
    return "\n".join((head, *(f"    {line}" for line in detail)))


def _text_list(heading: str, items: Iterable[str]) -> str:
    rows = [f"  {item}" for item in items]
    return "\n".join((heading, *rows)) if rows else ""


def _markdown_item(finding: Finding) -> str:
    line = finding.line or finding.old_line
    place = f"{code(finding.path)}{f', line {line}' if line else ''}"
    head = f"- **{finding.severity.value.capitalize()}: {one_line(finding.title)}** {place}"
    return f"{head}<br>{one_line(finding.detail)}" if finding.detail.strip() else head


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
        "description": _shown(f"{finding.title}: {finding.detail}" if finding.detail else finding.title),
        "check_name": _shown(finding.rule),
        "fingerprint": key,
        "severity": finding.severity.value,
        "location": {"path": _encodable(finding.path), "lines": {"begin": finding.line or 1}},
    }


def _invocation(report: Report) -> dict[str, Any]:
    notices = [_shown(text) for text in report.complaints]
    notices += [f"{_shown(one.path)} was not read: {_shown(one.reason)}" for one in _unread(report)]
    return {
        "executionSuccessful": report.state != "failed",
        "toolExecutionNotifications": [{"level": "note", "message": {"text": text}} for text in notices],
    }


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    rule = _shown(finding.rule)
    text = f"{finding.title}\n\n{finding.detail}" if finding.detail.strip() else finding.title
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "endLine": max(finding.line, finding.end_line or 0)}
    return {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": SARIF_LEVELS[finding.severity],
        "message": {"text": visible(line_ends(text))},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"trivet/v1": _fingerprint(finding)},
        "properties": {"severity": finding.severity.value},
    }


def _uri(path: str) -> str:
    """A path as a relative URI reference; bytes that are no UTF-8 stay those bytes (RFC 3986, 2.1)."""
    return quote(NO_BYTE.sub("\ufffd", path).encode("utf-8", "surrogateescape"))


# --- XML ---


def _case(coverage: Coverage, findings: list[Finding]) -> ET.Element:
    case = ET.Element("testcase", name=_xml(coverage.path), classname=NAME, file=_xml(coverage.path))
    if findings:
        worst = max(findings, key=lambda one: one.severity.rank)
        failure = ET.SubElement(case, "failure", type=worst.severity.value, message=_xml(worst.title))
        failure.text = _xml(_text_findings(findings))
    elif not coverage.read:
        ET.SubElement(case, "skipped", message=_xml(coverage.reason))
    return case


def _xml(text: str) -> str:
    """Only characters of XML 1.0, what cannot be seen spelled out."""
    return XML_ILLEGAL.sub("", visible(line_ends(text)))
