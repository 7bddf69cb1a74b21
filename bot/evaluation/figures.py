"""The figures, tables and lists of an account of reviews, in words."""

from typing import Final

from bot.domain.findings import Finding
from bot.evaluation.account import Account
from bot.evaluation.page import (
    NONE,
    TAKEN,
    Figure,
    Page,
    Row,
    heading,
    in_all,
    not_measured,
    number,
    percent,
    told,
)
from bot.evaluation.score import Score, by_kind, by_language

PLUMBING = (
    "The scripted model answers with the planted defects themselves: this proves the plumbing only "
    "and says nothing about a model."
)
MISSED = "Planted and not found"
WRONG = "Said, and no planted defect"
BY_KIND, BY_LANGUAGE = "By kind of defect", "By language"

KIND_HEAD: Final = ("kind", "planted", "found", "recall")
LANGUAGE_HEAD: Final = ("language", "changes", "planted", "found", "recall", "comments", "precision")


FIGURES: Final[tuple[Figure[Score], ...]] = (
    Figure("recall", "recall", lambda of: of.recall, percent, lambda of: (of.found, of.planted)),
    Figure("precision", "precision", lambda of: of.precision, percent, lambda of: (of.found, of.comments)),
    Figure("comments_per_change", "comments per change", lambda of: of.comments_per_change, number),
    Figure("silence", "clean changes without a comment", lambda of: of.silence, percent,
           lambda of: (of.silent, of.clean)),
    Figure("check_comments", "comments by the checks alone", lambda of: of.check_comments, number),
    Figure("check_hits", "of these on a planted defect", lambda of: of.check_hits, number),
    Figure("recall_with_checks", "recall, the checks included", lambda of: of.recall_with_checks, percent,
           lambda of: (of.with_checks, of.planted)),
    *TAKEN,
)  # fmt: skip


def page(account: Account) -> Page:
    return Page(
        heading=heading(account),
        note=PLUMBING if account.scripted else "",
        figures=told(FIGURES, account.scores),
        in_all=in_all(account.paid),
        tables=(
            (BY_KIND, KIND_HEAD, kind_rows(account)),
            (BY_LANGUAGE, LANGUAGE_HEAD, language_rows(account)),
        ),
        lists=((MISSED, missed(account)), (WRONG, wrong(account)), not_measured(account)),
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
