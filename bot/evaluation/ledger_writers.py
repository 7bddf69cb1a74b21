"""An account of judged criteria for a terminal, a page and a program. Every writer gives text."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bot.evaluation.account import LedgerAccount
from bot.evaluation.ledger_figures import LEDGER_FIGURES, ledger_page
from bot.evaluation.ledger_score import Judged, Weighed, by_trap, confusion, ledgers_by_language
from bot.evaluation.writers import figures_over, json_object, markdown, text


def ledger_text(account: LedgerAccount) -> str:
    """For a terminal: figures, tables, and what was judged wrong, the false "met" first."""
    return text(ledger_page(account))


def ledger_markdown(account: LedgerAccount) -> str:
    """For a page: the same, every text literal."""
    return markdown(ledger_page(account))


def ledger_json(account: LedgerAccount) -> str:
    """One object. Each figure has the median, the least and the most of the runs, null where no run has it."""
    told = {
        "confusion": confusion(account.results),
        "traps": [asdict(one) for one in by_trap(account.results)],
        "languages": [asdict(one) for one in ledgers_by_language(account.results)],
        "ledgers": [_ledger(one, run) for run, some in enumerate(account.runs, 1) for one in some],
    }
    return json_object(account, ledger_page(account), figures_over(LEDGER_FIGURES, account.scores), told)


LEDGER_FORMATS: dict[str, Callable[[LedgerAccount], str]] = {
    "text": ledger_text,
    "json": ledger_json,
    "markdown": ledger_markdown,
}


def _ledger(one: Judged, run: int) -> dict[str, Any]:
    return {
        "case": one.case.slug,
        "run": run,
        "language": one.case.story.language,
        "form": one.case.story.form,
        "criteria": [_criterion(weighed) for weighed in one.weighed],
        "outside": {
            "named": [part.model_dump(mode="json") for part in one.named],
            "unnamed": [part.model_dump(mode="json") for part in one.unnamed],
            "falsely_named": one.falsely_named,
        },
        "cost": asdict(one.cost),
    }


def _criterion(one: Weighed) -> dict[str, Any]:
    return {
        "text": one.truth.text,
        "known": one.truth.state,
        "said": one.row.state,
        "right": one.is_right,
        "false_met": one.is_false_met,
        "reason": one.row.reason,
        "proof": [proof.model_dump(mode="json") for proof in one.row.proof],
        "proof_in_place": one.is_proof_in_place if one.is_proof_due else None,
    }
