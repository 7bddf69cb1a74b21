"""An account of kept pages for a terminal, a page and a program. Every writer gives text."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bot.evaluation.drift_account import DriftAccount
from bot.evaluation.drift_figures import DRIFT_FIGURES, drift_page
from bot.evaluation.drift_score import (
    Drifted,
    Held,
    by_drift_trap,
    by_page,
    by_truth,
    drifts_by_language,
)
from bot.evaluation.writers import figures_over, json_object, markdown, text


def drift_text(account: DriftAccount) -> str:
    """For a terminal: figures, tables, and what went wrong, the false alarms first."""
    return text(drift_page(account))


def drift_markdown(account: DriftAccount) -> str:
    """For a page: the same, every text literal."""
    return markdown(drift_page(account))


def drift_json(account: DriftAccount) -> str:
    """One object. Each figure has the median, the least and the most of the runs, null where no run has it."""
    groups = {"truths": by_truth, "pages": by_page, "traps": by_drift_trap, "languages": drifts_by_language}
    told: dict[str, Any] = {
        name: [asdict(one) for one in grouped(account.results)] for name, grouped in groups.items()
    }
    told["drifts"] = [_drift(one, run) for run, some in enumerate(account.runs, 1) for one in some]
    return json_object(account, drift_page(account), figures_over(DRIFT_FIGURES, account.scores), told)


DRIFT_FORMATS: dict[str, Callable[[DriftAccount], str]] = {
    "text": drift_text,
    "json": drift_json,
    "markdown": drift_markdown,
}


def _drift(one: Drifted, run: int) -> dict[str, Any]:
    story = one.case.story
    return {
        "case": one.case.slug,
        "run": run,
        "language": story.language,
        "kind": story.kind,
        "truth": story.truth,
        "trap": story.trap,
        "verdict": one.verdict,
        "right": one.is_right,
        "wrong": [_held(held) for held in one.held],
        "false": [asdict(remark) for remark in one.false],
        "dropped": list(one.dropped),
        "cost": asdict(one.cost),
    }


def _held(one: Held) -> dict[str, Any]:
    return {
        "quote": one.wrong.quote,
        "why": one.wrong.why,
        "found": one.is_found,
        "right": one.is_right,
        "text": one.text,
        "missing": one.missing,
        "left": one.left,
        "lost": one.lost,
    }
