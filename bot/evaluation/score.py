"""What a review of the set is worth: which findings hit a planted defect, and the figures that follow.

Findings and defects are paired one to one, as many as can be. So a defect counts once, and a second finding on it
counts as one that a reader has to read for nothing. What the checks find without a model is counted apart.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

from bot.domain.findings import Finding
from bot.domain.markdown import by_model
from bot.evaluation.cases import Case, Defect, Span

NEAR = 3  # lines between a finding and what it is about

AnyScore = TypeVar("AnyScore")


@dataclass(frozen=True)
class Cost:
    """What reviews took. `cost_usd` 0: the price is not known. `seconds` are wall time."""

    calls: int = 0
    tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.cached_tokens + other.cached_tokens,
            self.cost_usd + other.cost_usd,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class PerChange:
    """What so many changes took, and what that is for each."""

    changes: int
    cost: Cost

    @property
    def dollars_a_change(self) -> float | None:
        """None: the price is not known."""
        return share(self.cost.cost_usd, self.changes) if self.cost.cost_usd else None

    @property
    def tokens_a_change(self) -> float | None:
        return share(self.cost.tokens, self.changes)

    @property
    def calls_a_change(self) -> float | None:
        return share(self.cost.calls, self.changes)

    @property
    def seconds_a_change(self) -> float | None:
        return share(self.cost.seconds, self.changes)


@dataclass(frozen=True)
class Reviewed:
    """One review of one case: everything that would have been shown. `model`: who answered."""

    case: Case
    findings: tuple[Finding, ...]
    cost: Cost = field(default_factory=Cost)
    model: str = ""

    @property
    def by_model(self) -> list[Finding]:
        return [finding for finding in self.findings if by_model(finding)]

    @property
    def by_checks(self) -> list[Finding]:
        return [finding for finding in self.findings if not by_model(finding)]

    @property
    def hits(self) -> dict[int, int]:
        """A model's finding -> the defect it found, both by their place in the list."""
        return paired(self.by_model, self.case.defects)

    @property
    def check_hits(self) -> dict[int, int]:
        """The same for the checks."""
        return paired(self.by_checks, self.case.defects)

    @property
    def found(self) -> list[Defect]:
        return [self.case.defects[number] for number in sorted(self.hits.values())]

    @property
    def missed(self) -> list[Defect]:
        found = set(self.hits.values())
        return [defect for number, defect in enumerate(self.case.defects) if number not in found]

    @property
    def wrong(self) -> list[Finding]:
        """A model's findings that hit nothing, or what another one has hit already."""
        return [finding for number, finding in enumerate(self.by_model) if number not in self.hits]


@dataclass(frozen=True)
class Score(PerChange):
    """The figures of one or more reviews. `found` by a model, `with_checks` by a model or a check."""

    planted: int
    found: int
    with_checks: int
    comments: int
    check_comments: int
    check_hits: int
    clean: int
    silent: int

    @property
    def recall(self) -> float | None:
        """The share of planted defects that a model's finding hits. None: nothing is planted."""
        return share(self.found, self.planted)

    @property
    def recall_with_checks(self) -> float | None:
        return share(self.with_checks, self.planted)

    @property
    def precision(self) -> float | None:
        """The share of a model's findings that hit a planted defect. None: it said nothing."""
        return share(self.found, self.comments)

    @property
    def comments_per_change(self) -> float | None:
        """A model's findings, and those of the checks, for each change."""
        return share(self.comments + self.check_comments, self.changes)

    @property
    def silence(self) -> float | None:
        """The share of clean changes on which nothing at all is said."""
        return share(self.silent, self.clean)


@dataclass(frozen=True)
class Spread:
    """One figure over several runs."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class KindRow:
    """How many defects of a kind were planted and found."""

    kind: str
    planted: int
    found: int


@dataclass(frozen=True)
class LanguageRow:
    """The figures of the changes in one language."""

    language: str
    score: Score


def matches(finding: Finding, defect: Defect) -> bool:
    """Whether a finding is about a defect: near its lines, or on no line and holding one of its words."""
    if finding.line is None and finding.old_line is None:
        return finding.path in ("", defect.path) and _mentions(finding, defect.keywords)
    if finding.line is not None:
        return any(finding.path == place.path and _near(finding.line, place.lines) for place in defect.places)
    old = finding.old_line or 0
    return finding.path == defect.path and defect.removed is not None and _near(old, defect.removed)


def paired(findings: Sequence[Finding], defects: Sequence[Defect]) -> dict[int, int]:
    """Findings with the defects they are about, as many pairs as there can be; by place in the lists.

    Augmenting paths (H. W. Kuhn, "The Hungarian method for the assignment problem", 1955).
    """
    about = [
        [number for number, finding in enumerate(findings) if matches(finding, defect)] for defect in defects
    ]
    taken: dict[int, int] = {}

    def placed(defect: int, tried: set[int]) -> bool:
        for finding in about[defect]:
            if finding in tried:
                continue
            tried.add(finding)
            if finding not in taken or placed(taken[finding], tried):
                taken[finding] = defect
                return True
        return False

    for defect in range(len(defects)):
        placed(defect, set())
    return taken


def score(reviews: Iterable[Reviewed]) -> Score:
    every = list(reviews)
    clean = [one for one in every if one.case.is_clean]
    return Score(
        changes=len(every),
        planted=sum(len(one.case.defects) for one in every),
        found=sum(len(one.hits) for one in every),
        with_checks=sum(len({*one.hits.values(), *one.check_hits.values()}) for one in every),
        comments=sum(len(one.by_model) for one in every),
        check_comments=sum(len(one.by_checks) for one in every),
        check_hits=sum(len(one.check_hits) for one in every),
        clean=len(clean),
        silent=sum(not one.findings for one in clean),
        cost=sum((one.cost for one in every), Cost()),
    )


def share(part: float, whole: int) -> float | None:
    """None: there is nothing that it could be a share of."""
    return part / whole if whole else None


def spread(scores: Iterable[AnyScore], figure: Callable[[AnyScore], float | None]) -> Spread | None:
    """A figure over several runs; None where no run has it."""
    values = [value for value in map(figure, scores) if value is not None]
    return Spread(median(values), min(values), max(values)) if values else None


def by_kind(reviews: Iterable[Reviewed]) -> list[KindRow]:
    """The planted defects of each kind, those most often missed first."""
    every = list(reviews)
    planted = [defect.kind for one in every for defect in one.case.defects]
    found = [defect.kind for one in every for defect in one.found]
    rows = [KindRow(kind, planted.count(kind), found.count(kind)) for kind in sorted(set(planted))]
    return sorted(rows, key=lambda row: row.found / row.planted)


def by_language(reviews: Iterable[Reviewed]) -> list[LanguageRow]:
    """The changes in each language, by name."""
    every = list(reviews)
    languages = sorted({one.case.story.language for one in every})
    return [
        LanguageRow(language, score(one for one in every if one.case.story.language == language))
        for language in languages
    ]


def _near(line: int, lines: Span) -> bool:
    return lines[0] - NEAR <= line <= lines[1] + NEAR


def _mentions(finding: Finding, keywords: Iterable[str]) -> bool:
    said = "\n".join((finding.rule, finding.title, finding.detail, finding.evidence)).lower()
    return any(word.lower() in said for word in keywords)
