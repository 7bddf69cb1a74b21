"""What a run's model turns cost, as plain data that may be kept."""

from collections.abc import Iterable
from typing import Any, TypedDict

from bot.llm.messages import Usage


class Spent(TypedDict):
    """One turn's price, in `bot.llm.messages.Usage`'s words."""

    calls: int
    input: int
    output: int
    cached: int
    cost_usd: float


def paid(usage: Usage | None, model: str = "") -> dict[str, Any]:
    """The update of a state that has lists `spent` and `models`. `model` "": none has answered."""
    spent = [_spent(usage)] if usage and usage.calls else []
    return {"spent": spent, "models": [model] if model else []}


def total(spent: Iterable[Spent]) -> Usage:
    return sum((Usage(**one) for one in spent), Usage())


def _spent(usage: Usage) -> Spent:
    return Spent(
        calls=usage.calls,
        input=usage.input,
        output=usage.output,
        cached=usage.cached,
        cost_usd=usage.cost_usd,
    )
