"""Whether earlier findings of a model are still there: one small call about those whose lines have changed.

The model only says; what counts is decided in `course`, by lines that stand at head. It is shown what is near, once:
the code at head, or of a line that was taken away the diff.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, Final

from bot.agents.reading import MOST_LINES, answer
from bot.agents.review.diff_text import diff_text
from bot.agents.review.instead import instead, last_line, lines_at_head, lines_before
from bot.agents.review.prompting import instructions, numbered_claims
from bot.agents.review.quotes import Lines
from bot.agents.review.schema import Place, QuotedLine, RecheckAnswer, RecheckVerdict, Segment, Work
from bot.agents.review.standing import moved
from bot.agents.review.units import around, spans, tokens
from bot.agents.shown import safe_text
from bot.agents.spec import AgentContext
from bot.domain.change import ChangeSet
from bot.domain.findings import Finding
from bot.domain.lifecycle import THUMBS_DOWN, Known
from bot.domain.markdown import by_model
from bot.domain.replies import is_dismissal
from bot.domain.secrets import Redactor
from bot.llm.messages import CHARACTERS_A_TOKEN, Asked, Prompt

CLAIMS = "The claims:\n\n{claims}"
CODE = "The code at head:\n\n{code}"
DIFF = (
    "The diff, each line with its number before the change, its number at head, and its sign "
    '("+" added, "-" removed, blank unchanged):\n\n{diff}'
)

MOST_TOGETHER: Final = 8  # findings of one call
REACHES: Final = (10, 5, 3)  # lines above and below, as many as there is room for
PLACE_TOKENS: Final = 1_000  # of one line and what is around it
UNCUT: Final = 1_000_000  # characters: as many lines as are read at once have fewer
MOST_OUTPUT: Final = 2_000  # tokens
LONGEST_PATH, LONGEST_QUOTE, LONGEST_REASON = 1_000, 500, 300  # of what a model said
LARGEST: Final = 2**31


def doubted(context: AgentContext, where: Mapping[str, Place]) -> list[Finding]:
    """The findings that a model is asked about again, each with its key as fingerprint, file by file."""
    asked = [known for known in context.known if _is_doubtful(known, where[known.key])]
    findings = (_keyed(moved(known.finding, where[known.key]), known.key) for known in asked)
    return sorted(findings, key=lambda one: (one.path, one.line or one.old_line or 0, one.fingerprint))


def was_closed_silently(known: Known) -> bool:
    """Whether people closed its thread and did not say that they do not want it."""
    return known.state == "dismissed" and known.why != THUMBS_DOWN and not is_dismissal(known.why)


def together(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """As many as one call takes."""
    left = iter(findings)
    while some := list(islice(left, MOST_TOGETHER)):
        yield some


def near(change: ChangeSet, findings: Sequence[Finding]) -> list[Segment]:
    """The diff around what was found on no line at head but on one taken away, as much as there is room for."""
    removed = [finding for finding in findings if finding.line is None]
    room = PLACE_TOKENS * len(removed)
    tries = (around(change, removed, reach) for reach in REACHES)
    fitting = (segments for segments in tries if tokens(change, segments) <= room)
    return next(fitting, around(change, removed, REACHES[-1]))


def recheck_prompt(context: AgentContext, work: Work) -> Prompt:
    """Without tools and without what people say of the change: a description that says "fixed" proves nothing."""
    findings, segments = work["claims"], work["task"]["segments"]
    code = "\n\n".join(_code(context, findings))
    parts = (
        CLAIMS.format(claims=numbered_claims(context, findings)),
        CODE.format(code=code) if code else "",
        DIFF.format(diff=diff_text(context, segments)) if segments else "",
    )
    return Prompt(
        system=instructions("recheck"),
        shared="",
        messages=(Asked("\n\n".join(filter(None, parts))),),
        answer=RecheckAnswer,
        must_answer=True,
        most_output=MOST_OUTPUT,
    )


def rechecked(
    answer: RecheckAnswer, findings: Sequence[Finding], redactor: Redactor
) -> dict[str, dict[str, object]]:
    """The verdicts by key, as they may be kept. The last word on a finding counts."""
    said = {one.claim: _keepable(one, redactor).model_dump() for one in answer.verdicts}
    numbers = enumerate(findings, 1)
    return {finding.fingerprint: said[number] for number, finding in numbers if number in said}


def verdict(said: object) -> tuple[str, QuotedLine]:
    """What a model said of a finding, and the line that it quotes; "unsure" where it said nothing."""
    if said is None:
        return "unsure", QuotedLine(path="", line=0, quote="")
    one = RecheckVerdict.model_validate(said)
    return one.verdict, QuotedLine(path=one.path, line=one.line, quote=one.quote)


def _is_doubtful(known: Known, place: Place) -> bool:
    """Whether its line, or what is around it, was changed since it was last looked at."""
    if not by_model(known.finding) or place["as_before"] or not place["touched"] or place["gone"]:
        return False
    if known.state == "fixed":
        return place["stands"] and not place["settled"]
    is_at_head = place["in_change"] or place["stands"]
    return is_at_head and not known.is_theirs and (known.is_open or was_closed_silently(known))


def _keyed(finding: Finding, key: str) -> Finding:
    return finding.model_copy(update={"fingerprint": key})


def _keepable(said: RecheckVerdict, redactor: Redactor) -> RecheckVerdict:
    update = {
        "path": safe_text(said.path[:LONGEST_PATH], redactor),
        "line": max(0, min(said.line, LARGEST)),
        "quote": safe_text(said.quote[:LONGEST_QUOTE], redactor),
        "reason": safe_text(said.reason[:LONGEST_REASON], redactor),
    }
    return said.model_copy(update=update)


# --- the code at head, file by file, each line once ---


def _code(context: AgentContext, findings: Sequence[Finding]) -> Iterator[str]:
    """Around each place as many lines as there is room for. Raises Unavailable."""
    at_head = [finding for finding in findings if finding.line is not None]
    for path, some in groupby(at_head, lambda finding: finding.path):
        numbers = _numbers(context, path, list(some))
        room = PLACE_TOKENS * CHARACTERS_A_TOKEN * len(numbers)
        tries = ["\n\n".join(_blocks(context, path, numbers, reach)) for reach in REACHES]
        yield next((text for text in tries if len(text) <= room), tries[-1])


def _blocks(context: AgentContext, path: str, numbers: Sequence[int], reach: int) -> Iterator[str]:
    for first, last in spans(numbers, reach, MOST_LINES):
        lines: dict[str, Any] = {"path": path, "first": max(1, first), "last": last}
        yield answer("read_lines", lines, context.snapshot, context.redactor, UNCUT)


def _numbers(context: AgentContext, path: str, findings: Sequence[Finding]) -> list[int]:
    """The lines to show: those of the findings, and what stands in the place of those that are gone."""
    head = lines_at_head(context, path)
    gone = [finding for finding in findings if finding.line not in head.same(finding.anchor)]
    before = lines_before(context, path) if gone else Lines({})
    stand = [finding.line for finding in findings if finding.line and finding not in gone]
    return sorted({*stand, *(number for finding in gone for number in _instead(finding, before, head))})


def _instead(finding: Finding, before: Lines, head: Lines) -> list[int]:
    """Where its line would be that is gone; where nobody can tell, more of what is about where it was last seen."""
    was_at, last_seen = last_line(finding, before), finding.line or 1
    here = instead(was_at, before, head) if was_at else None
    guesses = range(last_seen - 2 * REACHES[0], last_seen + 2 * REACHES[0] + 1, 2 * REACHES[0])
    return [max(1, number) for number in ([here] if here else guesses)]
