"""What the triage agent asks a model for, what it keeps of it from run to run, and what its graph keeps."""

import operator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from bot.agents.spending import Spent
from bot.agents.tool_turns import Call

# --- what a model answers: its JSON schema goes along with the prompt ---


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Place(_Answer):
    """A file of the repository, or one of its lines."""

    path: str
    """The file, from the top of the repository."""
    line: int
    """The line's number; 0 for the whole file."""
    quote: str
    """That line's text, copied exactly without its number; empty for the whole file."""
    why: str
    """What is there, in a few words."""


class Choice(_Answer):
    """A value for a field of the issue."""

    value: str
    """The value, spelled as it is offered."""
    reason: str
    """The fact in the issue that speaks for it, in one sentence."""


class TriageAnswer(_Answer):
    """What was asked for; what was not stays empty or null."""

    summary: list[str]
    """What the issue wants and why, in at most four plain sentences, the most important first."""
    questions: list[str]
    """What somebody must decide or find out before work can start, a question each, at most six."""
    criteria: list[str]
    """Proposed acceptance criteria, each checkable by itself, at most eight."""
    labels: list[Choice]
    """At most five labels, each one word without blanks."""
    component: Choice | None
    """One of the components offered."""
    priority: Choice | None
    """One of the priorities offered."""
    note: str
    """For whoever takes the issue: where the work is and what to mind, in at most four plain sentences."""
    places: list[Place]
    """Where the work is, at most eight places that you have seen."""


class AnswerBlock(_Answer):
    """A piece of an answer."""

    kind: Literal["paragraph", "bullets", "code"]
    text: str
    """Of a paragraph or code: plain text. Empty for bullets."""
    items: list[str]
    """Of bullets: the items, plain text. Empty for the others."""


class QuestionAnswer(_Answer):
    """The answer to a question."""

    known: bool
    """Whether the issue and the repository answer the question."""
    blocks: list[AnswerBlock]
    """The answer, short; where it is not known, what is known and who or what could tell."""
    places: list[Place]
    """The lines that the answer rests on."""


# --- what is kept in our comment for the next run ---


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Line = Annotated[str, Field(max_length=500)]
Name = Annotated[str, Field(max_length=1_000)]


class KeptChoice(_Kept):
    value: Name
    reason: Line


class KeptPlace(_Kept):
    """A file that exists, or one of its lines; `line` 0 for the whole file. `path` as the repository names it."""

    path: Name
    line: int = Field(ge=0)
    why: Line = ""


class Part(_Kept):
    """What was said of one thing to do. `of`: digest of the issue's text then. `commit`: where the places are.

    `written`: its choices went to the issue's fields.
    """

    of: str = ""
    lines: tuple[Line, ...] = ()
    criteria: tuple[Line, ...] = ()
    choices: tuple[KeptChoice, ...] = ()
    written: bool = False
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    places: tuple[KeptPlace, ...] = ()

    @property
    def says_something(self) -> bool:
        return bool(self.lines or self.criteria or self.choices or self.places)


class Work(_Kept):
    """What was begun: the branch, and the draft merge request's title, "" for none. `project` is its full path."""

    project: Name
    branch: Name
    title: Name = ""


class Kept(_Kept):
    """`parts` by what was to be done, a word of the rules."""

    parts: dict[str, Part] = {}
    work: Work | None = None


# --- what the graph keeps, plain data ---


class TriageInput(TypedDict):
    """`of` is the digest of what is asked about; `asks` what a model is asked for, words of the rules or "question"."""

    of: str
    asks: list[str]


class TriageOutput(TypedDict):
    """`answer` is the model's as JSON data, empty where `failures` says why there is none."""

    answer: Annotated[dict[str, object], operator.or_]
    failures: Annotated[list[str], operator.add]
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class TriageState(TriageInput, TriageOutput):
    """`turns` are the tool calls made so far, a list a turn.

    `hurried`: what it had read was too much, so it has to answer from what it is shown.
    """

    turns: Annotated[list[list[Call]], operator.add]
    hurried: Annotated[bool, operator.or_]


Update = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a model said to all that was asked; `answer` None where nothing was, or where `failures` says why."""

    answer: TriageAnswer | QuestionAnswer | None = None
    failures: tuple[str, ...] = ()
