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


# --- what the graph keeps ---


Segment = tuple[int, int, int]
"""Part of a file's diff: its place in the change set, its first line there (from 0), and the line after its last."""


TaskKind = Literal["review", "verify", "ledger"]


class Task(TypedDict):
    """Something for a model to do: review segments of the diff, verify claims (fingerprints), which stand there, or
    judge the acceptance criteria by them.

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
    """`diff` binds a run's kept steps to the base and the head they are about: they count files and lines of it."""

    diff: str


class ReviewOutput(TypedDict):
    """`shown` are the findings that passed the gates, worst first. `failures`: what a model did not do."""

    actions: list[Action]
    shown: list[Finding]
    ledger: Ledger | None
    coverage: list[Coverage]
    decisions: Annotated[list[Decision], operator.add]
    complaints: list[str]
    failures: list[str]
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class ReviewState(ReviewInput, ReviewOutput):
    """`found` are the checks' findings, each with its fingerprint; `reported` is what models said, by task.

    `claims` are the reported findings that stand on a line that exists, each with its fingerprint. `verdicts`: what
    the second look says of a claim, by fingerprint: "" where it is confirmed, else the reason why it is not shown.
    `judged` is what the model said of each criterion, by its id, `outside` the phrases for what no issue asks for.
    `attempt`: the attempt of the run that is going on.
    """

    found: list[Finding]
    reported: Annotated[dict[str, list[dict[str, object]]], operator.or_]
    claims: list[Finding]
    tasks: Annotated[dict[str, Task], operator.or_]
    verdicts: Annotated[dict[str, str], operator.or_]
    judged: Annotated[dict[str, dict[str, object]], operator.or_]
    outside: Annotated[list[str], operator.add]
    attempt: str


class Work(TypedDict):
    """What one model turn is sent: its task, and the claims where it verifies."""

    task: Task
    claims: list[Finding]
