"""A finding: what is wrong, where, how bad, and its identity across pushes."""

import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    """GitLab's Code Quality scale, mildest first. Compare with `at_least`."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"
    BLOCKER = "blocker"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    def at_least(self, floor: "Severity") -> bool:
        return self.rank >= floor.rank


class Suggestion(BaseModel):
    """Replace head's lines `start` to `end` (1-based, inclusive), which read `replaces`, by `lines`.

    Lines are without newline. Shown as a one-click suggestion only where `replaces` equals the blob at head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int
    end: int
    replaces: tuple[str, ...]
    lines: tuple[str, ...]


class Finding(BaseModel):
    """One defect.

    `line` is the 1-based line at head (None: the whole file); `old_line` is set instead when the line was removed.
    `end_line` closes a span that starts at `line`. `anchor` is the quoted source line at `line`, secrets redacted.
    `evidence` is why we believe it (a tool's message, a quoted fact). All text is plain: no Markdown is interpreted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str = "review"
    rule: str
    severity: Severity
    path: str
    line: int | None = None
    old_line: int | None = None
    end_line: int | None = None
    anchor: str = ""
    title: str
    detail: str = ""
    evidence: str = ""
    suggestion: Suggestion | None = None
    fingerprint: str = ""


SECRETS = "secrets/"
"""What the rules of the check for secrets begin with: of its findings the secret itself is what matters."""

_SPACES = re.compile(r"\s+")
_PLACEHOLDER = re.compile(r"<REDACTED:([a-z0-9-]+):[0-9a-f]{8}>")


def normalised(anchor: str) -> str:
    """The anchored line as its identity sees it: re-indenting, or rotating the key of placeholders, changes nothing."""
    return spaced(_PLACEHOLDER.sub(r"<REDACTED:\1>", anchor))


def spaced(anchor: str) -> str:
    """The anchored line with one blank between words: its placeholders still tell one secret from another."""
    return _SPACES.sub(" ", anchor).strip()


def fingerprint(finding: Finding, occurrence: int) -> str:
    """32 hex digits over agent, rule, path, normalised anchored line, and which of its equals this one is (0-based)."""
    parts = (finding.agent, finding.rule, finding.path, normalised(finding.anchor), str(occurrence))
    raw = "\x00".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(raw).hexdigest()[:32]


def identified(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by path and line, each with its fingerprint; equals are told apart by that order."""
    ordered = sorted(findings, key=lambda one: (one.path, one.line or one.old_line or 0))
    seen: dict[str, int] = {}
    result = []
    for finding in ordered:
        first = fingerprint(finding, 0)
        occurrence = seen[first] = seen.get(first, -1) + 1
        result.append(finding.model_copy(update={"fingerprint": fingerprint(finding, occurrence)}))
    return result
