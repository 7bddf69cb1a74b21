"""The figures, tables and lists of an account of judged criteria, in words."""

from collections.abc import Callable, Iterable
from typing import Final

from bot.domain.ledger import SAID
from bot.evaluation.account import LedgerAccount
from bot.evaluation.ledger_score import (
    STATES,
    Group,
    Judged,
    LedgerScore,
    Weighed,
    by_trap,
    confusion,
    ledgers_by_language,
)
from bot.evaluation.page import (
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

PLUMBING = (
    "The scripted model answers with the known states themselves: this proves the plumbing only "
    "and says nothing about a model."
)
CONFUSION, BY_TRAP, BY_LANGUAGE = "Known state (rows) and said state", "By trap", "By language"
FALSE_MET = "Called met, and not met"
WRONG = "Other states that are wrong"
MISPLACED = "Right, with a proof that stands elsewhere"
UNNAMED = "Outside the issue, and not named"
FALSELY_NAMED = "Called outside the issue, and not so"
JUDGED = "{slug}: {text} - known as {known}, said to be {said}: {why}"

CONFUSION_HEAD: Final = ("known", *STATES)
TRAP_HEAD: Final = ("trap", "criteria", "right", "share", "falsely met")
LANGUAGE_HEAD: Final = ("language", "criteria", "right", "share", "falsely met")

LEDGER_FIGURES: Final[tuple[Figure[LedgerScore], ...]] = (
    Figure("right", "criteria with the right state", lambda of: of.right_share, percent,
           lambda of: (of.right, of.criteria)),
    Figure("false_met", "called met, of those not met", lambda of: of.false_met_share, percent,
           lambda of: (of.false_met, of.not_met)),
    Figure("met_seen", "called met, of those met", lambda of: of.met_seen_share, percent,
           lambda of: (of.met_seen, of.met)),
    Figure("in_place", "proofs in the file that decides", lambda of: of.in_place_share, percent,
           lambda of: (of.in_place, of.proofs)),
    Figure("outside_named", "parts outside the issue that are named", lambda of: of.named_share, percent,
           lambda of: (of.named, of.outside)),
    Figure("outside_falsely_named", "parts falsely called outside, per change",
           lambda of: of.falsely_named_a_change, number),
    *TAKEN,
)  # fmt: skip


def ledger_page(account: LedgerAccount) -> Page:
    return Page(
        heading=heading(account),
        note=PLUMBING if account.scripted else "",
        figures=told(LEDGER_FIGURES, account.scores),
        in_all=in_all(account.paid),
        tables=(
            (CONFUSION, CONFUSION_HEAD, _confusion_rows(account)),
            (BY_TRAP, TRAP_HEAD, _group_rows(by_trap(account.results))),
            (BY_LANGUAGE, LANGUAGE_HEAD, _group_rows(ledgers_by_language(account.results))),
        ),
        lists=(
            (FALSE_MET, _judged(account, lambda one: one.is_false_met)),
            (WRONG, _judged(account, lambda one: not one.is_right and not one.is_false_met)),
            (MISPLACED, _misplaced(account)),
            (UNNAMED, _unnamed(account)),
            (FALSELY_NAMED, _falsely_named(account)),
            not_measured(account),
        ),
    )


def _confusion_rows(account: LedgerAccount) -> list[Row]:
    counts = confusion(account.results)
    return [(known, *(str(counts[known][said]) for said in STATES)) for known in STATES]


def _group_rows(groups: Iterable[Group]) -> list[Row]:
    return [
        (one.name, str(one.criteria), str(one.right), percent(one.right / one.criteria), str(one.false_met))
        for one in groups
    ]


def _judged(account: LedgerAccount, wanted: Callable[[Weighed], bool]) -> list[str]:
    return [
        _sentence(judged, one)
        for judged in account.results
        for one in judged.weighed
        if wanted(one)
    ]  # fmt: skip


def _sentence(judged: Judged, one: Weighed) -> str:
    known, said = SAID[one.truth.state], SAID[one.row.state]
    slug, why = judged.case.slug, one.truth.why
    return JUDGED.format(slug=slug, text=one.truth.text, known=known, said=said, why=why)


def _misplaced(account: LedgerAccount) -> list[str]:
    return [
        f"{judged.case.slug}: {one.truth.text} ({', '.join(proof.path for proof in one.row.proof)})"
        for judged in account.results
        for one in judged.weighed
        if one.is_proof_due and not one.is_proof_in_place
    ]


def _unnamed(account: LedgerAccount) -> list[str]:
    return [
        f"{one.case.slug}: {part.about} ({', '.join(part.paths)})"
        for one in account.results
        for part in one.unnamed
    ]


def _falsely_named(account: LedgerAccount) -> list[str]:
    return [f"{one.case.slug}: {phrase}" for one in account.results for phrase in one.falsely_named]
