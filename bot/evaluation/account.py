"""The result of an evaluation as data."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bot.evaluation.cases import Change
from bot.evaluation.ledger_score import Judged, LedgerScore, ledger_score
from bot.evaluation.score import Cost, Reviewed, Score, score


@dataclass(frozen=True)
class Unmeasured:
    """A case whose review was not made to its end in this run (from 1), why, and what it cost all the same."""

    slug: str
    run: int
    reason: str
    cost: Cost = field(default_factory=Cost)


class Measured(Protocol):
    """What came of one case."""

    @property
    def case(self) -> Change: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def model(self) -> str: ...


SomeMeasured = TypeVar("SomeMeasured", bound=Measured, covariant=True)


@dataclass(frozen=True)
class AnyAccount(Generic[SomeMeasured]):
    """`runs` holds what came of the cases in each run over the set, as far as they could be measured."""

    runs: tuple[tuple[SomeMeasured, ...], ...]
    unmeasured: tuple[Unmeasured, ...] = ()
    scripted: bool = False

    @property
    def results(self) -> list[SomeMeasured]:
        return [one for run in self.runs for one in run]

    @property
    def model(self) -> str:
        """Who answered; several where one stood in for another."""
        return ", ".join(dict.fromkeys(one.model for one in self.results if one.model))

    @property
    def paid(self) -> Cost:
        """Also for what could not be measured."""
        costs = [*(one.cost for one in self.results), *(one.cost for one in self.unmeasured)]
        return sum(costs, Cost())


@dataclass(frozen=True)
class Account(AnyAccount[Reviewed]):
    """Of the changes with planted defects."""

    @property
    def scores(self) -> list[Score]:
        """One for each run in which anything was measured."""
        return [score(run) for run in self.runs if run]

    @property
    def reviews(self) -> list[Reviewed]:
        return self.results


@dataclass(frozen=True)
class LedgerAccount(AnyAccount[Judged]):
    """Of the changes with acceptance criteria."""

    @property
    def scores(self) -> list[LedgerScore]:
        """One for each run in which anything was measured."""
        return [ledger_score(run) for run in self.runs if run]
