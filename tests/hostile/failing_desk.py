"""A chain of models as a run has it, on servers that do wrong, and a reader who takes turns with it."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import BaseModel

from bot.agents.reading import TOOLS
from bot.agents.tool_turns import MOST_TURNS, kept_calls, retold
from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, TooLong, Unavailable, Unusable
from bot.llm.breaker import LocalBreaker
from bot.llm.budget import RunBudget
from bot.llm.chain import Call, Chain
from bot.llm.chat import Chat
from bot.llm.faults import Server
from bot.llm.messages import Asked, Prompt, Usage
from bot.llm.openai_responses import OpenAIResponses
from bot.llm.providers import chat, parse_spec
from tests.canaries import plant
from tests.doubles import DictSnapshot
from tests.model_server import ModelServer, Reply, script

KEY: Final = plant("sk-" + "Hn6yWt3q" + "Zk9PdB4vRx2Lm7Cs")
MODELS: Final = {
    "openai": "openai:gpt-6.1-sol",
    "responses": "openai:gpt-6.1-sol",
    "anthropic": "anthropic:claude-sonnet-5-5",
    "ollama": "ollama:qwen3-coder:30b",
}
"""By protocol: OpenAI's chat completions and its responses, Anthropic's messages, a local server like OpenAI's."""
PATIENCE: Final = 20.0  # seconds for one request
BETWEEN: Final = 2.5  # seconds that a turn may take besides those of its requests
ROOM: Final = 4_000  # characters for what tools tell
LATE: Final = "it took {seconds:.1f} s, not {most:.1f}"
TOKENS: Final = 50_000_000

Servers = tuple[ModelServer, ModelServer]
Outcome = type[Unavailable | NoModel | TooLong | Unusable | Declined] | Literal["first", "second"]


class Paint(BaseModel):
    colour: Literal["red", "blue"]


PROMPT: Final = Prompt("You paint.", "The wall.", (Asked("Which colour?"),), Paint, TOOLS)


@dataclass(frozen=True)
class Ended:
    """A turn: how it ended, by whose answer or which error; the requests to each model, the seconds of its pauses;
    what was wrong in any case, in sentences."""

    outcome: Outcome
    requests: tuple[int, ...]
    waits: float
    problems: tuple[str, ...]


class Desk:
    """A chain of models as a run has it, each on a server of its own, and a reader who takes turns with it.

    `patience`: seconds for a request to the first model; `is_down`: it is not there at all.
    """

    def __init__(
        self, wires: Sequence[str], servers: Servers, patience: float, *, is_down: bool = False
    ) -> None:
        self._servers = servers[: len(wires)]
        self._patience = patience
        self._pauses: list[float] = []
        self._calls: list[Call] = []
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))
        there = [server.url for server in self._servers]
        urls = [f"http://127.0.0.1:{self._nobody.getsockname()[1]}", *there[1:]] if is_down else there
        patiences = (patience, PATIENCE)
        self._models = [_model(*one) for one in zip(wires, urls, patiences, strict=False)]
        self._chain = Chain(
            self._models,
            redactor=Redactor([KEY]),
            budget=RunBudget(TOKENS),
            breaker=LocalBreaker(),
            pause=self._pause,
            tally=self._calls.append,
        )

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self._nobody.close()

    def script(self, *replies: Sequence[Reply]) -> None:
        """What each model says, one after the other."""
        for server, said_there in zip(self._servers, replies, strict=False):
            server.reply = script(*said_there)

    def heard(self) -> str:
        """All that the first model was sent last."""
        asked = self._servers[0].asked
        return str(asked[-1]) if asked else ""

    def turn(self) -> Ended:
        """One task of a reader, to its end."""
        for kept in (self._pauses, self._calls):
            kept.clear()
        for server in self._servers:
            server.clear()
        began = time.monotonic()
        outcome, words, usage = asyncio.run(self._read())
        seconds = time.monotonic() - began
        told = Counter(call.model for call in self._calls)
        requests = tuple(
            max(len(server.requests), told[model.name])
            for server, model in zip(self._servers, self._models, strict=True)
        )
        return Ended(outcome, requests, sum(self._pauses), tuple(self._problems(words, usage, seconds)))

    async def _read(self) -> tuple[Outcome, str, Usage]:
        """How it ends, the sentence where it fails, and what it cost."""
        prompt, spent = PROMPT, Usage()
        try:
            for number in range(1, MOST_TURNS + 1):
                turn = await self._chain.turn(replace(prompt, must_answer=number == MOST_TURNS))
                spent += turn.usage
                if turn.answer is not None:
                    return "first" if turn.model == self._models[0].name else "second", "", spent
                told = retold(kept_calls(turn.calls, Redactor()), DictSnapshot({}), Redactor(), ROOM)
                prompt = replace(prompt, messages=(*prompt.messages, *told))
        except (Unavailable, NoModel, TooLong, Unusable, Declined) as error:
            return type(error), str(error), spent + (error.usage or Usage())
        finally:
            await self._chain.aclose()
        raise AssertionError("the turn that has to answer gave calls")

    async def _pause(self, seconds: float) -> None:
        self._pauses.append(seconds)

    def _problems(self, words: str, usage: Usage, seconds: float) -> Iterator[str]:
        """What is wrong whatever happened. An answer that came byte by byte was never a whole one."""
        if KEY in words or "\n" in words:
            yield f"its sentence is {words!r}"
        dripped = sum(reply.drip > 0 for server in self._servers for reply in server.replies)
        paid = sum(server.paid for server in self._servers) - dripped
        if usage.calls != paid:
            yield f"{usage.calls} whole answers counted, not {paid}"
        most = self._patience * max(len(self._calls), 1) + BETWEEN
        if seconds > most:
            yield LATE.format(seconds=seconds, most=most)
        asked = [body for server in self._servers for body in server.asked]
        yield from ("a stream was asked for" for body in asked if body.get("stream"))
        yield from (f"refused: {why}" for server in self._servers for why in server.refusals)


def _model(wire: str, url: str, patience: float) -> Chat:
    """The responses API is spoken to OpenAI's own address only, which this is not."""
    if wire == "responses":
        known = Server(MODELS[wire], "api.openai.com", "OPENAI_API_KEY", KEY)
        return Chat(
            OpenAIResponses(known, f"{url}/v1", patience), known, known.name.partition(":")[2], 256_000
        )
    environ = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{url}/v1",
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": url,
        "OLLAMA_HOST": url,
    }
    return chat(parse_spec(MODELS[wire]), environ, patience)
