"""The Markdown-like text in which issues are read, whatever they are stored in: how its blocks are written."""

import re
from collections.abc import Iterable

LONGEST = 100_000  # characters of one text
TICKS = re.compile(r"`{3,}")


def shortened(text: str) -> str:
    """At most LONGEST characters; the last of a longer one is an ellipsis."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def fenced(text: str, language: str = "") -> str:
    """Code between fences longer than any in it."""
    ticks = max((len(run) for run in TICKS.findall(text)), default=2) + 1
    word = language if re.fullmatch(r"[\w+#.-]{1,30}", language) else ""
    return f"{'`' * ticks}{word}\n{text}\n{'`' * ticks}"


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def indented(mark: str, text: str) -> str:
    """A list item: its first line behind the mark, the others two blanks in."""
    return mark + text.replace("\n", "\n  ")


def row(cells: Iterable[str]) -> str:
    """A table's row on one line."""
    return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |"


def link(text: str, url: str) -> str:
    return f"[{text}]({url})" if url and url != text else text
