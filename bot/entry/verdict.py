"""What a finished review leaves for a pipeline: report files, and the exit code."""

import os
from pathlib import Path

from bot.domain.actions import Report
from bot.domain.findings import Severity
from bot.errors import TrivetError

DONE, FOUND, FAILED = 0, 1, 3
REVIEW = "review"
NOT_WRITTEN = "the report {file} cannot be written: {reason}"


def exit_code(report: Report, floor: str | None) -> int:
    """1 for a finding at or above `floor`, else 3 where something failed, else 0.

    What was found stays true whatever else failed, so a pipeline that puts up with 3 still stops at a finding.
    """
    if _found(report, floor):
        return FOUND
    return FAILED if _failed(report) else DONE


def _found(report: Report, floor: str | None) -> bool:
    """Whether a finding is at or above `floor`; None: whatever was found does not fail the pipeline."""
    return floor is not None and any(one.severity.at_least(Severity(floor)) for one in report.findings)


def _failed(report: Report) -> bool:
    """A review may be refused a line and still show what it found; any other agent then did not do its work."""
    wrong = {"failed"} if report.agent == REVIEW else {"failed", "refused"}
    outcomes = any(outcome.result in wrong for outcome in report.outcomes)
    return report.state == "failed" or bool(report.failures) or outcomes


def write(file: Path, text: str) -> None:
    """Whole or not at all: nobody reads half a report. What is no regular file, a device say, is written to."""
    try:
        if file.exists() and not file.is_file():
            file.write_text(text, "utf-8")
        else:
            _replace(file.resolve(), text)
    except OSError as error:
        raise TrivetError(NOT_WRITTEN.format(file=file, reason=error.strerror)) from None


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
