"""What the pages agent asks a model about a section, and what its graph keeps."""

import operator
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from bot.agents.spending import Spent
from bot.agents.tool_turns import Call

# --- what a model answers: its JSON schema goes along with the prompt ---


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Statement(_Answer):
    """One thing that the section says, or leaves out, and that is not true after the change."""

    path: str
    """The file that shows it, from the top of the repository."""
    line: str
    """One line of that file's diff, or of the file at head, that shows it: copied exactly, without sign or number."""
    why: str
    """What is not true, and what is true now, in one plain sentence."""
    block: int
    """The number of the block that is changed; of an insertion, the block it comes after, 0 for the beginning."""
    quote: str
    """The words of that block that are not true, copied exactly; empty where something is missing."""
    how: Literal["replace", "insert", "delete"]
    """What is done: the block is replaced by `text`, `text` is inserted after it, or it is deleted."""
    text: str
    """Markdown: the whole block as it shall read, or what is inserted; empty for a deletion."""


class SectionAnswer(_Answer):
    """What is not true in the section after the change."""

    wrong: list[Statement]
    """At most twenty; empty where nothing is wrong."""


# --- what the graph keeps, plain data ---


class Task(TypedDict):
    """One section that a model is asked about; `id` is its place among the run's.

    `turns` are the tool calls made so far, a list a turn. `hurried`: what it had read was too much, so it has to answer
    from what it is shown. `tried`: the attempt of the run in which the model was out for the moment. `missing`: why
    there is no answer. `answer`: a `SectionAnswer` as JSON data, without the statements that are told in `dropped`.
    `unseen`: the changed files whose whole diff the model was not shown.
    """

    id: str
    turns: list[list[Call]]
    hurried: bool
    state: Literal["open", "done", "failed"]
    tried: str
    missing: str
    answer: dict[str, Any]
    dropped: list[str]
    unseen: list[str]


class SectionsInput(TypedDict):
    """`of` is the digest of what is asked about; `asks` are the places of the sections in question."""

    of: str
    asks: list[str]


class SectionsOutput(TypedDict):
    tasks: Annotated[dict[str, Task], operator.or_]
    spent: Annotated[list[Spent], operator.add]
    models: Annotated[list[str], operator.add]


class SectionsState(SectionsInput, SectionsOutput):
    """`attempt` names the start of the run that went on last."""

    attempt: str


class Work(TypedDict):
    """What one node is sent."""

    task: Task


Update = dict[str, Any]


def new_task(name: str) -> Task:
    return Task(
        id=name,
        turns=[],
        hurried=False,
        state="open",
        tried="",
        missing="",
        answer={},
        dropped=[],
        unseen=[],
    )
