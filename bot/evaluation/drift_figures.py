"""The figures, tables and lists of an account of kept pages, in words."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bot.domain.markdown import cost
from bot.evaluation.drift_account import DriftAccount
from bot.evaluation.drift_score import (
    Drifted,
    DriftScore,
    Group,
    Held,
    by_drift_trap,
    by_page,
    by_truth,
    drifts_by_language,
)
from bot.evaluation.drift_texts import Remark
from bot.evaluation.page import (
    NONE,
    TAKEN,
    Figure,
    Page,
    Row,
    heading,
    in_all,
    not_measured,
    percent,
    told,
)
from bot.evaluation.score import Cost

PLUMBING = (
    "The scripted model answers with the known truths themselves: this proves the plumbing only "
    "and says nothing about a model."
)
BY_CHANGE, BY_TRUTH, BY_PAGE = "By change", "By what is true", "By kind of page"
BY_TRAP, BY_LANGUAGE = "By trap", "By language"
FALSE, MISSED = "Said, and not wrong", "Wrong, and not said"
WRONG_TEXT, LOST = "Found, with a wrong new text", "Found, and more was changed than had to be"
DROPPED = "Said by the model, and kept back as not borne out"

CHANGE_HEAD: Final = ("change", "known", "came out", "blocks", "right texts", "false", "tokens", "cost")
GROUP_HEAD: Final = ("changes", "right", "share", "false")

OF = "{part} of {whole}"
SAID = "{slug}: {place}: {why}"
BLOCK, BY_HAND, TOP = "“{text}”", "by hand", "the beginning"
NOT_SAID = "{slug}: “{quote}”: {why}"
TEXT_WRONG = "{slug}: “{quote}”: {faults}"
LACKS, HAS_STILL, CHANGED = "lacks {words}", "has {words} still", "{slug}: “{quote}”: {lines}"
LONGEST: Final = 80  # characters of a block that are shown

DRIFT_FIGURES: Final[tuple[Figure[DriftScore], ...]] = (
    Figure("right_changes", "changes that came out right", lambda of: of.right_changes_share, percent,
           lambda of: (of.right_changes, of.changes)),
    Figure("seen", "drift that is seen", lambda of: of.seen_share, percent, lambda of: (of.seen, of.drifts)),
    Figure("silence", "other changes without a word", lambda of: of.silence, percent,
           lambda of: (of.silent, of.quiet)),
    Figure("recall", "wrong blocks found", lambda of: of.recall, percent, lambda of: (of.found, of.wrong)),
    Figure("precision", "said, of wrong blocks", lambda of: of.precision, percent,
           lambda of: (of.found, of.told)),
    Figure("right_texts", "new texts with the right words", lambda of: of.right_share, percent,
           lambda of: (of.right, of.found)),
    Figure("kept_lines", "other lines of these blocks left alone", lambda of: of.kept_share, percent,
           lambda of: (of.kept, of.to_keep)),
    *TAKEN,
)  # fmt: skip


def drift_page(account: DriftAccount) -> Page:
    every = account.results
    return Page(
        heading=heading(account),
        note=PLUMBING if account.scripted else "",
        figures=told(DRIFT_FIGURES, account.scores),
        in_all=in_all(account.paid),
        tables=(
            (BY_CHANGE, CHANGE_HEAD, _change_rows(every)),
            (BY_TRUTH, ("known", *GROUP_HEAD), _group_rows(by_truth(every))),
            (BY_PAGE, ("page", *GROUP_HEAD), _group_rows(by_page(every))),
            (BY_TRAP, ("trap", *GROUP_HEAD), _group_rows(by_drift_trap(every))),
            (BY_LANGUAGE, ("language", *GROUP_HEAD), _group_rows(drifts_by_language(every))),
        ),
        lists=(
            (FALSE, [_false(one, remark) for one in every for remark in one.false]),
            (MISSED, [_missed(*pair) for pair in _held(every, lambda held: not held.is_found)]),
            (WRONG_TEXT, [_wrong_text(*pair) for pair in _held(every, _is_wrong_text)]),
            (LOST, [_lost(*pair) for pair in _held(every, lambda held: bool(held.lost))]),
            (DROPPED, [f"{one.case.slug}: {reason}" for one in every for reason in one.dropped]),
            not_measured(account),
        ),
    )


# --- tables ---


def _change_rows(every: Sequence[Drifted]) -> list[Row]:
    slugs = dict.fromkeys(one.case.slug for one in every)
    return [_change_row([one for one in every if one.case.slug == slug]) for slug in slugs]


def _change_row(runs: Sequence[Drifted]) -> Row:
    """One change over all runs."""
    case, held = runs[0].case, [held for one in runs for held in one.held]
    found, right = sum(one.is_found for one in held), sum(one.is_right for one in held)
    paid = sum((one.cost for one in runs), Cost())
    return (
        case.slug,
        case.story.truth,
        _verdicts(runs),
        _part(found, len(held)),
        _part(right, found),
        str(sum(len(one.false) for one in runs)),
        f"{paid.tokens:,}",
        cost(paid.cost_usd) if paid.cost_usd else NONE,
    )


def _part(part: int, whole: int) -> str:
    return OF.format(part=part, whole=whole) if whole else NONE


def _verdicts(runs: Sequence[Drifted]) -> str:
    counts = Counter(one.verdict for one in runs)
    return (
        next(iter(counts))
        if len(runs) == 1
        else ", ".join(f"{count} {name}" for name, count in counts.items())
    )


def _group_rows(groups: Iterable[Group]) -> list[Row]:
    return [
        (one.name, str(one.changes), str(one.right), percent(one.right / one.changes), str(one.false))
        for one in groups
    ]


# --- lists ---


def _held(every: Iterable[Drifted], wanted: Callable[[Held], bool]) -> list[tuple[Drifted, Held]]:
    return [(one, held) for one in every for held in one.held if wanted(held)]


def _false(one: Drifted, remark: Remark) -> str:
    return SAID.format(slug=one.case.slug, place=_place(one, remark), why=remark.why)


def _place(one: Drifted, remark: Remark) -> str:
    if remark.block is None:
        return BY_HAND
    return (
        TOP
        if remark.block < 0
        else BLOCK.format(text=one.case.section.blocks[remark.block].markdown[:LONGEST])
    )


def _missed(one: Drifted, held: Held) -> str:
    return NOT_SAID.format(slug=one.case.slug, quote=held.wrong.quote, why=held.wrong.why)


def _is_wrong_text(held: Held) -> bool:
    return held.is_found and not held.is_right


def _wrong_text(one: Drifted, held: Held) -> str:
    lacks = (LACKS.format(words=words) for words in held.missing)
    left = (HAS_STILL.format(words=words) for words in held.left)
    faults = "; ".join((*lacks, *left))
    return TEXT_WRONG.format(slug=one.case.slug, quote=held.wrong.quote, faults=faults)


def _lost(one: Drifted, held: Held) -> str:
    return CHANGED.format(slug=one.case.slug, quote=held.wrong.quote, lines="; ".join(held.lost))
