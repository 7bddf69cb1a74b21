"""What the judging of acceptance criteria is worth: said against known, and the figures that follow.

A criterion that is called met and is not does the most harm: a person merges by it. It is counted apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, get_args

from bot.domain.ledger import Ledger, Row, State
from bot.evaluation.ledger_cases import LedgerCase, Outside, Truth
from bot.evaluation.score import Cost, PerChange, share

STATES: Final[tuple[State, ...]] = get_args(State)
PROVEN: Final = frozenset({"met", "partly"})


@dataclass(frozen=True)
class Weighed:
    """One criterion: what is known of it, and the row that the ledger has for it."""

    truth: Truth
    row: Row

    @property
    def is_right(self) -> bool:
        return self.truth.is_right(self.row.state)

    @property
    def is_false_met(self) -> bool:
        return self.row.state == "met" and self.truth.state != "met"

    @property
    def is_proof_due(self) -> bool:
        """Whether the file of the proof can be held against the known one."""
        return self.is_right and self.row.state in PROVEN and bool(self.truth.proof)

    @property
    def is_proof_in_place(self) -> bool:
        known = {one.path for one in self.truth.proof}
        return any(one.path in known for one in self.row.proof)


@dataclass(frozen=True)
class Judged:
    """The ledger of one case. `model`: who answered."""

    case: LedgerCase
    ledger: Ledger
    cost: Cost = field(default_factory=Cost)
    model: str = ""

    @property
    def weighed(self) -> list[Weighed]:
        """Every criterion of the case, in the issue's order."""
        rows = {row.criterion: row for row in self.ledger.rows}
        return [Weighed(truth, rows[criterion]) for criterion, truth in self.case.truths.items()]

    @property
    def named(self) -> list[Outside]:
        """What lies outside the issue, as far as the ledger says so."""
        said = {outside_path(phrase) for phrase in self.ledger.outside}
        return [part for part in self.case.story.outside if said & set(part.paths)]

    @property
    def unnamed(self) -> list[Outside]:
        return [part for part in self.case.story.outside if part not in self.named]

    @property
    def falsely_named(self) -> list[str]:
        """What is called outside and is not."""
        story = self.case.story
        known = {*story.tolerated, *(path for part in story.outside for path in part.paths)}
        return [phrase for phrase in self.ledger.outside if outside_path(phrase) not in known]


@dataclass(frozen=True)
class LedgerScore(PerChange):
    """The figures of one or more ledgers, as counts of criteria, of parts outside an issue, and of changes.

    `proofs` are those that could be held against a known file, `in_place` those in it.
    """

    criteria: int
    right: int
    met: int
    met_seen: int
    not_met: int
    false_met: int
    proofs: int
    in_place: int
    outside: int
    named: int
    falsely_named: int

    @property
    def right_share(self) -> float | None:
        """The share of the criteria whose state is right."""
        return share(self.right, self.criteria)

    @property
    def false_met_share(self) -> float | None:
        """The share of the criteria that are not met and are called so."""
        return share(self.false_met, self.not_met)

    @property
    def met_seen_share(self) -> float | None:
        """The share of the criteria that are met and are called so."""
        return share(self.met_seen, self.met)

    @property
    def in_place_share(self) -> float | None:
        return share(self.in_place, self.proofs)

    @property
    def named_share(self) -> float | None:
        return share(self.named, self.outside)

    @property
    def falsely_named_a_change(self) -> float | None:
        return share(self.falsely_named, self.changes)


@dataclass(frozen=True)
class Group:
    """The criteria that have something in common: how many, how many of them right, how many falsely met."""

    name: str
    criteria: int
    right: int
    false_met: int


def ledger_score(ledgers: Iterable[Judged]) -> LedgerScore:
    every = list(ledgers)
    weighed = [one for judged in every for one in judged.weighed]
    met = [one for one in weighed if one.truth.state == "met"]
    due = [one for one in weighed if one.is_proof_due]
    return LedgerScore(
        changes=len(every),
        criteria=len(weighed),
        right=sum(one.is_right for one in weighed),
        met=len(met),
        met_seen=sum(one.row.state == "met" for one in met),
        not_met=len(weighed) - len(met),
        false_met=sum(one.is_false_met for one in weighed),
        proofs=len(due),
        in_place=sum(one.is_proof_in_place for one in due),
        outside=sum(len(one.case.story.outside) for one in every),
        named=sum(len(one.named) for one in every),
        falsely_named=sum(len(one.falsely_named) for one in every),
        cost=sum((one.cost for one in every), Cost()),
    )


def confusion(ledgers: Iterable[Judged]) -> dict[State, dict[State, int]]:
    """How often each state that is known was said to be which: known -> said -> criteria."""
    counts = {known: dict.fromkeys(STATES, 0) for known in STATES}
    for one in (one for judged in ledgers for one in judged.weighed):
        counts[one.truth.state][one.row.state] += 1
    return counts


def by_trap(ledgers: Iterable[Judged]) -> list[Group]:
    """The criteria that look otherwise than they are, those most often judged wrong first."""
    weighed = [one for judged in ledgers for one in judged.weighed]
    traps = sorted({one.truth.trap for one in weighed if one.truth.trap})
    groups = [_group(trap, (one for one in weighed if one.truth.trap == trap)) for trap in traps]
    return sorted(groups, key=lambda group: group.right / group.criteria)


def ledgers_by_language(ledgers: Iterable[Judged]) -> list[Group]:
    """The criteria of the changes in each language, by name."""
    every = list(ledgers)
    languages = sorted({one.case.story.language for one in every})
    return [
        _group(language, (w for one in every if one.case.story.language == language for w in one.weighed))
        for language in languages
    ]


def outside_path(phrase: str) -> str:
    """The changed file that a ledger's phrase for something outside names at its end."""
    return phrase.rpartition("(")[2].removesuffix(")")


def _group(name: str, weighed: Iterable[Weighed]) -> Group:
    every = list(weighed)
    right, false_met = sum(one.is_right for one in every), sum(one.is_false_met for one in every)
    return Group(name, len(every), right, false_met)
