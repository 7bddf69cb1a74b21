"""Credentials on added lines."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from itertools import accumulate

from bot.agents.review.checks.contract import ANCHOR_LENGTH, Hit, capped, is_example, milder, readable, titled
from bot.domain.change import ChangeSet, FileChange, Line, Side
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor, SecretMatch
from bot.ports import Snapshot

TITLE = "Committed in plain text: {what}"
DETAIL = (
    "Everyone who can read the repository, now or later, can use it, and deleting the line leaves it in the history. "
    "Revoke it first, then read the new one from the environment or a secret store."
)
EVIDENCE = "{length} characters in the format of: {what} (rule {rule})."
OWN_EVIDENCE = "{length} characters equal a credential this bot works with."


def check(change: ChangeSet, snapshot: Snapshot, redactor: Redactor) -> Iterator[Finding]:
    """One finding for each line on which a secret starts."""
    for file in readable(change):
        yield from capped(hit for hunk in file.hunks for hit in _hits(file, hunk.lines, redactor))


def _hits(file: FileChange, lines: tuple[Line, ...], redactor: Redactor) -> Iterator[Hit]:
    """A hunk's added lines are searched as one text, so that a key over several lines is seen whole."""
    added = [line for line in lines if line.side is Side.ADDED]
    text = "\n".join(line.text for line in added)
    starts = list(accumulate((len(line.text) + 1 for line in added), initial=0))
    matches = {bisect_right(starts, match.start) - 1: match for match in reversed(redactor.find(text))}
    anchors = redactor.redact(text).split("\n") if matches else []
    for at, match in sorted(matches.items()):
        if _wanted(file, match):
            severity = milder(match.severity) if is_example(file.path) else match.severity
            describe = partial(_finding, file, added[at], match, severity, anchors[at])
            yield Hit(severity, added[at].new, describe)


def _wanted(file: FileChange, match: SecretMatch) -> bool:
    """In generated files only formats count: their long random strings are mostly hashes."""
    return not (file.generated and match.rule.startswith("generic-"))


def _finding(file: FileChange, line: Line, match: SecretMatch, severity: Severity, anchor: str) -> Finding:
    evidence = OWN_EVIDENCE if match.rule == "own" else EVIDENCE
    return Finding(
        rule=f"secrets/{match.rule}",
        severity=severity,
        path=file.path,
        line=line.new,
        anchor=anchor[:ANCHOR_LENGTH],
        title=titled(TITLE.format(what=match.title)),
        detail=DETAIL,
        evidence=evidence.format(length=match.end - match.start, what=match.title, rule=match.rule),
    )
