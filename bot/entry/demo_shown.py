"""What is on the sandbox's page, as a terminal shows it."""

import html
import re
import shutil
import textwrap
from typing import Any, Final

import click

from bot.domain.adf_reader import to_text
from bot.domain.sections import difference
from bot.domain.storage_reader import to_markdown

HIDDEN: Final = re.compile(r"<!--.*?-->|</?(?:details|summary|sub)>", re.DOTALL)
BOLD: Final = re.compile(r"\*\*(.+?)\*\*")
HEADING: Final = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
EMPHASIS: Final = re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)")
LINK: Final = re.compile(r"\[([^\]\n]+)\]\([^()\s]+\)")
FENCED: Final = re.compile(r"^```diff\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
COLORS: Final = {"-": "red", "+": "green"}
INDENT: Final = "    "


def thread(one: dict[str, Any]) -> str:
    """Where it stands, then what its first note says."""
    where = one["position"] or {}
    line = where.get("new_line") or where.get("old_line")
    place = f"{where.get('new_path', '')}:{line}" if line else where.get("new_path", "the merge request")
    return "\n".join((click.style(place, fg="cyan"), indented(plain(one["notes"][0]["body"]))))


def comment(body: Any) -> str:
    """A comment in Jira, which stores it as a document: its words without the addresses behind them."""
    return indented(plain(EMPHASIS.sub(lambda found: click.style(found[1], italic=True), to_text(body))))


def proposal(body: str) -> str:
    """The difference that a note about a page shows."""
    return "\n".join(map(_changed, "\n".join(FENCED.findall(body)).splitlines()))


def change(before: str, after: str) -> str:
    """What one version of a page changed, of the storage before and after it."""
    return "\n".join(map(_changed, difference(before, after).splitlines()))


def page(storage: str) -> str:
    """A page of Confluence: its words without the addresses behind them."""
    return indented(plain(to_markdown(storage)))


def plain(body: str) -> str:
    """Markdown as a terminal shows it: bold is bold, links are words, what HTML hides or spells otherwise is undone."""
    text = LINK.sub(r"\1", html.unescape(HIDDEN.sub("", body.replace("<br>", "\n  "))))
    bold = HEADING.sub(_bold, BOLD.sub(_bold, text))
    return re.sub(r"\n{3,}", "\n\n", bold).strip()


def indented(text: str) -> str:
    return "\n".join(map(_wrapped, text.splitlines()))


def _changed(line: str) -> str:
    """A line of a unified diff."""
    return click.style(_wrapped(line), fg=COLORS.get(line[:1]))


def _bold(found: re.Match[str]) -> str:
    return click.style(found[1], bold=True)


def _wrapped(line: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        line,
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
