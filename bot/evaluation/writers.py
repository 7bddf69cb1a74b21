"""An account of an evaluation for a terminal, a page and a program. Every writer gives text."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.domain.markdown import one_line
from bot.domain.visible import on_one_line
from bot.evaluation.account import Account, AnyAccount
from bot.evaluation.figures import FIGURES, page
from bot.evaluation.page import Figure, Page, Row
from bot.evaluation.score import AnyScore, LanguageRow, Reviewed, by_kind, by_language, spread

GAP = "  "


def as_text(account: Account) -> str:
    """For a terminal: figures, tables, and what was missed or wrong."""
    return text(page(account))


def as_markdown(account: Account) -> str:
    """For a page: the same, every text literal."""
    return markdown(page(account))


def as_json(account: Account) -> str:
    """One object. Each figure has the median, the least and the most of the runs, null where no run has it."""
    told = {
        "kinds": [asdict(row) for row in by_kind(account.reviews)],
        "languages": [_language(row) for row in by_language(account.reviews)],
        "reviews": [_review(one, run) for run, some in enumerate(account.runs, 1) for one in some],
    }
    return json_object(account, page(account), figures_over(FIGURES, account.scores), told)


FORMATS: dict[str, Callable[[Account], str]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
}


# --- every account ---


def text(page: Page) -> str:
    parts = (
        on_one_line(page.heading),
        page.note,
        _columns(page.figures, str.ljust),
        page.in_all,
        *(_text_table(title, head, rows) for title, head, rows in page.tables),
        *(_text_list(title, items) for title, items in page.lists),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def markdown(page: Page) -> str:
    parts = (
        f"## {one_line(page.heading)}",
        page.note,
        _table(("figure", "value"), page.figures),
        page.in_all,
        *(_titled_table(title, head, rows) for title, head, rows in page.tables),
        *(_markdown_list(title, items) for title, items in page.lists),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def json_object(
    account: AnyAccount[Any], page: Page, figures: Mapping[str, Any], told: Mapping[str, Any]
) -> str:
    """`told`: what only this kind of account has."""
    data = {
        "model": account.model,
        "note": page.note,
        "runs": len(account.runs),
        "figures": figures,
        "paid": asdict(account.paid),
        **told,
        "unmeasured": [
            {"case": one.slug, "run": one.run, "reason": one.reason, "cost": asdict(one.cost)}
            for one in account.unmeasured
        ],
    }
    return json.dumps(data, indent=2) + "\n"


def figures_over(
    figures: Iterable[Figure[AnyScore]], scores: Sequence[AnyScore]
) -> dict[str, dict[str, float] | None]:
    """Each figure's median, least and most of the runs, None where no run has it."""
    over = {figure.key: spread(scores, figure.value) for figure in figures}
    return {key: asdict(one) if one else None for key, one in over.items()}


# --- text ---


def _text_table(title: str, head: Row, rows: Sequence[Row]) -> str:
    return f"{title}\n{_columns([head, *rows], str.rjust)}" if rows else ""


def _columns(rows: Sequence[Row], aligned: Callable[[str, int], str]) -> str:
    """The first column to the left, the others as `aligned` says."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = (
        (name.ljust(first), *map(aligned, cells, others))
        for name, *cells in rows
    )  # fmt: skip
    return "\n".join(GAP.join(line).rstrip() for line in lines)


def _text_list(title: str, items: Iterable[str]) -> str:
    rows = [f"{GAP}{on_one_line(item)}" for item in items]
    return "\n".join((f"{title}:", *rows)) if rows else ""


# --- Markdown ---


def _titled_table(title: str, head: Row, rows: Sequence[Row]) -> str:
    return f"### {title}\n\n{_table(head, rows)}" if rows else ""


def _table(head: Row, rows: Iterable[Row]) -> str:
    cells = (head, *(tuple(map(one_line, row)) for row in rows))
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join((lines[0], f"| --- |{' ---: |' * (len(head) - 1)}", *lines[1:]))


def _markdown_list(title: str, items: Iterable[str]) -> str:
    rows = [f"- {one_line(item)}" for item in items]
    return "\n".join((f"**{title}**", "", *rows)) if rows else ""


# --- JSON ---


def _language(row: LanguageRow) -> dict[str, Any]:
    shares = {"recall": row.score.recall, "precision": row.score.precision}
    counts = {name: getattr(row.score, name) for name in ("changes", "planted", "found", "comments")}
    return {"language": row.language} | counts | shares


def _review(one: Reviewed, run: int) -> dict[str, Any]:
    return {
        "case": one.case.slug,
        "run": run,
        "language": one.case.story.language,
        "kind": one.case.story.kind,
        "found": [defect.model_dump(mode="json") for defect in one.found],
        "missed": [defect.model_dump(mode="json") for defect in one.missed],
        "wrong": [finding.model_dump(mode="json") for finding in one.wrong],
        "by_checks": [finding.model_dump(mode="json") for finding in one.by_checks],
        "cost": asdict(one.cost),
    }
