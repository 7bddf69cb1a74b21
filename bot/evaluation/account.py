"""The result of an evaluation as data."""

from dataclasses import dataclass, field

from bot.evaluation.score import Cost, Reviewed, Score, score


@dataclass(frozen=True)
class Unmeasured:
    """A case whose review was not made to its end in this run (from 1), why, and what it cost all the same."""

    slug: str
    run: int
    reason: str
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Account:
    """`runs` holds the reviews of each run over the set, as far as they could be measured."""

    runs: tuple[tuple[Reviewed, ...], ...]
    unmeasured: tuple[Unmeasured, ...] = ()
    scripted: bool = False

    @property
    def model(self) -> str:
        """Who answered; several where one stood in for another."""
        return ", ".join(dict.fromkeys(one.model for one in self.reviews if one.model))

    @property
    def scores(self) -> list[Score]:
        """One for each run in which anything was measured."""
        return [score(run) for run in self.runs if run]

    @property
    def reviews(self) -> list[Reviewed]:
        return [one for run in self.runs for one in run]

    @property
    def paid(self) -> Cost:
        """Also for what could not be measured."""
        costs = [*(one.cost for one in self.reviews), *(one.cost for one in self.unmeasured)]
        return sum(costs, Cost())
