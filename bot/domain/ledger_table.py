"""The acceptance-criteria ledger as people see it in the summary: a table, and what no issue asks for.

All of it is text that strangers wrote. It shows literally, each criterion in a row of its own.
"""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Final
from urllib.parse import quote

from bot.domain.ledger import SAID, Ledger, Proof, Row, State
from bot.domain.markdown import code, prose_line

HEADING = "**Acceptance criteria**"
TABLE = "| Issue | Criterion | State | Proof | Why |\n|---|---|---|---|---|\n{rows}"
ROW = "| {issue} | {text} | {state} | {proof} | {reason} |"
MORE = "| | and {more} more | | | |"
STATE = "{symbol} {said}"
SYMBOLS: Final[dict[State, str]] = {"met": "✓", "partly": "◐", "missing": "✗", "unclear": "?"}
OUTSIDE = "Not asked for by any issue: {parts}."
LINK = "[{label}]({url})"

ROOM: Final = 14_000  # characters of the table: see the rooms of `bot.domain.markdown`
LONGEST_CELL: Final = 300  # characters
LONGEST_PART: Final = 200

_ADDRESS = re.compile(r"https?://[^\s()<>`|\\\"'\[\]]{1,2000}")
_LABEL = re.compile(r"[^`|\[\]\\<>]{1,95}")


def ledger_table(ledger: Ledger | None, issues: Mapping[str, str], files: str) -> str:
    """Markdown, not yet sanitized; "" where there is nothing to show.

    `issues`: an issue's address by its key. `files`: the address below which the files at head are shown, "" where
    there is none. A table that would be too long has no links into files; what is still beyond is counted.
    """
    if ledger is None or not ledger.rows:
        return ""
    rows = [_row(row, issues, files) for row in ledger.rows]
    if sum(map(len, rows)) > ROOM:
        rows = [_row(row, issues, "") for row in ledger.rows]
    parts = "; ".join(prose_line(part, LONGEST_PART) for part in ledger.outside)
    said = (
        HEADING,
        TABLE.format(rows="\n".join(_fitting(rows))),
        OUTSIDE.format(parts=parts) if parts else "",
    )
    return "\n\n".join(filter(None, said))


def _row(row: Row, issues: Mapping[str, str], files: str) -> str:
    return ROW.format(
        issue=_linked(row.issue, issues.get(row.issue, "")),
        text=prose_line(row.text, LONGEST_CELL),
        state=STATE.format(symbol=SYMBOLS[row.state], said=SAID[row.state]),
        proof=", ".join(_proof(one, files) for one in row.proof),
        reason=prose_line(row.reason, LONGEST_CELL),
    )


def _proof(proof: Proof, files: str) -> str:
    url = f"{files}/{quote(proof.path)}#L{proof.line}" if files else ""
    return _linked(f"{proof.path}:{proof.line}", url)


def _linked(label: str, url: str) -> str:
    """A link with a label in code; without one, where the label or the address is of no form that a link can have."""
    is_link = _ADDRESS.fullmatch(url) and _LABEL.fullmatch(label)
    return LINK.format(label=code(label), url=url) if is_link else code(label)


def _fitting(rows: list[str]) -> list[str]:
    """The first of them that fit, and a row that counts the others."""
    sizes = accumulate(len(row) + 1 for row in rows)
    shown = [row for row, end in zip(rows, sizes, strict=True) if end <= ROOM]
    return [*shown, MORE.format(more=len(rows) - len(shown))] if len(shown) < len(rows) else shown
