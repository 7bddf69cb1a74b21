"""The result of an evaluation of kept pages as data."""

from dataclasses import dataclass

from bot.evaluation.account import AnyAccount
from bot.evaluation.drift_score import Drifted, DriftScore, drift_score


@dataclass(frozen=True)
class DriftAccount(AnyAccount[Drifted]):
    """Of the changes that make a page wrong, or do not."""

    @property
    def scores(self) -> list[DriftScore]:
        """One for each run in which anything was measured."""
        return [drift_score(run) for run in self.runs if run]
