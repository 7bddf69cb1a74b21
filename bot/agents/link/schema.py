"""What the link agent asks a model for, and what its graph keeps between nodes."""

from dataclasses import dataclass
from typing import Final, TypedDict

from pydantic import BaseModel, ConfigDict

from bot.domain.actions import Action, Decision
from bot.llm.messages import Usage

MOST_LINES: Final = 5
LONGEST_LINE: Final = 160  # characters


class LinesAnswer(BaseModel):
    """What the merge request does."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    lines: list[str]
    """One to five plain sentences of at most 160 characters, the most important first."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a merge request does, as one to five lines that may be shown. `by`: the model, "" for its author's words."""

    lines: tuple[str, ...]
    by: str = ""


class LinkInput(TypedDict):
    """`told` is what our comments say already of this very change, None where it has to be found out."""

    told: Told | None


class LinkOutput(TypedDict):
    """`complaints` are only those that this run has come to. `failures`: what a model or a platform did not do."""

    actions: list[Action]
    decisions: list[Decision]
    complaints: list[str]
    failures: list[str]
    spent: Usage
    model: str


class LinkState(LinkInput, LinkOutput):
    pass
