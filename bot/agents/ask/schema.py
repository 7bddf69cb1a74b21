"""What the agent that talks asks a model for, and what its graph keeps."""

import operator
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from bot.agents.review.schema import QuotedLine
from bot.agents.spending import Spent
from bot.agents.tool_turns import Call
from bot.agents.triage.schema import AnswerBlock

# --- what a model answers: its JSON schema goes along with the prompt ---


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Answer(_Answer):
    """The answer to a question, or to what was said."""

    known: bool
    """Whether the change and the repository answer it."""
    blocks: list[AnswerBlock]
    """The answer, short; where it is not known, what is known and who or what could tell. Empty: nothing to say."""
    places: list[QuotedLine]
    """The lines at head that the answer rests on, at most five."""


class ReplyAnswer(_Answer):
    """The answer to a person who replied to a finding."""

    verdict: Literal["stands", "mistaken", "fixed", "nothing"]
    """stands: nothing in the code says otherwise; mistaken: it is no defect, the person is right; fixed: it was one
    and is gone at head; nothing: the reply wants no answer."""
    proof: QuotedLine | None
    """For mistaken and fixed the line at head that decides it; else null."""
    blocks: list[AnswerBlock]
    """The answer, short: the fact in the code that decides it. Empty for nothing."""
    places: list[QuotedLine]
    """Other lines at head that the answer rests on, at most five."""


# --- what the graph keeps, plain data ---


class AskInput(TypedDict):
    """`of` is the digest of what is asked about."""

    of: str


class AskOutput(TypedDict):
    """`answer` is the model's as JSON data, empty where `failures` says why there is none."""

    answer: Annotated[dict[str, object], operator.or_]
    failures: Annotated[list[str], operator.add]
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class AskState(AskInput, AskOutput):
    """`turns` are the tool calls made so far, a list a turn.

    `hurried`: what it had read was too much, so it has to answer from what it is shown.
    """

    turns: Annotated[list[list[Call]], operator.add]
    hurried: Annotated[bool, operator.or_]


Update = dict[str, Any]
