"""An account of an evaluation for a terminal, a page and a program. Every writer gives text."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bot.domain.markdown import one_line
from bot.domain.visible import on_one_line
from bot.evaluation.account import Account
from bot.evaluation.figures import FIGURES, LISTS, PLUMBING, TABLES, Row, heading, in_all, told
from bot.evaluation.score import LanguageRow, Reviewed, by_kind, by_language, spread

GAP = "  "


def as_text(account: Account) -> str:
    """For a terminal: figures, tables, and what was missed or wrong."""
    parts = (
        on_one_line(heading(account)),
        PLUMBING if account.scripted else "",
        _columns(told(account), str.ljust),
        in_all(account),
        *(_text_table(title, head, rows(account)) for title, head, rows in TABLES),
        *(_text_list(title, items(account)) for title, items in LISTS),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def as_markdown(account: Account) -> str:
    """For a page: the same, every text literal."""
    parts = (
        f"## {one_line(heading(account))}",
        PLUMBING if account.scripted else "",
        _table(("figure", "value"), told(account)),
        in_all(account),
        *(_titled_table(title, head, rows(account)) for title, head, rows in TABLES),
        *(_markdown_list(title, items(account)) for title, items in LISTS),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def as_json(account: Account) -> str:
    """One object. Each figure has the median, the least and the most of the runs, null where no run has it."""
    over = {figure.key: spread(account.scores, figure.value) for figure in FIGURES}
    data = {
        "model": account.model,
        "note": PLUMBING if account.scripted else "",
        "runs": len(account.runs),
        "figures": {key: asdict(one) if one else None for key, one in over.items()},
        "paid": asdict(account.paid),
        "kinds": [asdict(row) for row in by_kind(account.reviews)],
        "languages": [_language(row) for row in by_language(account.reviews)],
        "reviews": [_review(one, run) for run, some in enumerate(account.runs, 1) for one in some],
        "unmeasured": [
            {"case": one.slug, "run": one.run, "reason": one.reason, "cost": asdict(one.cost)}
            for one in account.unmeasured
        ],
    }
    return json.dumps(data, indent=2) + "\n"


FORMATS: dict[str, Callable[[Account], str]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
}


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
