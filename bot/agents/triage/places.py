"""Places in the repository that a model named: those that exist, as links to GitLab."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from urllib.parse import quote

from bot.agents.shown import shown_lines, shown_name
from bot.agents.spec import Code
from bot.agents.triage.schema import KeptPlace, Place
from bot.agents.triage.words import line
from bot.domain.document import Inline, Link, Text
from bot.domain.secrets import Redactor
from bot.errors import PlatformError, Unavailable

MOST_PLACES: Final = 8
MOST_LOOKED_AT: Final = 20
LONGEST_PATH: Final = 400  # characters
LONGEST_WHY: Final = 200
SHORTEST_PART: Final = 12  # characters of a line that stand for the line
NO_FILE = "no such place: {path} is not in the repository"
NO_LINE = "no such place: {path} does not hold the quoted line"


def verified(
    named: Iterable[Place], code: Code | None, redactor: Redactor
) -> tuple[tuple[KeptPlace, ...], list[str]]:
    """Those whose file exists, and whose quoted line stands in it, each once; and why the others are left out.

    A line is known by the text the model quotes, as it was shown that text; its number decides between several.
    Raises Unavailable.
    """
    found: dict[tuple[str, int], KeptPlace] = {}
    missing: list[str] = []
    if code is None:
        return (), []
    for place in islice(named, MOST_LOOKED_AT):
        path = _path(place.path)
        number = _line(path, place, code, redactor)
        if number is None:
            sentence = NO_LINE if place.quote.strip() else NO_FILE
            missing.append(sentence.format(path=line(path, redactor, LONGEST_PATH) or "?"))
        else:
            why = line(place.why, redactor, LONGEST_WHY)
            found.setdefault((path, number), KeptPlace(path=path, line=number, why=why))
    return tuple(found.values())[:MOST_PLACES], missing


def link_to(place: KeptPlace, code: Code, commit: str, redactor: Redactor) -> Inline:
    """`path:line`, leading to GitLab where nothing of the path had to be hidden."""
    name = shown_name(place.path, redactor)
    text = f"{name}:{place.line}" if place.line else name
    if name != place.path or not code.project.web_url or not commit:
        return Text(text=text, code=True)
    anchor = f"#L{place.line}" if place.line else ""
    return Link(text=text, url=f"{code.project.web_url}/-/blob/{commit}/{quote(place.path)}{anchor}")


def _path(path: str) -> str:
    """As people write it ("./app/a.py", "`app/a.py`") to as the repository names it."""
    return "/".join(part for part in path.strip().strip("`").split("/") if part not in ("", "."))


def _line(path: str, place: Place, code: Code, redactor: Redactor) -> int | None:
    """The line's number, 0 for the whole file, None where there is no such place."""
    if not path.isprintable() or not 0 < len(path) <= LONGEST_PATH:
        return None
    try:
        if code.snapshot.size(path) is None:
            return None
        content = code.snapshot.read(path) if place.quote.strip() else b""
    except Unavailable:
        raise
    except PlatformError:
        return None
    if not place.quote.strip():
        return 0
    wanted = " ".join(place.quote.split())
    fits = _holding(shown_lines(content or b"", redactor), wanted)
    return min(fits, key=lambda number: abs(number - place.line), default=None)


def _holding(lines: Iterable[str], wanted: str) -> Iterator[int]:
    for number, text in enumerate(lines, 1):
        flat = " ".join(text.split())
        if flat == wanted or (len(wanted) >= SHORTEST_PART and wanted in flat):
            yield number
