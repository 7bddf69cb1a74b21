"""What every check agrees on: its shape, how it quotes a line, how many findings a file may get."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
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

PLACES_PER_FILE = 50  # lines told one by one, also where few causes are shown
ALSO = "Also on {lines}."
LINE, LINES, AND_MORE = "line {lines}", "lines {lines}", "lines {lines} and {more} more"
OTHERS_LISTED = 3

_ALSO = re.compile(r"\bAlso on lines? \d")
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
    """Something found, not yet described: describing costs time, and few of many are shown.

    `cause` is what is named, the finding's title, where mending one thing may mend several lines, as of a name that is
    defined nowhere. "" of a defect by itself.
    """

    severity: Severity
    line: int | None
    describe: Callable[[], Finding]
    cause: str = ""


def capped(hits: Iterable[Hit], most: int = SHOWN_PER_FILE) -> list[Finding]:
    """One file's findings of one check: the worst `most` causes, then one finding that counts the rest.

    Each is told on its first line, and as long as there is room on its other lines, so that those are known. Whichever
    of them is shown names the others (`names_others`).
    """
    causes = sorted(_causes(hits), key=lambda some: -some[0].severity.rank)
    shown, rest = causes[:most], [some[0] for some in causes[most:]]
    firsts = [_told(some[0], some) for some in shown]
    others = (_told(hit, some) for some in shown for hit in some[1:])
    told = [*firsts, *islice(others, max(0, PLACES_PER_FILE - len(firsts)))]
    return [*told, _counted(rest, most)] if rest else told


def names_others(detail: str) -> bool:
    """Whether a finding with this detail stands for other lines of its file, too."""
    return bool(_ALSO.search(detail))


def _causes(hits: Iterable[Hit]) -> list[list[Hit]]:
    """The hits of each cause, one a line."""
    causes: dict[object, dict[int | None, Hit]] = {}
    for number, hit in enumerate(hits):
        causes.setdefault(hit.cause or number, {}).setdefault(hit.line, hit)
    return [list(lines.values()) for lines in causes.values()]


def _told(hit: Hit, cause: Sequence[Hit]) -> Finding:
    """The finding on one line, which names the first of its cause's others."""
    finding, more = hit.describe(), len(cause) - 1 - OTHERS_LISTED
    others = islice((str(other.line) for other in cause if other is not hit), OTHERS_LISTED)
    if len(cause) == 1:
        return finding
    form = LINE if len(cause) == 2 else LINES if more <= 0 else AND_MORE
    also = ALSO.format(lines=form.format(lines=", ".join(others), more=more))
    return finding.model_copy(update={"detail": f"{finding.detail} {also}"})


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
