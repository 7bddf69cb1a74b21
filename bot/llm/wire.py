"""One request to one provider and its answer, in words that are the same for every protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from bot.llm.messages import Asked, Called, Told, Tool, Usage

if TYPE_CHECKING:
    from bot.llm.sdk import Connection

Rung = Literal["json_schema", "json_object", "prompt"]
End = Literal["done", "cut", "overflow", "refused"]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said before, when it is asked to repair that."""

    text: str


Line = Asked | Called | Told | Said


@dataclass(frozen=True, slots=True)
class Manner:
    """What a server is asked for besides the text; it gives way where the server refuses something.

    `rung` and `effort` are places in the wire's lists. `tools`: whether tools may be offered. `other_limit`: the output
    limit goes by its other name. `terse`: the limit leaves no room for thought.
    """

    rung: int = 0
    effort: int = 0
    tools: bool = True
    other_limit: bool = False
    terse: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Everything one request says, in this order: system, shared, instruction, lines.

    `schema` is the answer's form, asked for as `rung` says; `instruction` tells it in words, "" where that is not
    needed. `may_call` False: tools are described, none may be called. `effort`: how hard to think, None for the
    model's own way. `most_output` tokens are thought and answer together.
    """

    system: str
    shared: str
    instruction: str
    lines: tuple[Line, ...]
    answer_name: str
    schema: dict[str, Any]
    rung: Rung
    effort: str | None = None
    tools: tuple[Tool, ...] = ()
    may_call: bool = True
    most_output: int = 8_000
    other_limit: bool = False


@dataclass(frozen=True, slots=True)
class RawCall:
    """A tool call as it came: `arguments` is JSON text, or what a server has decoded already."""

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `end` "cut": the limit of output was reached; "overflow": the window's end; "refused"."""

    text: str
    calls: tuple[RawCall, ...]
    end: End
    usage: Usage


class Wire(Protocol):
    """One protocol to one server."""

    @property
    def rungs(self) -> Sequence[Rung]:
        """The ways this protocol can ask for an answer's form, the strictest first."""

    @property
    def efforts(self) -> Sequence[str | None]:
        """How hard the model is asked to think: what we want first, then what a server that refuses it may take."""

    @property
    def shows_schema(self) -> bool:
        """Whether the model sees a schema it is given; else it is only held to it, and needs telling."""

    async def send(self, model: str, request: Request) -> Reply:
        """Raises `bot.llm.faults.Failed` for an HTTP error, Unavailable where nothing usable came back."""

    @property
    def connection(self) -> "Connection":
        """What it calls the server by, and asks which models that has."""
