"""Models one after the other, best first. This is the one place that asks again, waits, and keeps account.

| fault of one request | what the chain does | requests to that model, at most |
|---|---|---|
| Unavailable, nothing said or `retry_after` at most LONGEST_WAIT | waits, asks again, then the next model | TRIES |
| Unavailable, a longer `retry_after` | the next model at once | 1 |
| no answer within the model's share of the deadline | the next model | TRIES |
| NoModel | opens the breaker, the next model | 1 |
| TooLong, Unusable, Declined | raised at once: another company would be sent the same | 1 |
| OverBudget, as others have set aside what is missing | waits up to ROOM_TRIES times for them to end | 0 |
| OverBudget | raised at once | 0 |
| the breaker is open | the next model | 0 |
| the run shall stop (`bot.llm.wanted`), seen before a further request | raises Unwanted | 0 |

When no model is left: Unavailable if any fault was passing, else NoModel. A client's own further requests, a repair or
a step down its ladder, are part of one request here; the repair is reserved with it, and all usage is counted.
"""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from bot.domain.sanitize import visible
from bot.domain.secrets import Redactor
from bot.errors import ModelFault, NoModel, OverBudget, Unavailable
from bot.llm.breaker import Breaker
from bot.llm.budget import Budget, Reservation
from bot.llm.messages import Called, Message, OneModel, Prompt, Turn, Usage
from bot.llm.wanted import Unwanted, still_wanted

WAITS: Final = (1.0, 4.0)  # seconds before the second and the third try
TRIES: Final = 1 + len(WAITS)
LONGEST_WAIT: Final = 30.0
ROOM_SECONDS: Final = 1.0  # between two looks whether there is room in the budget
ROOM_TRIES: Final = 60
CLEANED: Final = 128  # texts kept: a prompt repeats those of the turn before
DEADLINE: Final = 300.0  # seconds for a turn, all models and waits together

NO_ANSWER = "{model}: no answer within the {seconds:.0f} seconds it had left: try again later"

ANSWERED: Final = "answered"

Pause = Callable[[float], Awaitable[None]]

log = structlog.get_logger("trivet.models")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was made of a model, as its operator counts it.

    `model` is "provider:model"; `result` is ANSWERED, or the name of the error's class. `usage.calls` is more than one
    where the client sent the request again by itself.
    """

    model: str
    result: str
    usage: Usage
    seconds: float


class Chain:
    """A `bot.llm.messages.Model` over several. `pause` waits that many seconds; `deadline` is for a whole turn.

    `tally` is told of each request once it has ended.
    """

    def __init__(
        self,
        models: Sequence[OneModel],
        *,
        redactor: Redactor,
        budget: Budget,
        breaker: Breaker,
        pause: Pause = asyncio.sleep,
        deadline: float = DEADLINE,
        tally: Callable[[Call], object] = lambda call: None,
    ) -> None:
        self.name = models[0].name
        self.window = min(model.window for model in models)
        self._models = tuple(models)
        self._safe_text = functools.lru_cache(maxsize=CLEANED)(lambda text: redactor.redact(visible(text)))
        self._budget = budget
        self._breaker = breaker
        self._pause = pause
        self._deadline = deadline
        self._tally = tally

    @property
    def has_tools(self) -> bool:
        return all(model.has_tools for model in self._models)

    async def turn(self, prompt: Prompt) -> Turn:
        paid: list[Usage] = []
        try:
            turn = await self._first_answer(self._safe(prompt), paid)
        except (ModelFault, Unavailable) as error:
            error.usage = sum(paid, Usage())
            raise
        return replace(turn, usage=sum(paid, Usage()))

    async def aclose(self) -> None:
        for model in self._models:
            await model.aclose()

    async def _first_answer(self, prompt: Prompt, paid: list[Usage]) -> Turn:
        """Each model has its share of the time that is left: one that hangs leaves some for the next."""
        faults: list[Unavailable | NoModel] = []
        ends = _now() + self._deadline
        for place, model in enumerate(self._models):
            share = (ends - _now()) / (len(self._models) - place)
            try:
                return await self._asked(model, prompt, paid, _now() + share)
            except (Unavailable, NoModel) as error:
                log.warning("a model was passed over", model=model.name, reason=str(error))
                faults.append(error)
        raise _summed_up(faults) from faults[-1]

    async def _asked(self, model: OneModel, prompt: Prompt, paid: list[Usage], ends: float) -> Turn:
        """The model's answer, after up to TRIES requests and the waits between them."""
        for wait in WAITS:
            await self._admitted(model, paid)
            try:
                return await self._request(model, prompt, paid, ends)
            except Unavailable as error:
                seconds = _seconds(wait, error.retry_after)
                if seconds > LONGEST_WAIT or _now() + seconds >= ends:
                    raise
            await self._pause(seconds)
        await self._admitted(model, paid)
        return await self._request(model, prompt, paid, ends)

    async def _admitted(self, model: OneModel, paid: list[Usage]) -> None:
        """Raises what opened the model's breaker, and Unwanted where this would not be the turn's first request."""
        if paid:
            await still_wanted(Usage())
        self._breaker.admit(model.name)

    async def _request(self, model: OneModel, prompt: Prompt, paid: list[Usage], ends: float) -> Turn:
        """One request, and what the breaker learns from it."""
        try:
            turn = await self._accounted(model, prompt, paid, ends)
        except BaseException as error:
            self._breaker.ended(model.name, error)
            raise
        self._breaker.ended(model.name)
        return turn

    async def _accounted(self, model: OneModel, prompt: Prompt, paid: list[Usage], ends: float) -> Turn:
        """One request: its tokens are reserved before and settled after, however it ends."""
        reservation = await self._reserved(model.most_tokens(prompt), ends)
        began, usage, result = _now(), Usage(), ANSWERED
        try:
            turn = await _by(ends, model, prompt)
            usage = turn.usage
        except BaseException as error:
            usage, result = _paid(error), type(error).__name__
            raise
        finally:
            reservation.settle(usage.tokens)
            paid.append(usage)
            self._tally(Call(model.name, result, usage, _now() - began))
        return turn

    async def _reserved(self, tokens: int, ends: float) -> Reservation:
        """Requests under way set aside several times what they take: where only that is missing, it is waited for."""
        for _ in range(ROOM_TRIES):
            try:
                return self._budget.reserve(tokens)
            except OverBudget as error:
                if not error.is_passing or _now() + ROOM_SECONDS >= ends:
                    raise
            await self._pause(ROOM_SECONDS)
        return self._budget.reserve(tokens)

    def _safe(self, prompt: Prompt) -> Prompt:
        """The last line of defence: no secret and no invisible character leaves, whoever made the prompt."""
        return replace(
            prompt,
            system=self._safe_text(prompt.system),
            shared=self._safe_text(prompt.shared),
            messages=tuple(map(self._safe_message, prompt.messages)),
        )

    def _safe_message(self, message: Message) -> Message:
        if isinstance(message, Called):
            return Called(
                tuple(replace(call, arguments=self._safe_value(call.arguments)) for call in message.calls)
            )
        return replace(message, text=self._safe_text(message.text))

    def _safe_value(self, value: Any) -> Any:
        """The same JSON value with its texts made safe."""
        if isinstance(value, dict):
            return {name: self._safe_value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._safe_value(one) for one in value]
        return self._safe_text(value) if isinstance(value, str) else value


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _by(ends: float, model: OneModel, prompt: Prompt) -> Turn:
    """The model's turn. Raises Unavailable when it has not ended by then."""
    seconds = ends - _now()
    try:
        async with asyncio.timeout_at(ends) as limit:
            return await model.turn(prompt)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Unavailable(NO_ANSWER.format(model=model.name, seconds=seconds)) from None


def _paid(error: BaseException) -> Usage:
    """What a request has cost that gave no turn."""
    known = error.usage if isinstance(error, ModelFault | Unavailable | Unwanted) else None
    return known or Usage()


def _seconds(wait: float, asked: float | None) -> float:
    """How long to wait: as long as we were asked to, else about `wait`."""
    return wait * random.uniform(0.75, 1.25) if asked is None else asked  # noqa: S311 - spreads load


def _summed_up(faults: Sequence[Unavailable | NoModel]) -> Unavailable | NoModel:
    """What the whole chain says: wait where waiting may help, with the shortest wait anybody asked for."""
    said = "; ".join(map(str, faults))
    passing = [error for error in faults if isinstance(error, Unavailable)]
    if not passing:
        return NoModel(said)
    waits = [error.retry_after for error in passing if error.retry_after is not None]
    return Unavailable(said, min(waits, default=None))
