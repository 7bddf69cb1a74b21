"""What the link agent asks a model for, and what its graph keeps."""

import operator
from dataclasses import dataclass
from typing import Annotated, Final, TypedDict

from pydantic import BaseModel, ConfigDict

from bot.agents.spending import Spent

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
    """`of` is the digest of what the lines are about."""

    of: str


class LinkOutput(TypedDict):
    """The model's lines as they may be shown, none where `failures` says why. Plain data: it is kept."""

    lines: list[str]
    failures: Annotated[list[str], operator.add]
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class LinkState(LinkInput, LinkOutput):
    pass
