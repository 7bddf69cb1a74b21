"""One cause that a check finds on many lines of a file is one finding: one line carries it, and names the others.

The checks report each of the lines, so that a finding is known again at its own. Which of them carries it depends on
what people have been told: the line that an earlier review spoke of, as long as it is one of them, else the first.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from bot.agents.review.checks.contract import names_others
from bot.agents.review.gates import kept_back
from bot.agents.review.head_files import stored
from bot.domain.actions import Decision
from bot.domain.findings import Finding
from bot.domain.lifecycle import Known
from bot.domain.markdown import by_model
from bot.domain.secrets import Redactor

TOLD_THERE: Final = "the finding on line {line} is about the same"

Cause = tuple[str, str, str]
"""The rule, the title, which names it, and the file as it is stored."""


def repeated(
    found: Iterable[Finding], known: Sequence[Known], taken_away: Collection[str], redactor: Redactor
) -> tuple[frozenset[str], list[Decision]]:
    """The fingerprints of new ones that need no words, as another line carries their finding, and what is to be said.

    `found` are the checks', line by line, known ones with their keys. Said is only where the line that carries it is
    known, and was told without the others. What was dismissed alone speaks for no other line.
    """
    before = {*(one.key for one in known), *taken_away}
    alone = {one.key for one in known if not names_others(one.finding.detail)}
    speaks = before - {one.key for one in known if one.state == "dismissed" and one.key in alone}
    elsewhere: set[str] = set()
    decisions: list[Decision] = []
    for lines in _by_cause((one for one in found if names_others(one.detail)), redactor).values():
        new = [one for one in lines if one.fingerprint not in before]
        carrier = next((one for one in lines if one.fingerprint in speaks), None)
        elsewhere |= {one.fingerprint for one in (new if carrier else new[1:])}
        if carrier and new and carrier.fingerprint in alone:
            decisions.append(kept_back(new[0], TOLD_THERE.format(line=carrier.line)))
    return frozenset(elsewhere), decisions


def carried_on(found: Sequence[Finding], known: Sequence[Known], redactor: Redactor) -> list[Finding]:
    """The findings as they came; where the line of one that named others is mended, the first of these with its key.

    `found` are the checks', known ones with their keys, `known` as they are at head. What was called fixed is not
    carried on, as what comes later is another defect, nor is anything whose other lines have a known finding already.
    """
    lines, seen = _by_cause(found, redactor), {one.fingerprint for one in found}
    keys, still_open = {one.key for one in known}, {one.key for one in known if one.is_open}
    heirs: dict[str, str] = {}
    for one in known:
        there = [other.fingerprint for other in lines.get(_cause(one.finding, redactor), [])]
        new = [name for name in there if name not in keys]
        is_carried = any(name in still_open or name in heirs for name in there)
        if new and not is_carried and one.key not in seen and _speaks_on(one):
            heirs[new[0]] = one.key
    return [_named(one, heirs.get(one.fingerprint, one.fingerprint)) for one in found]


def _named(finding: Finding, name: str) -> Finding:
    return finding.model_copy(update={"fingerprint": name})


def _speaks_on(known: Known) -> bool:
    named = not by_model(known.finding) and names_others(known.finding.detail)
    return named and known.state != "fixed"


def _by_cause(found: Iterable[Finding], redactor: Redactor) -> dict[Cause, list[Finding]]:
    causes: dict[Cause, list[Finding]] = {}
    for one in found:
        causes.setdefault(_cause(one, redactor), []).append(one)
    return causes


def _cause(finding: Finding, redactor: Redactor) -> Cause:
    return finding.rule, finding.title, stored(finding.path, redactor)
