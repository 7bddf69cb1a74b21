"""The line of code that shows a statement: what a model quotes, held against the diff and the files at head."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from bot.agents.pages.diff_text import CUT, Row, files_of, rows
from bot.agents.shown import shown_lines
from bot.agents.spec import SectionsContext
from bot.domain.change import Side
from bot.errors import NotFound, PlatformError, Unavailable

SHORTEST_PART: Final = 12  # characters of a line that stand for the line
LONGEST_PATH: Final = 400
SIGNS: Final = "+-"
SIDES: Final = {Side.ADDED: 0, Side.REMOVED: 1, Side.CONTEXT: 2}
"""A line that changed shows more than one around it."""


class Proof(NamedTuple):
    """A line. `is_removed`: it counts in the file before the change."""

    path: str
    line: int
    is_removed: bool = False


def proof(path: str, quoted: str, context: SectionsContext) -> Proof | None:
    """The line that reads so, first of the diff, then of the file at head; None where there is none.

    Lines are compared as a model is shown them, blanks apart. Raises Unavailable.
    """
    reads = _reading(quoted)
    place = _path(path)
    if reads is None or not place:
        return None
    return _in_diff(place, reads, context) or _at_head(place, reads, context)


def is_outrun(shown: Proof, quoted: str, context: SectionsContext) -> bool:
    """Whether a later merge has taken the line from the target branch. Raises PlatformError where that is not read."""
    reads = _reading(quoted)
    if shown.is_removed or reads is None or context.request.state != "merged":
        return False
    try:
        branch = context.branch()
    except NotFound:
        return False
    content = branch.read(shown.path)
    if content is None:
        return branch.size(shown.path) is None
    return not any(map(reads, shown_lines(content, context.redactor)))


def flat(text: str) -> str:
    return " ".join(text.split())


def _path(path: str) -> str:
    """As people write it ("./app/a.py", "`app/a.py`") to as the repository names it; "" for none that can be one."""
    parts = (part for part in path.strip().strip("`").split("/") if part not in ("", "."))
    name = "/".join(parts)
    return name if name.isprintable() and len(name) <= LONGEST_PATH else ""


def _reading(quoted: str) -> Callable[[str], bool] | None:
    """Whether a line is the quoted one; None where the quote says nothing."""
    first = flat(next((one for one in quoted.split("\n") if one.strip(f" \t`{SIGNS}")), ""))
    bare = first[1:].strip() if first[:1] in SIGNS else first
    forms = {form.removesuffix(CUT).strip("` ") for form in (first, bare)}
    forms = {form for form in forms if any(map(str.isalnum, form))}
    long = [form for form in forms if len(form) >= SHORTEST_PART]
    if not forms:
        return None
    return lambda text: flat(text) in forms or any(form in flat(text) for form in long)


def _in_diff(path: str, reads: Callable[[str], bool], context: SectionsContext) -> Proof | None:
    every = (row for file in files_of(context.change, [path]) for row in rows(file, context.redactor))
    found = _first(row for row in every if reads(row.text))
    return Proof(path, found.number, found.side is Side.REMOVED) if found else None


def _first(found: Iterable[Row]) -> Row | None:
    return min(found, key=lambda row: SIDES[row.side], default=None)


def _at_head(path: str, reads: Callable[[str], bool], context: SectionsContext) -> Proof | None:
    try:
        content = context.snapshot.read(path)
    except Unavailable:
        raise
    except PlatformError:
        return None
    lines = shown_lines(content or b"", context.redactor)
    return next((Proof(path, number) for number, text in enumerate(lines, 1) if reads(text)), None)
