"""What the review agent asks a model for, and what its graph keeps between nodes.

The state holds names, numbers and quotes, never a diff or a file: what a node needs to see it reads again from the
context, which is the same for the whole run.
"""

import operator
from typing import Annotated, Any, Final, Literal, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict

from bot.agents.spending import Spent
from bot.agents.tool_turns import Call
from bot.domain.actions import Action, Coverage, Decision
from bot.domain.findings import Finding, Severity
from bot.domain.ledger import Ledger, State
from bot.domain.lifecycle import Course
from bot.domain.reviewed import Reviewed

# --- what a model answers: its JSON schema goes along with the prompt ---


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


SCALES: Final = {
    "low": "minor", "medium": "major", "high": "critical", "warning": "minor", "error": "major",
    "moderate": "major", "severe": "critical", "note": "info", "nit": "info", "trivial": "info",
}  # fmt: skip
"""Other scales' words for ours: a model that is not held to the schema falls back on what it has seen most."""


def _on_our_scale(word: Any) -> Any:
    lowered = word.strip().lower() if isinstance(word, str) else word
    return SCALES.get(lowered, lowered)


class SuggestedEdit(_Answer):
    """Whole lines at head that would be replaced, and what by."""

    first_line: int
    """Number of the first line that is replaced."""
    last_line: int
    """Number of the last line that is replaced."""
    replacement: str
    """The new lines, with their indentation; empty to delete."""


class ReportedFinding(_Answer):
    """One defect that this change introduces."""

    rule: str
    """The kind of defect in two or three words with hyphens, such as "sql-injection" or "missing-await"."""
    severity: Annotated[Severity, BeforeValidator(_on_our_scale)]
    """info: no defect, so not reported; minor: costs somebody time; major: wrong in a case that happens; critical:
    wrong for most users, or data is lost; blocker: must not be merged."""
    path: str
    """The file, exactly as the diff names it."""
    line: int
    """The number of the line at head (right-hand column), or of a removed line in the old file (left-hand column)."""
    anchor: str
    """That line's text, copied exactly without its number and sign."""
    title: str
    """What breaks, in one sentence of at most 70 characters."""
    detail: str
    """When it breaks and why, in at most three sentences. No praise, no advice in general."""
    evidence: str
    """What in the code shows it: the fact and where it stands, such as "parse() returns None, app/read.py:41"."""
    symbols: list[str]
    """The names that the finding is about, spelled as in this repository's code; empty where it is about none."""
    suggestion: SuggestedEdit | None
    """An exact fix, only where it is a few whole lines around `line` and certainly right; else null."""


class ReviewAnswer(_Answer):
    """The defects found in the files under review; an empty list where there is none."""

    findings: list[ReportedFinding]


class Verdict(_Answer):
    """Whether one claimed defect is real."""

    claim: int
    """The claim's number."""
    verdict: Literal["confirmed", "refuted", "unsure"]
    """confirmed: the code shows it breaks; refuted: the code shows it does not; unsure: the code does not decide it."""
    reason: str
    """The fact in the code that decides it, and where it stands, in one or two sentences."""


class VerifyAnswer(_Answer):
    """One verdict for each claim."""

    verdicts: list[Verdict]


STATES: Final = {
    "partial": "partly", "partially": "partly", "partially met": "partly", "not met": "missing", "unmet": "missing",
    "not_met": "missing", "unknown": "unclear", "unsure": "unclear", "done": "met", "yes": "met", "no": "missing",
}  # fmt: skip
"""Other words for ours."""


def _in_our_words(word: Any) -> Any:
    lowered = word.strip().lower() if isinstance(word, str) else word
    return STATES.get(lowered, lowered)


class QuotedLine(_Answer):
    """A line at head that shows it."""

    path: str
    """The file, from the top of the repository."""
    line: int
    """The line's number at head."""
    quote: str
    """That line's text, copied exactly without its number and sign."""


class JudgedCriterion(_Answer):
    """What one criterion has come to at head."""

    number: int
    """The criterion's number."""
    state: Annotated[State, BeforeValidator(_in_our_words)]
    """met: the code at head does it; partly: it does some of it; missing: it does not; unclear: code cannot show it."""
    evidence: list[QuotedLine]
    """For met and partly the one to three lines that decide it. For missing and unclear usually empty."""
    reason: str
    """Why, in one sentence of at most 150 characters; for partly what is still to do."""


class OutsidePart(_Answer):
    """Something this change does that no criterion and no issue asks for, nor needs."""

    what: str
    """A phrase of at most eight words, such as "a new retry policy for downloads"."""
    path: str
    """The changed file where most of it stands."""


class LedgerAnswer(_Answer):
    """One judgement for each criterion, and what of the change no issue asks for; usually nothing."""

    criteria: list[JudgedCriterion]
    outside: list[OutsidePart]


RECHECKS: Final = {
    "fixed": "gone", "resolved": "gone", "absent": "gone", "refuted": "gone", "not there": "gone",
    "present": "there", "still there": "there", "still_there": "there", "confirmed": "there", "open": "there",
    "unknown": "unsure", "unclear": "unsure",
}  # fmt: skip
"""Other words for ours."""


def _on_a_defect(word: Any) -> Any:
    lowered = word.strip().lower() if isinstance(word, str) else word
    return RECHECKS.get(lowered, lowered)


class RecheckVerdict(_Answer):
    """Whether one earlier defect is still there."""

    claim: int
    verdict: Annotated[Literal["gone", "there", "unsure"], BeforeValidator(_on_a_defect)]
    path: str
    line: int
    quote: str
    reason: str
    """The fact that decides it, in one sentence."""


class RecheckAnswer(_Answer):
    """One verdict for each claim."""

    verdicts: list[RecheckVerdict]


# --- what the graph keeps ---


Segment = tuple[int, int, int]
"""Part of a file's diff: its place in the change set, its first line there (from 0), and the line after its last."""


TaskKind = Literal["review", "verify", "ledger", "recheck"]


class Place(TypedDict):
    """Where an earlier finding is at head.

    `path` is the file's at head, as it is stored. `line`, or `old_line` of a removed one, is where the finding's line
    stands if it `stands`, else where it was last seen. A finding without a line stands as long as its file does.
    `added`: the change adds that line, or nobody can tell. `as_before`: the lines around it, too, read as they did when
    it was last seen, or the line was gone then, and what stands in its place still does. `settled`: it was called fixed
    while its line stood just as it stands now.

    `in_change`: its file is part of the change, and at head unless the line is one that was taken away. `touched`: that
    file's change is not what it was when it was read last. `gone`: its file is not part of the change any more, nor is
    the line anywhere in it.
    """

    path: str
    line: int | None
    old_line: int | None
    stands: bool
    added: bool
    as_before: bool
    settled: bool
    in_change: bool
    touched: bool
    gone: bool


class Task(TypedDict):
    """Something for a model to do: review segments of the diff, verify claims (fingerprints), which stand there, judge
    the acceptance criteria by them, or say of findings of earlier reviews (by key) whether they are still there.

    `turns` are the tool calls made so far, a list a turn. `state` is "open" until the model has answered; "split" where
    two smaller tasks took its place; "failed" where `missing` says what came instead of an answer. `tried` names the
    attempt of the run in which the model was out for the moment. `hurried`: what it had read was too much, so it has to
    answer from what it is shown.
    """

    id: str
    kind: TaskKind
    segments: list[Segment]
    claims: list[str]
    turns: list[list[Call]]
    state: Literal["open", "done", "split", "failed"]
    missing: str
    tried: str
    hurried: bool


class ReviewInput(TypedDict):
    """`diff` binds a run's kept steps to what they are about: the base and the head, whose files and lines they count,
    whether all is read, and what was known of earlier findings.
    """

    diff: str


class ReviewOutput(TypedDict):
    """`shown` are the new findings that passed the gates, in the end all that are open, worst first. `failures`: what a
    model did not do. `reviewed` is what the review leaves for the next one.
    """

    actions: list[Action]
    shown: list[Finding]
    ledger: Ledger | None
    coverage: list[Coverage]
    decisions: Annotated[list[Decision], operator.add]
    complaints: list[str]
    failures: list[str]
    reviewed: Reviewed | None
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class ReviewState(ReviewInput, ReviewOutput):
    """`found` are the checks' findings, each with its fingerprint, known ones with the key they were posted under;
    `skipped` the names of the checks that could not look at everything; `reported` is what models said, by task.

    `claims` are the reported findings that stand on a line that exists, each with its fingerprint, `again` those that
    are known by their line and were not fixed, each with its key. `heirs`: claims, by fingerprint, that may be a known
    finding whose line is gone, with its key. `verdicts`: what the second look says of a claim, by fingerprint:
    "" where it is confirmed, else the reason why it is not shown. `judged` is what the model said of each criterion, by
    its id, `outside` the phrases for what no issue asks for. `attempt`: the attempt of the run that is going on.

    `places`: where the findings of earlier reviews are at head, by key. `doubted` are those about which a model is
    asked again, each with its key as fingerprint, `rechecked` its verdicts by key. `course` is what became of them all,
    `looked_at` by key what is around the places of those that do not stand, where a model could not tell.
    `demoted`: fingerprints of new findings that are similar to a dismissed one.
    """

    found: list[Finding]
    skipped: list[str]
    reported: Annotated[dict[str, list[dict[str, object]]], operator.or_]
    claims: list[Finding]
    again: list[Finding]
    heirs: dict[str, str]
    tasks: Annotated[dict[str, Task], operator.or_]
    verdicts: Annotated[dict[str, str], operator.or_]
    judged: Annotated[dict[str, dict[str, object]], operator.or_]
    outside: Annotated[list[str], operator.add]
    attempt: str
    places: dict[str, Place]
    doubted: list[Finding]
    rechecked: Annotated[dict[str, dict[str, object]], operator.or_]
    course: Course
    looked_at: dict[str, str]
    demoted: list[str]


class Work(TypedDict):
    """What one model turn is sent: its task, and the claims where it verifies, or the findings that it rechecks."""

    task: Task
    claims: list[Finding]
