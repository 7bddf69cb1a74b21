"""An account in words: heading, figures, tables and lists, which every way of writing it down shares."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from bot.domain.markdown import cost, counted, spent
from bot.evaluation.account import AnyAccount
from bot.evaluation.score import AnyScore, Cost, PerChange, spread

UNMEASURED = "Not measured, and in no figure above"
IN_ALL = "In all: {calls}, {tokens} ({cached:,} cached), {cost}"
NO_PRICE = "price not known"
NONE = "-"
SHARE = "{share} ({part:,} of {whole:,})"
OF_RUNS = "{median} (median; {low} to {high})"

SomeScore = TypeVar("SomeScore", contravariant=True)
Row = tuple[str, ...]
Table = tuple[str, Row, Sequence[Row]]
"""Title, names of the columns, rows."""
List = tuple[str, Sequence[str]]
"""Title, items."""


@dataclass(frozen=True)
class Page:
    """`note` says what the figures do not show, "" where there is nothing to add."""

    heading: str
    note: str
    figures: Sequence[Row]
    in_all: str
    tables: Sequence[Table]
    lists: Sequence[List]


@dataclass(frozen=True)
class Figure(Generic[SomeScore]):
    """One figure of a score. `parts`: the counts that a share is of, told where there was but one run."""

    key: str
    name: str
    value: Callable[[SomeScore], float | None]
    shown: Callable[[float], str]
    parts: Callable[[SomeScore], tuple[int, int]] | None = None
    missing: str = NONE


def percent(share: float) -> str:
    """Cut, not rounded: 100 % means all of them."""
    return f"{math.floor(share * 100 + 1e-9)} %"


def number(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00")


def _whole(value: float) -> str:
    return f"{value:,.0f}"


TAKEN: Final[tuple[Figure[PerChange], ...]] = (
    Figure("cost_usd", "cost per change", lambda of: of.dollars_a_change, cost, missing=NO_PRICE),
    Figure("tokens", "tokens per change", lambda of: of.tokens_a_change, _whole),
    Figure("calls", "calls per change", lambda of: of.calls_a_change, number),
    Figure("seconds", "time per change", lambda of: of.seconds_a_change, spent),
)


def told(figures: Iterable[Figure[AnyScore]], scores: Sequence[AnyScore]) -> list[Row]:
    """Each figure's name and value: over several runs its median, least and most."""
    return [(figure.name, _told(figure, scores)) for figure in figures]


def _told(figure: Figure[AnyScore], scores: Sequence[AnyScore]) -> str:
    over = spread(scores, figure.value)
    if over is None:
        return figure.missing
    median, low, high = (figure.shown(value) for value in (over.median, over.low, over.high))
    if len(scores) > 1:
        return OF_RUNS.format(median=median, low=low, high=high)
    if figure.parts is None:
        return median
    part, whole = figure.parts(scores[0])
    return SHARE.format(share=median, part=part, whole=whole)


def heading(account: AnyAccount[Any]) -> str:
    changes = len({one.case.slug for one in account.results})
    return f"{account.model}: {counted(changes, 'change')}, {counted(len(account.runs), 'run')}"


def in_all(paid: Cost) -> str:
    return IN_ALL.format(
        calls=counted(paid.calls, "call"),
        tokens=counted(paid.tokens, "token"),
        cached=paid.cached_tokens,
        cost=cost(paid.cost_usd) if paid.cost_usd else NO_PRICE,
    )


def not_measured(account: AnyAccount[Any]) -> List:
    return UNMEASURED, [f"{one.slug}, run {one.run}: {one.reason}" for one in account.unmeasured]
