"""What was found as lines for people, aligned and as wide as the terminal, or as JSON for programs."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import click

from bot import __version__
from bot.entry.doctor.check import Check, State

COLOURS: Final[dict[State, str]] = {"fine": "green", "note": "yellow", "wrong": "red"}
STATE_WIDTH: Final = 5
GAP: Final = 2
NARROWEST: Final = 34  # columns for what is said: with fewer, it stands below its name
PUBLIC: Final = ("topic", "name", "state", "said", "cure")

CURE: Final = "-> "

ALL_FINE = "all is fine"
SUMS: Final[dict[State, tuple[str, str]]] = {
    "wrong": ("1 thing is wrong", "{count} things are wrong"),
    "note": ("1 to know", "{count} to know"),
}


@dataclass(frozen=True)
class Page:
    """`width` in columns, None: lines as long as they are. `colour`: what shows them knows colours."""

    width: int | None = None
    colour: bool = False

    def shown(self, checks: Sequence[Check]) -> str:
        """The lines, the last one their sum."""
        names = max((len(check.name) for check in checks), default=0)
        topics = max((len(check.topic) for check in checks), default=0)
        labels = {id(check): f"{check.topic:<{topics}}  {check.name:<{names}}" for check in checks}
        lines = [line for check in checks for line in self._lines(check, labels[id(check)])]
        return "\n".join([*lines, "", summed_up(checks)])

    def _lines(self, check: Check, label: str) -> list[str]:
        """State, label, what is said; the cure below, in line with it."""
        indent = " " * (STATE_WIDTH + len(label) + 2 * GAP)
        state = self._painted(check.state)
        if self.width is not None and self.width - len(indent) < NARROWEST:
            return self._narrow(check, state)
        said, *more = self._folded(check.said, indent)
        cure = self._folded(CURE + check.cure, indent) if check.cure else []
        return [f"{state}  {label}  {said}", *(f"{indent}{line}" for line in (*more, *cure))]

    def _narrow(self, check: Check, state: str) -> list[str]:
        indent = " " * (STATE_WIDTH + GAP)
        texts = (check.said, CURE + check.cure) if check.cure else (check.said,)
        lines = [line for text in texts for line in self._folded(text, indent)]
        first, *more = self._folded(f"{check.topic}, {check.name}", indent)
        return [f"{state}  {first}", *(f"{indent}{line}" for line in (*more, *lines))]

    def _folded(self, text: str, indent: str) -> list[str]:
        if self.width is None:
            return [text]
        return textwrap.wrap(text, self.width - len(indent), break_on_hyphens=False) or [""]

    def _painted(self, state: State) -> str:
        word = f"{state:<{STATE_WIDTH}}"
        return click.style(word, fg=COLOURS[state]) if self.colour else word


def summed_up(checks: Sequence[Check]) -> str:
    """ "2 things are wrong, 1 to know"."""
    parts = []
    for state, (one, several) in SUMS.items():
        count = sum(check.state == state for check in checks)
        if count:
            parts.append(one if count == 1 else several.format(count=count))
    return ", ".join(parts) or ALL_FINE


def in_json(checks: Sequence[Check]) -> str:
    rows = [{name: value for name, value in asdict(check).items() if name in PUBLIC} for check in checks]
    is_ok = not any(check.state == "wrong" for check in checks)
    return json.dumps({"version": __version__, "ok": is_ok, "checks": rows}, indent=2, ensure_ascii=False)
