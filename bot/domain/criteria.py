"""Acceptance criteria: what an issue says it is done by, taken from its texts without any model."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from typing import Literal

from bot.domain.visible import on_one_line

TITLES = frozenset(
    {
        "acceptance criteria",
        "acceptance criterion",
        "acceptance tests",
        "ac",
        "acs",
        "definition of done",
        "dod",
        "conditions of satisfaction",
        "done when",
        "akzeptanzkriterien",
        "akzeptanzkriterium",
        "abnahmekriterien",
        "criteres d acceptation",
        "criteres d acceptance",
        "definition de fini",
        "criterios de aceptacion",
        "criterios de aceitacao",
        "definicion de hecho",
        "definicion de terminado",
        "criteri di accettazione",
        "acceptatiecriteria",
        "kryteria akceptacji",
    }
)
"""What criteria stand under, in words as `_words` gives them."""

COLUMNS = TITLES | frozenset(
    {
        "id",
        "no",
        "nr",
        "number",
        "nummer",
        "criterion",
        "criteria",
        "kriterium",
        "kriterien",
        "critere",
        "criterio",
        "description",
        "beschreibung",
        "descripcion",
        "requirement",
        "requirements",
        "anforderung",
        "exigence",
        "requisito",
        "status",
        "state",
        "done",
        "erledigt",
        "priority",
        "prioritat",
        "comment",
        "comments",
        "notes",
        "given",
        "when",
        "then",
    }
)
"""What the columns of a table of criteria are called, in the same form."""

GIVEN = ("given", "angenommen", "gegeben sei", "gegeben", "étant donné", "etant donne", "dado", "dada")
WHEN = ("when", "wenn", "quand", "lorsque", "cuando")
THEN = ("then", "dann", "alors", "entonces")
JOINED = ("and", "but", "und", "aber", "et", "mais", "y", "pero")
SCENARIO = ("scenario outline", "scenario", "szenario", "scénario", "escenario")
"""Gherkin's words (cucumber.io/docs/gherkin/languages) in English, German, French and Spanish."""

NOT_YET = frozenset({"tbd", "tba", "tbc", "todo", "to do", "to be defined", "none", "n a", "na"})
"""What stands where criteria are still to be written."""

LONGEST = 500  # characters of one criterion
MOST_LINES = 5_000  # of one text
MOST_STEPS = 30  # lines of one scenario
BELOW_HEADINGS = 7  # the level of a title that is a bold line or ends with a colon

HEADING = re.compile(r"(#{1,6})\s+(.*)")
BOLD = re.compile(r"(\*\*|__)[^*_]{1,100}\1:?")
TITLE_AND_TEXT = re.compile(r"([^:]{1,60}):\s+(.+)")
ITEM = re.compile(r"(\s*)(?:[-*+•–]|\d{1,3}[.)])\s+(.*)")
CHECK = re.compile(r"\[[ xX]\]\s+")
ASIDE = re.compile(r"\([^()]*\)")
FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")
ROW = re.compile(r"\s*\|.*\|\s*")
LINK = re.compile(r"\[([^\[\]]{1,500})\]\([^()\s]{1,2000}\)")
SIGNS = re.compile(r"\*\*|__|~~|`+")
EMPHASIS = re.compile(r"(?<!\w)([*_])(?!\s)([^*_\n]{1,500})(?<!\s)\1(?!\w)")
WORD = re.compile(r"\w+")


def _any_of(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


GIVENS, WHENS, THENS, STEPS = map(_any_of, (GIVEN, WHEN, THEN, GIVEN + WHEN + THEN + JOINED))
NAMED = re.compile(rf"(?:{'|'.join(SCENARIO)})\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion. `id` is a digest of its issue and words, so it stays when others are added; `text` is one line."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a text. `level` is a title's, or an item's indentation."""

    kind: Literal["title", "item", "check", "row", "scenario", "text"]
    text: str
    level: int = 0


def criteria(
    issue_key: str, description: str, fields: Iterable[str] = (), most: int = 30
) -> tuple[Criterion, ...]:
    """The criteria an issue names, in order, none twice, at most `most`; none where it names none.

    Of `description`, Markdown-like text: items and rows (else paragraphs) under a title such as "Acceptance criteria",
    down to the next title of its level or above; check items anywhere; scenarios of Given, When and Then, each one.
    Of `fields`, texts that hold nothing but criteria: items and scenarios, else paragraphs.
    """
    texts = chain(_in_description(description), *map(_in_field, fields))
    distinct: dict[str, Criterion] = {}
    for one in filter(None, (_criterion(issue_key, text) for text in texts)):
        distinct.setdefault(one.id, one)
    return tuple(islice(distinct.values(), most))


def _criterion(issue_key: str, text: str) -> Criterion | None:
    line = _on_one_line(text)
    words = _words(line)
    if not words or words in NOT_YET:
        return None
    digest = hashlib.sha256(f"{issue_key}\n{words}".encode("utf-8", "replace"))
    return Criterion(digest.hexdigest()[:12], line)


def _on_one_line(text: str) -> str:
    line = on_one_line(EMPHASIS.sub(r"\2", SIGNS.sub("", LINK.sub(r"\1", text))))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _words(text: str) -> str:
    """Its words in lower case without accents, a blank between; numbers in front are left out."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(WORD.findall(plain.casefold().replace("_", " "))).lstrip("0123456789 ")


# --- where criteria stand ---


def _in_description(text: str) -> Iterator[str]:
    level = 0  # of the title that is open
    section: list[_Part] = []
    for part in _parts(text):
        if part.kind == "title" and part.level <= level:
            yield from _listed(section)
            level, section = 0, []
        if part.kind == "title" and not level and _names_criteria(part.text):
            level = part.level
        elif level and part.kind != "title":
            section.append(part)
        elif part.kind in {"check", "scenario"}:
            yield part.text
    yield from _listed(section)


def _in_field(text: str) -> Iterator[str]:
    return _listed([part for part in _parts(text) if part.kind != "title"])


def _listed(section: list[_Part]) -> Iterator[str]:
    """Items and scenarios, else paragraphs. An item that ends with a colon stands before each item below it."""
    listed = [part for part in section if part.kind != "text"] or section
    above: list[_Part] = []
    for part, following in pairwise((*listed, _Part("text", ""))):
        above = [one for one in above if one.level < part.level][-2:]
        if part.text.endswith(":") and following.level > part.level:
            above.append(part)
        else:
            yield " ".join(one.text for one in (*above, part))


# --- what a text is made of ---


def _parts(text: str) -> Iterator[_Part]:
    lines = _lines(text)
    last: _Part | None = None  # goes on while lines of text follow
    at = 0
    while at < len(lines):
        steps, scenario = _scenario(lines[at : at + MOST_STEPS])
        found = (_Part("scenario", scenario),) if steps else _in_line(lines[at])
        at += max(steps, 1)
        if last and found and found[0].kind == "text":
            last = replace(last, text=f"{last.text[:LONGEST]} {found[0].text}")
            continue
        if last:
            yield last
        yield from found[:-1]
        last = found[-1] if found else None
        if last and last.kind in {"title", "scenario"}:
            yield last
            last = None
    if last:
        yield last


def _lines(text: str) -> list[str]:
    """The lines, of code only scenarios."""
    kept, in_code = [], False
    for line in islice(text.splitlines(), MOST_LINES):
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code or STEPS.match(_bare(line)) or NAMED.match(_bare(line)):
            kept.append(line)
    return kept


def _in_line(line: str) -> tuple[_Part, ...]:
    if not line.strip():
        return ()
    if ROW.fullmatch(line):
        return _in_row(line)
    if item := ITEM.fullmatch(line):
        check = CHECK.match(item[2])
        text = item[2][check.end() :] if check else item[2]
        return (_Part("check" if check else "item", text.strip(), len(item[1].expandtabs(4))),)
    text = line.strip()
    if heading := HEADING.fullmatch(text):
        return (_Part("title", heading[2], len(heading[1])),)
    if _is_title(text):
        return (_Part("title", text, BELOW_HEADINGS),)
    both = TITLE_AND_TEXT.fullmatch(SIGNS.sub("", text))
    if both and _names_criteria(both[1]):
        return (_Part("title", both[1], BELOW_HEADINGS), _Part("item", both[2]))
    return (_Part("text", text),)


def _in_row(line: str) -> tuple[_Part, ...]:
    """A table's row, its numbers and marks left out; nothing of a row that names the columns."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    told = [cell for cell in cells if any(map(str.isalpha, cell))]
    if not told or all(_words(cell) in COLUMNS for cell in told):
        return ()
    return (_Part("row", ", ".join(told)),)


def _is_title(text: str) -> bool:
    """A bold line, one that names criteria, or a few words with a colon."""
    if len(text) > 100:
        return False
    few = text.endswith(":") and len(text.split()) <= 3
    return few or BOLD.fullmatch(text) is not None or _names_criteria(text)


def _names_criteria(title: str) -> bool:
    return _words(ASIDE.sub(" ", title)) in TITLES


def _scenario(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines a scenario takes that begins here, and it on one line; (0, "") where none begins."""
    first = _bare(lines[0])
    named = NAMED.match(first)
    if not (named or GIVENS.match(first) or WHENS.match(first)):
        return 0, ""
    steps, taken = [] if named else [first], 1
    for number, line in enumerate(lines[1:], 2):
        step = _bare(line)
        if step and (not STEPS.match(step) or (GIVENS.match(step) and steps and _is_whole(steps))):
            break
        if step:
            steps.append(step)
            taken = number
    if not _is_whole(steps):
        return 0, ""
    title = f"{named[1].strip()}: " if named and named[1].strip() else ""
    return taken, title + " ".join(steps)


def _is_whole(steps: list[str]) -> bool:
    """Several lines that lead to an outcome, or one that has all three of Given, When and Then."""
    if len(steps) == 1:
        return bool(GIVENS.match(steps[0]) and WHENS.search(steps[0]) and THENS.search(steps[0]))
    return any(map(THENS.match, steps))


def _bare(line: str) -> str:
    """The line without its bullet, box and marks."""
    item = ITEM.fullmatch(line)
    text = SIGNS.sub("", item[2] if item else line).strip()
    return CHECK.sub("", text, count=1)
