"""What the release notes ask a model for, and what their graph keeps."""

import operator
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict

from bot.agents.spending import Spent
from bot.domain.actions import Decision


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Break(_Answer):
    """One thing that worked for users of the project before this change, and does not after it."""

    sentence: str
    """What no longer works, and what to do instead where the change shows it; one plain sentence, at most 200
    characters."""
    path: str
    """The changed file that shows it, exactly as the diff names it."""
    quote: str
    """A removed or added line of that file that shows it, copied exactly without its sign."""


class BreakingAnswer(_Answer):
    """What the change breaks for users of the project; an empty list where there is nothing, as usual."""

    breaks: list[Break]


class Asking(TypedDict):
    """The merge request that one node asks about."""

    iid: int


class NotesInput(TypedDict):
    """`of` names what the run is about."""

    of: str


class NotesOutput(TypedDict):
    """By the merge requests' iids: `found` are sentences as they may be shown, `failed` why there are none.

    `partly`: those of which not the whole change was shown. Plain data: it is kept.
    """

    found: Annotated[dict[int, list[str]], operator.or_]
    failed: Annotated[dict[int, str], operator.or_]
    partly: Annotated[list[int], operator.add]
    decisions: Annotated[list[Decision], operator.add]
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class NotesState(NotesInput, NotesOutput):
    """`iids`: whom to ask about, the latest first."""

    iids: list[int]
