"""Texts of strangers and of models as they may be shown and kept: no secret, nothing hidden, bounded."""

from typing import Final

from bot.agents.shown import safe_text
from bot.domain.secrets import Redactor
from bot.domain.visible import on_one_line

LONGEST_READ: Final = 50_000  # characters of a text that are looked at at all
CUT: Final = "…"


def safe(text: str, redactor: Redactor) -> str:
    """Without secrets, with what is hidden spelled out; at most LONGEST_READ characters of it."""
    return safe_text(text[:LONGEST_READ], redactor)


def line(text: str, redactor: Redactor, limit: int) -> str:
    """On one line, at most `limit` characters."""
    return cut(on_one_line(safe(text, redactor)), limit)


def block(text: str, redactor: Redactor, limit: int) -> str:
    """With its lines, at most `limit` characters."""
    return cut(safe(text, redactor).strip("\n"), limit)


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + CUT
