"""Deterministic gates: what is not shown is marked with the reason, never dropped."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from bot.agents.shown import safe_text
from bot.domain.actions import Decision
from bot.domain.bots import is_bot_name
from bot.domain.change import shown_path
from bot.domain.findings import Finding, Severity
from bot.domain.identity import titles_alike
from bot.domain.lifecycle import Known
from bot.domain.notes import Note
from bot.domain.secrets import Redactor

TOO_MILD = "milder than min_severity ({floor})"
TOO_MANY = "more than {most} findings: the worst are shown"
CHECK_SAYS_IT = "a check says it already"
PERSON_SAYS_IT = "a person has an open thread on this line"
DISMISSED = "dismissed by {by}"
SAID = "{dismissed}: {why}"
SOMEBODY = "somebody"
TAKEN_AWAY = "its note was taken away"
MOST_FINDINGS: Final = 50
SAME_THREAD: Final = 2  # lines between a person's thread and a finding
LONGEST_WHY: Final = 100  # characters

_NAMED = re.compile(r'"([^"]+)"')

Gate = Callable[[Finding], str]


def severity_floor(floor: Severity) -> Gate:
    reason = TOO_MILD.format(floor=floor.value)
    return lambda finding: "" if finding.severity.at_least(floor) else reason


def said_by_a_check(found: Sequence[Finding], elsewhere: Collection[str] = ()) -> Gate:
    """`found` are those that are shown. A check's word is exact: a model's on the same line adds nothing.

    Of those with the fingerprints `elsewhere` another line tells, so only what says the same adds nothing to them.
    """
    lines = {(one.path, one.line) for one in found if one.line and one.fingerprint not in elsewhere}
    others: dict[tuple[str, int | None], list[str]] = {}
    for one in found:
        if one.fingerprint in elsewhere:
            others.setdefault((one.path, one.line), []).append(one.title)

    def gate(finding: Finding) -> str:
        place = (finding.path, finding.line)
        is_said = place in lines or any(_says(finding.title, title) for title in others.get(place, ()))
        return CHECK_SAYS_IT if is_said else ""

    return gate


def said_by_a_person(notes: Iterable[Note]) -> Gate:
    """`notes` are others'. A thread of a person on a line is about that line, and they have seen it."""
    people = (note for note in notes if not is_bot_name(note.author))
    open_notes = [note for note in people if note.path and not note.resolved]
    head = {
        (note.path, line)
        for note in open_notes
        if note.new_line
        for line in _around(note.new_line, SAME_THREAD)
    }
    old = {
        (note.path, line)
        for note in open_notes
        if note.old_line and not note.new_line
        for line in _around(note.old_line, SAME_THREAD)
    }
    return lambda finding: (
        PERSON_SAYS_IT
        if (finding.path, finding.line) in head or (finding.path, finding.old_line) in old
        else ""
    )


def put_aside(known: Iterable[Known], taken_away: Collection[str], redactor: Redactor) -> Gate:
    """What people dismissed, or whose note they took away, is not shown again. Findings go by the keys they have."""
    reasons = {one.key: _dismissal(one, redactor) for one in known if one.state == "dismissed"}
    return lambda finding: reasons.get(
        finding.fingerprint, TAKEN_AWAY if finding.fingerprint in taken_away else ""
    )


def passed(findings: Iterable[Finding], gates: Sequence[Gate]) -> tuple[list[Finding], list[Decision]]:
    """What goes through every gate, and a decision for each that does not."""
    through: list[Finding] = []
    decisions: list[Decision] = []
    for finding in findings:
        reason = next(filter(None, (gate(finding) for gate in gates)), "")
        if reason:
            decisions.append(kept_back(finding, reason))
        else:
            through.append(finding)
    return through, decisions


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: (-one.severity.rank, one.path, one.line or one.old_line or 0))


def at_most(findings: Sequence[Finding], most: int = MOST_FINDINGS) -> tuple[list[Finding], list[Decision]]:
    """The first of them, and a decision for each of the rest."""
    rest = [kept_back(one, TOO_MANY.format(most=most)) for one in findings[most:]]
    return list(findings[:most]), rest


def kept_back(finding: Finding, reason: str) -> Decision:
    line = finding.line or finding.old_line
    place = f"{finding.path}:{line}" if line else finding.path
    about = f"{finding.title} ({shown_path(place)})" if place else finding.title
    return Decision(key=finding.fingerprint, allowed=False, reason=reason, about=about)


def _dismissal(known: Known, redactor: Redactor) -> str:
    by, why = (" ".join(safe_text(text, redactor).split()) for text in (known.by, known.why))
    dismissed, why = DISMISSED.format(by=by or SOMEBODY), why[:LONGEST_WHY]
    return SAID.format(dismissed=dismissed, why=why) if why else dismissed


def _says(title: str, checked: str) -> bool:
    """Whether a model's title has what a check's names in quotes, or is much like it."""
    named = (rf"(?<!\w){re.escape(name)}(?!\w)" for name in _NAMED.findall(checked))
    return any(re.search(name, title) for name in named) or titles_alike(title, checked)


def _around(line: int, reach: int) -> range:
    return range(line - reach, line + reach + 1)
