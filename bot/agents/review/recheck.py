"""Whether earlier findings of a model are still there: one small call about those whose lines have changed.

The model only says; what counts is decided in `course`, by lines that stand at head.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from bot.agents.reading import answer
from bot.agents.review.diff_text import diff_text
from bot.agents.review.prompting import instructions, numbered_claims
from bot.agents.review.schema import Place, QuotedLine, RecheckAnswer, RecheckVerdict, Segment, Work
from bot.agents.review.standing import by_model, moved
from bot.agents.review.units import around, tokens
from bot.agents.shown import safe_text
from bot.agents.spec import AgentContext
from bot.domain.change import ChangeSet, FileStatus
from bot.domain.findings import Finding
from bot.domain.lifecycle import THUMBS_DOWN, Known
from bot.domain.replies import is_dismissal
from bot.domain.secrets import Redactor
from bot.llm.messages import CHARACTERS_A_TOKEN, Asked, Prompt

ASKED = "What was found:\n\n{claims}\n\nThe change to the files it is in, as far as it is near:\n\n{diff}"
NO_DIFF = "None of these files is part of the change any more."
CODE = "\n\nCode around it at head:\n\n{code}"

MOST_TOGETHER: Final = 8  # findings of one call
DIFF_TOKENS: Final = 2_000  # of a finding
CODE_TOKENS: Final = 1_000
REACHES: Final = (40, 20, 10, 5)  # lines of the diff above and below, as many as there is room for
CODE_REACH: Final = 20  # lines at head above and below
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
    """The diff around the findings, as much of it as there is room for."""
    room = DIFF_TOKENS * len(findings)
    tries = (around(change, findings, reach) for reach in REACHES)
    fitting = (segments for segments in tries if tokens(change, segments) <= room)
    return next(fitting, around(change, findings, REACHES[-1]))


def recheck_prompt(context: AgentContext, work: Work) -> Prompt:
    """Without tools and without what people say of the change: a description that says "fixed" proves nothing."""
    findings, segments = work["claims"], work["task"]["segments"]
    diff = diff_text(context, segments) if segments else NO_DIFF
    text = ASKED.format(claims=numbered_claims(context, findings), diff=diff)
    code = "\n\n".join(_code(context, findings))
    return Prompt(
        system=instructions("recheck"),
        shared="",
        messages=(Asked(text + (CODE.format(code=code) if code else "")),),
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


def _code(context: AgentContext, findings: Iterable[Finding]) -> Iterator[str]:
    """What stands around each place at head. Of a new file the diff shows that, of a deleted one there is nothing."""
    for finding in findings:
        file, line = context.change.file(finding.path), finding.line or finding.old_line
        if line and (file is None or file.status not in (FileStatus.ADDED, FileStatus.DELETED)):
            lines: dict[str, Any] = {
                "path": finding.path,
                "first": max(1, line - CODE_REACH),
                "last": line + CODE_REACH,
            }
            most = CODE_TOKENS * CHARACTERS_A_TOKEN
            yield answer("read_lines", lines, context.snapshot, context.redactor, most)


def _keepable(said: RecheckVerdict, redactor: Redactor) -> RecheckVerdict:
    update = {
        "path": safe_text(said.path[:LONGEST_PATH], redactor),
        "line": max(0, min(said.line, LARGEST)),
        "quote": safe_text(said.quote[:LONGEST_QUOTE], redactor),
        "reason": safe_text(said.reason[:LONGEST_REASON], redactor),
    }
    return said.model_copy(update=update)
