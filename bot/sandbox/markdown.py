"""Just enough Markdown to tell code from text: the blocks of a note, and its text with the code taken out.

Follows CommonMark for fenced and indented code and for HTML blocks, and GitLab for quotes between `>>>`; fences may
stand in quotes and list items. Where it is unsure it calls a line text, since text is what can do harm.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

CONTAINER = r"(?P<container>(?:[ ]{0,3}(?:>|[-+*][ ]|\d{1,9}[.)][ ]))*)"
FENCE = re.compile(CONTAINER + r"(?P<indent>[ ]{0,3})(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)$")
HTML_STARTS = (
    (
        re.compile(r" {0,3}<(?:script|pre|style|textarea)(?:[ \t>]|$)", re.I),
        re.compile(r"</(?:script|pre|style|textarea)>", re.I),
    ),
    (re.compile(r" {0,3}<!--"), re.compile(r"-->")),
    (re.compile(r" {0,3}<\?"), re.compile(r"\?>")),
    (re.compile(r" {0,3}<![A-Za-z]"), re.compile(r">")),
    (re.compile(r" {0,3}<!\[CDATA\["), re.compile(r"\]\]>")),
)
BLOCK_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|"
    "dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|"
    "hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|"
    "section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
BLOCK_TAG = re.compile(rf" {{0,3}}</?(?:{BLOCK_TAGS})(?:[ \t]|/?>|$)", re.I)
LONE_TAG = re.compile(r" {0,3}</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>\s*$")
QUOTE_FENCE = re.compile(r">{3,}[ \t]*$")
BLANK = re.compile(r"[ \t]*$")
TICKS = re.compile(r"(?<!`)`+(?!`)")

Kind = Literal["text", "code", "html", "quote"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a note and the kind of block it is in; `info` is the info string of its fence."""

    text: str
    kind: Kind
    info: str = ""


def lines(text: str) -> Iterator[Line]:
    """Every line of a note (no carriage returns in it) with what it is."""
    rest = text.split("\n")
    in_paragraph = False
    while rest:
        kind, taken, info = _block(rest, in_paragraph)
        for line in rest[:taken]:
            yield Line(line, kind, info)
        in_paragraph = kind == "text" and not BLANK.match(rest[taken - 1])
        rest = rest[taken:]


def without_code(text: str) -> str:
    """The text outside of code; of code blocks empty lines are left. In an HTML block a backtick is a backtick."""
    return "\n".join(
        _readable(kind, [line.text for line in run]) for kind, run in groupby(lines(text), _kind)
    )


def fences(text: str) -> Iterator[str]:
    """The info string of every fenced block's lines, once a line."""
    return (line.info for line in lines(text) if line.info)


def _kind(line: Line) -> Kind:
    return line.kind


def _readable(kind: Kind, run: list[str]) -> str:
    if kind == "code":
        return "\n" * (len(run) - 1)
    text = "\n".join(run)
    if kind == "html":
        return text
    return "\n\n".join(_without_spans(paragraph) for paragraph in re.split(r"\n[ \t]*\n", text))


def _block(rest: list[str], in_paragraph: bool) -> tuple[Kind, int, str]:
    """What begins at the first of these lines: its kind, how many lines it takes, a fence's info string."""
    first = rest[0]
    if fence := FENCE.match(first):
        return "code", _fenced(fence, rest), fence["info"].strip()
    if QUOTE_FENCE.match(first) and first in rest[1:]:
        return "quote", rest.index(first, 1) + 1, ""
    for start, end in HTML_STARTS:
        if start.match(first):
            return "html", _up_to(end, rest), ""
    if BLOCK_TAG.match(first) or (LONE_TAG.match(first) and not in_paragraph):
        return "html", _up_to_blank(rest), ""
    if first.startswith(("    ", "\t")) and not in_paragraph and not BLANK.match(first):
        return "code", 1, ""
    return "text", 1, ""


def _fenced(fence: re.Match[str], rest: list[str]) -> int:
    """A fence ends at its like, at the end of the quote or list item it stands in, or at the end of the note."""
    marks = fence["fence"]
    closing = re.compile(rf"[ >]*{re.escape(marks[0])}{{{len(marks)},}}[ \t]*$")
    for count, line in enumerate(rest[1:], start=1):
        if not _in_container(line, fence["container"]):
            return count
        if closing.match(line):
            return count + 1
    return len(rest)


def _in_container(line: str, container: str) -> bool:
    if ">" in container:
        return line.lstrip().startswith(">")
    return not container or BLANK.match(line) is not None or line.startswith(" " * len(container))


def _up_to(end: re.Pattern[str], rest: list[str]) -> int:
    return next((count for count, line in enumerate(rest, start=1) if end.search(line)), len(rest))


def _up_to_blank(rest: list[str]) -> int:
    return next((count for count, line in enumerate(rest) if BLANK.match(line)), len(rest))


def _without_spans(paragraph: str) -> str:
    """A code span is closed by as many backticks as opened it; an escaped backtick opens none."""
    kept, at = [], 0
    runs = list(TICKS.finditer(paragraph))
    while runs:
        opening = runs.pop(0)
        escaped = _escaped(paragraph, opening.start())
        length = len(opening[0]) - escaped
        closing = next((run for run in runs if length and len(run[0]) == length), None)
        if closing is None:
            continue
        kept.append(paragraph[at : opening.start() + escaped])
        at = closing.end()
        runs = [run for run in runs if run.start() >= at]
    return " ".join([*kept, paragraph[at:]])


def _escaped(text: str, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
