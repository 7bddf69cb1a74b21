"""What a scenario says, and the one table all of them make."""

from collections.abc import Iterable
from dataclasses import dataclass

HEADER = "| scenario | what was done | numbers | gate | met |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Gate:
    """One line of the table."""

    scenario: str
    done: str
    numbers: str
    gate: str
    met: bool

    def __str__(self) -> str:
        met = "yes" if self.met else "**no**"
        return f"| {self.scenario} | {self.done} | {self.numbers} | {self.gate} | {met} |"


def table(gates: Iterable[Gate]) -> str:
    return "\n".join([HEADER, *map(str, gates)])


def shown(found: Iterable[str], most: int = 5) -> str:
    """How many there are, and the first of them."""
    each = list(found)
    return f"{len(each)} ({'; '.join(each[:most])}{' …' if len(each) > most else ''})" if each else "0"
