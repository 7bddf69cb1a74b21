"""What is said to a model and what it answers, the same for every provider."""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Tool:
    """Something a model may ask for. `parameters` is the JSON schema of its arguments, an object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One thing a model asked for. `arguments` are whatever JSON object it sent: not validated yet."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Our words to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """The model's earlier turn in which it asked for tools."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What one tool call gave."""

    call_id: str
    text: str


Message = Asked | Called | Told


@dataclass(frozen=True, slots=True)
class Prompt:
    """One turn's whole input.

    `system` and `shared` are alike in all calls of a run, so that a provider can cache them; `shared` is untrusted
    text about the whole change. `answer` is what the final answer must be: its JSON schema goes along. `must_answer`:
    tools are still described, as earlier turns used them and a cached prefix must not change, but none may be called
    now. `most_output` are tokens.
    """

    system: str
    shared: str
    messages: tuple[Message, ...]
    answer: type[BaseModel]
    tools: tuple[Tool, ...] = ()
    must_answer: bool = False
    most_output: int = 8_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What was paid. Tokens as the provider counts them, `cached` as part of `input`. `cost_usd` 0: not known."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cost_usd: float = 0.0

    @property
    def tokens(self) -> int:
        return self.input + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model said: an answer, or calls of tools. `usage` covers every request it took; `model` answered."""

    answer: BaseModel | None
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    model: str = ""


class Model(Protocol):
    """A model, or a chain of them, as an agent uses it.

    `name` is "provider:model" of the first; `window` the tokens that prompt and answer may take together.
    """

    name: str
    window: int

    @property
    def has_tools(self) -> bool:
        """Whether it may be given tools; a server may turn out to refuse them."""

    async def turn(self, prompt: Prompt) -> Turn:
        """Raises TooLong, Unusable, Declined, OverBudget, NoModel, Unavailable: each with the `usage` paid so far."""

    async def aclose(self) -> None:
        """Close what was opened in the running event loop; a later turn opens it again."""


class OneModel(Model, Protocol):
    """A model as a chain uses it."""

    def most_tokens(self, prompt: Prompt) -> int:
        """What a turn may take at most, all its requests together."""


CHARACTERS_A_TOKEN: Final = 3  # an upper guess: code and English have more


def estimated_tokens(text: str) -> int:
    """An upper guess without a tokenizer; characters beyond ASCII count for each of their bytes."""
    return len(text.encode("utf-8", "surrogatepass")) // CHARACTERS_A_TOKEN + 1
