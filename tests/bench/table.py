"""What a measurement says, and the one table all of them make."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADER = "| what | measured (median) | spread (min to max) | runs | target | met |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """One line of the table. `spread`: smallest to largest of the `runs`; `met`: None where there is no target."""

    what: str
    measured: str
    spread: str
    runs: int
    target: str = "-"
    met: bool | None = None

    def __str__(self) -> str:
        met = {True: "yes", False: "**no**", None: "-"}[self.met]
        return f"| {self.what} | {self.measured} | {self.spread} | {self.runs} | {self.target} | {met} |"


def row(what: str, values: Sequence[float], form: str, target: str = "-", limit: float | None = None) -> Row:
    """A row about one figure; `form` writes it ("{:.2f} s"), and its median may reach `limit` but not pass it."""
    middle = statistics.median(values)
    met = None if limit is None else middle <= limit
    return Row(what, form.format(middle), spread(values, form), len(values), target, met)


def spread(values: Sequence[float], form: str) -> str:
    return f"{form.format(min(values))} to {form.format(max(values))}"


def table(rows: Iterable[Row]) -> str:
    return "\n".join([HEADER, *map(str, rows)])
