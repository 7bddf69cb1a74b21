"""A run that shall stop pays for no further request, whatever would have to be asked again."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel

from bot.domain.secrets import Redactor
from bot.errors import Superseded, Unavailable
from bot.llm.breaker import LocalBreaker
from bot.llm.budget import RunBudget
from bot.llm.chain import Call, Chain
from bot.llm.messages import Asked, Prompt, Turn
from bot.llm.providers import chat, parse_spec
from bot.llm.wanted import wanted_while
from tests.model_server import ModelServer, Reply, answered, cut, failed, reset, said, script

DEADLINE = 60.0
MOVED = Superseded("a newer head", "b" * 40)


class Colour(BaseModel):
    colour: str


GOOD = answered({"colour": "red"})
PROMPT = Prompt("You paint.", "The wall.", (Asked("Which colour?"),), Colour)


AGAIN: dict[str, tuple[Reply, ...]] = {
    "busy": (failed(503), GOOD),
    "broken off": (reset(), GOOD),
    "cut": (cut(), GOOD),
    "prose": (said("It is red."), GOOD),
    "no schema": (failed(400, "response_format: unsupported"), GOOD),
}


class Desk:
    """A chain of two models on one server, and what is counted of it."""

    def __init__(self, server: ModelServer) -> None:
        self.budget = RunBudget(200_000)
        self.calls: list[Call] = []
        self.paused = 0
        environ = server.environ("openai") | server.environ("anthropic")
        self.chain = Chain(
            [
                chat(parse_spec(spec), environ)
                for spec in ("openai:gpt-6.1-sol", "anthropic:claude-sonnet-5-5")
            ],
            redactor=Redactor(),
            budget=self.budget,
            breaker=LocalBreaker(),
            pause=self._pause,
            deadline=DEADLINE,
            tally=self.calls.append,
        )

    async def _pause(self, seconds: float) -> None:
        self.paused += 1

    def turn(self, look: Callable[[], None]) -> Turn:
        async def one() -> Turn:
            try:
                with wanted_while(look):
                    return await self.chain.turn(PROMPT)
            finally:
                await self.chain.aclose()

        return asyncio.run(one())


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def once_asked(server: ModelServer, error: Exception) -> Callable[[], None]:
    """Moves on while the first request is under way."""

    def look() -> None:
        if server.requests:
            raise error

    return look


@pytest.mark.parametrize("fault", AGAIN)
def test_nothing_is_asked_again_for_a_head_that_was_left(fault: str, server: ModelServer) -> None:
    server.clear()
    server.reply = script(*AGAIN[fault])
    desk = Desk(server)
    with pytest.raises(Superseded) as caught:
        desk.turn(once_asked(server, MOVED))
    assert caught.value is MOVED
    assert len(server.requests) == 1
    assert sum(call.usage.calls for call in desk.calls) == server.paid
    desk.budget.reserve(200_000 - sum(call.usage.tokens for call in desk.calls)).settle(0)


def test_the_next_model_is_not_asked_either(server: ModelServer) -> None:
    server.clear()
    server.reply = script(failed(401), GOOD)
    with pytest.raises(Superseded):
        Desk(server).turn(once_asked(server, MOVED))
    assert len(server.requests) == 1


def test_what_hides_whether_it_is_wanted_is_no_fault_of_the_model(server: ModelServer) -> None:
    server.clear()
    server.reply = script(failed(503), GOOD)
    desk = Desk(server)
    with pytest.raises(Unavailable, match="GitLab cannot be reached"):
        desk.turn(once_asked(server, Unavailable("GitLab cannot be reached")))
    assert (len(server.requests), desk.paused) == (1, 1)


def test_a_run_that_is_wanted_goes_on(server: ModelServer) -> None:
    server.clear()
    server.reply = script(failed(503), cut(), GOOD)
    looks: list[int] = []
    turn = Desk(server).turn(lambda: looks.append(len(server.requests)))
    assert turn.answer == Colour(colour="red")
    assert looks == [1, 2]
