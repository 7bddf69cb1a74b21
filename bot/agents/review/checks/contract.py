"""What every check agrees on: its shape, how it quotes a line, how many findings a file may get."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from bot.domain.change import ChangeSet, FileChange, FileStatus
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from bot.ports import Snapshot

Check: TypeAlias = Callable[[ChangeSet, Snapshot, Redactor], Iterable[Finding]]

ANCHOR_LENGTH = 400  # characters
TITLE_LENGTH = 70  # characters
SHOWN_PER_FILE = 5

MORE = "{count} more {findings} of this kind in this file"
MORE_DETAIL = "The {most} worst are shown one by one. Look at the others, too: they are counted here only."
MORE_EVIDENCE = "Lines: {lines}."
LINES_LISTED = 10

_EXAMPLE_FOLDER = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|testdata|fixtures?|mocks?|__mocks__|examples?|samples?|docs?)/"
)
_EXAMPLE_NAME = re.compile(
    r"(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[_.-](?:test|tests|spec)\.[^/]+|[^/]*\.(?:md|markdown|rst|adoc))$"
)


class CheckSkipped(Exception):
    """A check could not look at everything. `findings` are those it has all the same.

    The text says what was not checked and why, fit to show to a person.
    """

    def __init__(self, reason: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(reason)
        self.findings = tuple(findings)


def readable(change: ChangeSet) -> list[FileChange]:
    """The files whose added lines are source text at head: no submodules, nothing deleted or unread."""
    return [file for file in change.files if file.hunks and file.status is not FileStatus.DELETED]


def quoted(line: str, redactor: Redactor) -> str:
    """A source line as a finding's anchor: secrets redacted, cut to 400 characters."""
    return redactor.redact(line)[:ANCHOR_LENGTH]


def titled(text: str) -> str:
    """A title of at most 70 characters, cut at a word."""
    if len(text) <= TITLE_LENGTH:
        return text
    return text[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"


def milder(severity: Severity) -> Severity:
    """One step down the scale."""
    return list(Severity)[max(0, severity.rank - 1)]


def is_example(path: str) -> bool:
    """True of tests, fixtures and documentation, where a bad example may be meant."""
    lowered = path.lower()
    return bool(_EXAMPLE_FOLDER.search(lowered) or _EXAMPLE_NAME.search(lowered))


class Hit(NamedTuple):
    """Something found, not yet described: describing costs time, and few of many are shown."""

    severity: Severity
    line: int | None
    describe: Callable[[], Finding]


def capped(hits: Iterable[Hit], most: int = SHOWN_PER_FILE) -> list[Finding]:
    """One file's findings of one check: the worst `most`, then one that counts the rest."""
    ranked = sorted(hits, key=lambda hit: -hit.severity.rank)
    shown, rest = [hit.describe() for hit in ranked[:most]], ranked[most:]
    return [*shown, _counted(rest, most)] if rest else shown


def _counted(rest: Sequence[Hit], most: int) -> Finding:
    """One finding, on the line of the worst of `rest`, that stands for them all."""
    first = rest[0].describe()
    lines = ", ".join(str(hit.line) for hit in rest[:LINES_LISTED])
    update = {
        "rule": f"{first.rule.partition('/')[0]}/more",
        "end_line": None,
        "title": MORE.format(count=len(rest), findings="finding" if len(rest) == 1 else "findings"),
        "detail": MORE_DETAIL.format(most=most),
        "evidence": MORE_EVIDENCE.format(lines=lines + (", ..." if len(rest) > LINES_LISTED else "")),
        "suggestion": None,
    }
    return first.model_copy(update=update)
