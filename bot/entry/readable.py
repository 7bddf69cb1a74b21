"""A log line as a person reads it on a terminal: time, level, process, what happened and why, a few fields."""

import time
from collections.abc import Mapping
from traceback import TracebackException
from typing import Any, Final

DETAILS: Final = frozenset({"delivery", "code", "ms", "pid"})  # shown only where something is wrong
WRONG: Final[Mapping[str, str]] = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
PLAIN: Final = "\x1b[0m"
LEVEL_WIDTH, ROLE_WIDTH = len("warning"), len("schedule")
INDENT: Final = "    "


def readable(event: Mapping[str, Any], role: str = "", *, colors: bool = False) -> str:
    """`event` as structlog has it: "event", "level", perhaps "reason" and "exc_info" (a TracebackException), fields.

    What moves a terminal's cursor or would begin a line of its own is spelled out, whoever wrote it.
    """
    fields = dict(event)
    level, what = fields.pop("level"), fields.pop("event")
    reason, trace = fields.pop("reason", ""), fields.pop("exc_info", None)
    head = f"{time.strftime('%H:%M:%S')} {_level(level, colors)} "
    said = _printable(f"{what}: {reason}" if reason else str(what))
    words = [f"{role:{ROLE_WIDTH}} {said}" if role else said, _fields(fields, wrong=level in WRONG)]
    return "\n".join((head + "  ".join(filter(None, words)), *_indented(trace)))


def _level(level: str, colors: bool) -> str:
    padded = f"{level:{LEVEL_WIDTH}}"
    return f"{WRONG[level]}{padded}{PLAIN}" if colors and level in WRONG else padded


def _fields(fields: Mapping[str, Any], *, wrong: bool) -> str:
    shown = {name: value for name, value in fields.items() if wrong or name not in DETAILS}
    return " ".join(f"{name}={_value(value)}" for name, value in shown.items() if value not in (None, ""))


def _value(value: object) -> str:
    text = _printable(str(value))
    return f'"{text}"' if " " in text else text


def _indented(trace: TracebackException | None) -> list[str]:
    """Nothing in an error's text looks like a line of ours."""
    lines = "".join(trace.format()).splitlines() if trace else []
    return [INDENT + _printable(line) for line in lines]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
