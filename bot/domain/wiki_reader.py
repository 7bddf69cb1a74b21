"""Jira's wiki text read as Markdown-like text: what people write, whatever of the notation they get right.

The notation is that of the "Text formatting notation" help of every Jira (secure/WikiRendererHelpAction.jspa). Every
pattern is bounded and begins at a sign that it does not run over again, so the time is linear in the text.
"""

import html
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from bot.domain.plain_text import LONGEST, fenced, indented, link, quoted, row, shortened

ATTACHMENT = "[attachment]"
DEEPEST = 10  # levels of a list
CHECKED = {"(/)": "[x]", "[x]": "[x]", "[X]": "[x]", "(x)": "[ ]", "[ ]": "[ ]", "[]": "[ ]"}
AROUND = {
    "strong": "**",
    "emphasis": "_",
    "deleted": "~~",
    "inserted": "",
    "raised": "",
    "lowered": "",
    "cited": "",
}

CODE_MARK = re.compile(r"(?<!\\)\{(code|noformat)(?::([^{}\n]{0,200}))?\}")
CODE_END = re.compile(r"(?<!\\)(?:\\\\)*(\{(code|noformat)\})")
HEADING = re.compile(r"h([1-6])\.\s*(.*)", re.DOTALL)
ITEM = re.compile(r"(?!-{2,3}[^-])([*#-]+)\s+(.*)", re.DOTALL)
CHECK = re.compile(r"(\(/\)|\(x\)|\[[ xX]?\])\s+")
RULE = re.compile(r"-{4,}")
TITLE = re.compile(r"title=([^|}]+)")
BLANK_LINES = re.compile(r"\n{3,}")
WALL = re.compile(
    r"""\\. | \[[^\[\]\n]{0,2000}\] | \{\{[^{}\n]{0,2000}\}\} | (?<!\w)![^\s!|][^!\n]{0,200}! | (?P<wall>\|{1,2})""",
    re.VERBOSE,
)
INLINE = re.compile(
    r"""(?P<newline>[ ]?\\\\(?!\S{0,200}\\)[ ]?)
      | \\(?P<escaped>[-\#*_+?^~|%{}\[\]()!@])
      | (?P<entity>&(?:\#\d{1,6}|\#x[0-9A-Fa-f]{1,5}|[A-Za-z]{2,8});)
      | \{\{(?P<code>(?:[^{}\n]|\{(?!\{)|\}(?!\})){1,2000})\}\}
      | \{(?P<macro>color|panel|anchor|info|note|tip|warning|expand)(?::(?P<options>[^{}\n]{0,500}))?\}
      | (?P<joint>\{[*_+^~?-]\})
      | \[~(?:accountid:)?(?P<mention>[^\]\s|]{1,255})\]
      | (?P<file>\[\^[^\[\]\n]{1,255}\])
      | \[(?P<label>(?:[^\[\]|\n\\]|\\.){1,1000})\|(?P<href>[^\[\]|\s]{1,2000})(?:\|[^\[\]\n]{0,100})?\]
      | \[(?P<bare>(?:https?://|mailto:)[^\[\]|\s]{1,2000})(?:\|[^\[\]\n]{0,100})?\]
      | (?P<image>(?<![\w!\\])!(?:https?://[^\s!|]{1,2000}|[^\s!|][^!\n|]{0,254}\.\w{2,5})(?:\|[^!\n]{0,200})?!(?!\w))
      | (?P<address>https?://[^\s\[\]{}|\\]{1,2000})
      | (?<![\w\\])(?:
          \*(?P<strong>(?!\s)(?:[^*\n\\]|\\.){1,2000}(?<!\s))\*
        | _(?P<emphasis>(?!\s)(?:[^_\n\\]|\\.){1,2000}(?<!\s))_
        | -(?P<deleted>(?!\s)(?:[^\n\\-]|\\.){1,2000}(?<!\s))-
        | \+(?P<inserted>(?!\s)(?:[^+\n\\]|\\.){1,2000}(?<!\s))\+
        | \^(?P<raised>(?!\s)(?:[^\n\\^]|\\.){1,2000}(?<!\s))\^
        | ~(?P<lowered>(?!\s)(?:[^\n\\~]|\\.){1,2000}(?<!\s))~
        | \?\?(?P<cited>(?!\s)(?:[^\n?\\]|\\.){1,2000}(?<!\s))\?\?
        )(?!\w)""",
    re.VERBOSE,
)


def to_text(wiki: str) -> str:
    """Wiki text as Markdown-like text of at most `plain_text.LONGEST` characters. Never raises.

    Headings "#", items "- " and "1. ", check items "- [ ] " and "- [x] ", fenced code, rows "| a | b |", quotes "> ",
    mentions "@name". What is not known stays as it is written.
    """
    source = wiki[:LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    return shortened(BLANK_LINES.sub("\n\n", "\n".join(_shown(source))).strip("\n"))


def _shown(source: str) -> Iterator[str]:
    quoting = False
    for is_code, part in _parts(source):
        if is_code:
            yield quoted(part) if quoting else part
            continue
        for line in _whole_rows(part.split("\n")):
            for number, piece in enumerate(line.split("{quote}")):
                quoting ^= number > 0
                if piece.strip() or piece == line:
                    yield quoted(_line(piece)) if quoting else _line(piece)


def _parts(source: str) -> Iterator[tuple[bool, str]]:
    """(is code, text): code as a fence. A macro that is not closed has no body, as in Jira."""
    ends: dict[str, list[int]] = {"code": [], "noformat": []}
    for found in CODE_END.finditer(source):
        ends[found[2]].append(found.start(1))
    start = 0
    while opening := CODE_MARK.search(source, start):
        yield False, source[start : opening.start()]
        start = opening.end()
        closing = bisect_left(ends[opening[1]], start)
        if closing < len(ends[opening[1]]):
            end = ends[opening[1]][closing]
            yield True, fenced(source[start:end].strip("\n"), (opening[2] or "").split("|")[0])
            start = end + len(opening[1]) + 2
    yield False, source[start:]


def _whole_rows(lines: Iterable[str]) -> Iterator[str]:
    """The lines, a table's row on one: it goes on until a line ends with a wall."""
    waiting: list[str] = []
    for line in lines:
        begins = line.lstrip().startswith("|")
        if waiting and (begins or not line.strip()):
            yield " ".join(waiting)
            waiting = []
        if not (begins or waiting):
            yield line
            continue
        waiting.append(line)
        if line.rstrip().endswith("|"):
            yield " ".join(waiting)
            waiting = []
    if waiting:
        yield " ".join(waiting)


def _line(line: str) -> str:
    text = line.strip()
    if heading := HEADING.fullmatch(text):
        return f"{'#' * int(heading[1])} {inline(heading[2])}"
    if RULE.fullmatch(text):
        return "---"
    if text.startswith("bq. "):
        return quoted(inline(text[4:]))
    if text.startswith("|"):
        return row(inline(cell) for cell in _cells(text))
    if item := ITEM.fullmatch(text):
        return _item(item[1], item[2])
    return _item("-", text) if CHECK.match(text) else inline(text)


def _item(marks: str, source: str) -> str:
    """`marks`: a sign for each level, the last one for this. A box that is escaped is none."""
    mark = "1. " if marks[-1] == "#" else "- "
    check = CHECK.match(source)
    text = f"{CHECKED[check[1]]} {inline(source[check.end() :])}" if check else inline(source)
    return "  " * min(len(marks) - 1, DEEPEST) + indented(mark, text)


def _cells(text: str) -> list[str]:
    """What stands between the walls, those within links and code apart."""
    walls = [found for found in WALL.finditer(text) if found["wall"]]
    ends = [wall.start() for wall in walls[1:]] + [len(text)]
    cells = [text[wall.end() : end].strip() for wall, end in zip(walls, ends, strict=True)]
    return cells[:-1] if len(cells) > 1 and not cells[-1] else cells


def inline(text: str) -> str:
    """One line's phrases, links and macros."""
    return INLINE.sub(_converted, text)


def _converted(found: re.Match[str]) -> str:
    kind, content = next((name, value) for name, value in found.groupdict().items() if value is not None)
    if kind in AROUND:
        return f"{AROUND[kind]}{inline(content)}{AROUND[kind]}"
    match kind:
        case "newline":
            return "\n"
        case "entity":
            return html.unescape(content).replace("\u200b", "")
        case "code":
            return f"`{inline(content)}`"
        case "macro":
            title = TITLE.search(found["options"] or "")
            return f"{title[1]}\n" if title else ""
        case "joint":
            return ""
        case "mention":
            return f"@{content}"
        case "file" | "image":
            return ATTACHMENT
        case "label":
            return link(inline(content), found["href"])
    return content  # an escaped sign, an address
