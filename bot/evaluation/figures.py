"""The figures, tables and lists of an account, in words: what every way of writing it down shares."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.findings import Finding
from bot.domain.markdown import cost, counted, spent
from bot.evaluation.account import Account
from bot.evaluation.score import Score, by_kind, by_language, spread

PLUMBING = (
    "The scripted model answers with the planted defects themselves: this proves the plumbing only "
    "and says nothing about a model."
)
MISSED = "Planted and not found"
WRONG = "Said, and no planted defect"
UNMEASURED = "Not measured, and in no figure above"
BY_KIND, BY_LANGUAGE = "By kind of defect", "By language"
IN_ALL = "In all: {calls}, {tokens} ({cached:,} cached), {cost}"
NO_PRICE = "price not known"
NONE = "-"
SHARE = "{share} ({part:,} of {whole:,})"
OF_RUNS = "{median} (median; {low} to {high})"

Row = tuple[str, ...]
KIND_HEAD: Final = ("kind", "planted", "found", "recall")
LANGUAGE_HEAD: Final = ("language", "changes", "planted", "found", "recall", "comments", "precision")


def percent(share: float) -> str:
    """Cut, not rounded: 100 % means all of them."""
    return f"{math.floor(share * 100 + 1e-9)} %"


def _number(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00")


def _whole(value: float) -> str:
    return f"{value:,.0f}"


@dataclass(frozen=True)
class Figure:
    """One figure of a score. `parts`: the counts that a share is of, told where there was but one run."""

    key: str
    name: str
    value: Callable[[Score], float | None]
    shown: Callable[[float], str]
    parts: Callable[[Score], tuple[int, int]] | None = None
    missing: str = NONE


FIGURES: Final = (
    Figure("recall", "recall", lambda of: of.recall, percent, lambda of: (of.found, of.planted)),
    Figure("precision", "precision", lambda of: of.precision, percent, lambda of: (of.found, of.comments)),
    Figure("comments_per_change", "comments per change", lambda of: of.comments_per_change, _number),
    Figure("silence", "clean changes without a comment", lambda of: of.silence, percent,
           lambda of: (of.silent, of.clean)),
    Figure("check_comments", "comments by the checks alone", lambda of: of.check_comments, _number),
    Figure("check_hits", "of these on a planted defect", lambda of: of.check_hits, _number),
    Figure("recall_with_checks", "recall, the checks included", lambda of: of.recall_with_checks, percent,
           lambda of: (of.with_checks, of.planted)),
    Figure("cost_usd", "cost per change", lambda of: of.dollars_a_change, cost, missing=NO_PRICE),
    Figure("tokens", "tokens per change", lambda of: of.tokens_a_change, _whole),
    Figure("calls", "calls per change", lambda of: of.calls_a_change, _number),
    Figure("seconds", "time per change", lambda of: of.seconds_a_change, spent),
)  # fmt: skip


def told(account: Account) -> list[Row]:
    """Each figure's name and value: over several runs its median, least and most."""
    return [(figure.name, _told(figure, account.scores)) for figure in FIGURES]


def _told(figure: Figure, scores: Sequence[Score]) -> str:
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


def heading(account: Account) -> str:
    changes = len({one.case.slug for one in account.reviews})
    return f"{account.model}: {counted(changes, 'change')}, {counted(len(account.runs), 'run')}"


def in_all(account: Account) -> str:
    paid = account.paid
    return IN_ALL.format(
        calls=counted(paid.calls, "call"),
        tokens=counted(paid.tokens, "token"),
        cached=paid.cached_tokens,
        cost=cost(paid.cost_usd) if paid.cost_usd else NO_PRICE,
    )


def kind_rows(account: Account) -> list[Row]:
    return [
        (row.kind, str(row.planted), str(row.found), percent(row.found / row.planted))
        for row in by_kind(account.reviews)
    ]


def language_rows(account: Account) -> list[Row]:
    return [_language_row(row.language, row.score) for row in by_language(account.reviews)]


def _language_row(language: str, of: Score) -> Row:
    recall, precision = (NONE if share is None else percent(share) for share in (of.recall, of.precision))
    return language, str(of.changes), str(of.planted), str(of.found), recall, str(of.comments), precision


def missed(account: Account) -> list[str]:
    return [
        f"{one.case.slug}: {defect.about} ({defect.path}:{defect.line})"
        for one in account.reviews
        for defect in one.missed
    ]


def wrong(account: Account) -> list[str]:
    return [f"{one.case.slug}: {_finding(finding)}" for one in account.reviews for finding in one.wrong]


def _finding(finding: Finding) -> str:
    line = finding.line or finding.old_line
    return f"{finding.title} ({finding.path}{f':{line}' if line else ''})"


def not_measured(account: Account) -> list[str]:
    return [f"{one.slug}, run {one.run}: {one.reason}" for one in account.unmeasured]


TABLES: Final = ((BY_KIND, KIND_HEAD, kind_rows), (BY_LANGUAGE, LANGUAGE_HEAD, language_rows))
LISTS: Final = ((MISSED, missed), (WRONG, wrong), (UNMEASURED, not_measured))
