"""Where new findings are shown: the gravest on their lines, as many as people can take, the others in the summary."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from bot.agents.review.gates import PERSON_SAYS_IT, Gate, said_by_a_person
from bot.agents.review.sides import sides
from bot.agents.spec import AgentContext
from bot.domain.actions import Position
from bot.domain.change import shown_path
from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.lifecycle import Course, around
from bot.domain.markdown import by_model
from bot.domain.positions import file_position, position
from bot.domain.secrets import Redactor

OVER_CAP: Final = "more than max_comments ({cap}): shown in the summary"
OVER_PUSH_CAP: Final = "more than max_comments_per_push ({cap}) new ones: shown in the summary"
NIT: Final = "a nit: shown in the summary"
DEMOTED: Final = "similar to a finding that was dismissed: shown in the summary"
DISCUSSED: Final = "{reason}: shown in the summary"
NO_LINE: Final = "GitLab has no place for the line: shown in the summary"
ON_FILE: Final = "GitLab has no place for the line: shown on the file"


@dataclass(frozen=True)
class Placed:
    """A finding as it may be stored and shown: UTF-8 throughout, no secret in it.

    `where` None: in the summary. `reason` says why it is not on its line, "" where it is, or has none. `around` is the
    digest of the lines around it.
    """

    finding: Finding
    where: Position | None = None
    reason: str = ""
    around: str = ""


def placed(
    new: Iterable[Finding], demoted: Collection[str], course: Course, context: AgentContext
) -> list[Placed]:
    """Those that have no line anyway do not count against the caps."""
    threads, here = len(open_threads(course, context)), 0
    discussed = said_by_a_person(context.notes)
    result: list[Placed] = []
    for finding in new:
        small = _kept_small(finding, demoted, discussed)
        one = _placed(finding, context, small or _over(threads, here, context))
        here += one.where is not None
        result.append(one)
    return result


def open_threads(course: Course, context: AgentContext) -> frozenset[str]:
    """The findings, by their keys, whose threads are open at this head."""
    is_open = {*course.outdated, *(finding.fingerprint for finding in course.standing)}
    return frozenset(known.key for known in context.known if known.thread and known.key in is_open)


def safe(finding: Finding, redactor: Redactor) -> Finding:
    """The finding as it may be stored and shown; without a suggestion that holds a secret."""
    texts = finding.model_dump(include={"path", "anchor", "title", "detail", "evidence"})
    clean = {name: redactor.redact(shown_path(text)) for name, text in texts.items()}
    keeps = finding.suggestion is not None and not _leaks(finding.suggestion, redactor)
    return finding.model_copy(update={**clean, "suggestion": finding.suggestion if keeps else None})


def around_line(finding: Finding, context: AgentContext) -> str:
    """The digest of the lines around the finding's own at head; "" where it has none. Raises Unavailable."""
    file = context.change.file(finding.path)
    if file is None or finding.line is None:
        return ""
    return around(sides(context, file).new, finding.line)


def _kept_small(finding: Finding, demoted: Collection[str], discussed: Gate) -> str:
    """Why the finding gets no comment, however few there are.

    Anybody may write on a line, and keeps nothing grave from being said there.
    """
    if finding.severity is Severity.INFO:
        return NIT
    if finding.fingerprint in demoted:
        return DEMOTED
    is_said = by_model(finding) and not finding.severity.at_least(Severity.CRITICAL) and discussed(finding)
    return DISCUSSED.format(reason=PERSON_SAYS_IT) if is_said else ""


def _over(threads: int, here: int, context: AgentContext) -> str:
    """The cap that one more comment would go beyond, with `threads` open before and `here` new ones; "" for none."""
    review, is_first = context.config.review, context.reviewed is None
    if threads + here >= review.max_comments:
        return OVER_CAP.format(cap=review.max_comments)
    if not is_first and here >= review.max_comments_per_push:
        return OVER_PUSH_CAP.format(cap=review.max_comments_per_push)
    return ""


def _placed(finding: Finding, context: AgentContext, objection: str) -> Placed:
    """On its line, else on its file, else in the summary."""
    change, clean = context.change, safe(finding, context.redactor)
    file = change.file(finding.path)
    if file is None:
        return Placed(clean, reason=NO_LINE if finding.path else "")
    if objection:
        return Placed(clean, reason=objection)
    exact = position(
        change.refs, file, line=finding.line, old_line=finding.old_line, end_line=finding.end_line
    )
    where = exact or file_position(change.refs, file)
    if where is None:
        return Placed(clean, reason=_without_line(finding, NO_LINE))
    reason = "" if exact else _without_line(finding, ON_FILE)
    return Placed(clean, where, reason, around_line(finding, context))


def _without_line(finding: Finding, reason: str) -> str:
    """A finding that means the whole file has lost nothing."""
    return reason if finding.line or finding.old_line else ""


def _leaks(suggestion: Suggestion, redactor: Redactor) -> bool:
    text = "\n".join((*suggestion.replaces, *suggestion.lines))
    return redactor.redact(shown_path(text)) != text
