"""One line of Markdown made inert: references in code, foreign links as text, everything unknown as its characters."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.entities import html5

from bot.domain.references import REFERENCES, bare_link, own_address
from bot.domain.visible import visible

TOKEN = re.compile(
    r"""(?P<escape>\\[!-/:-@\[-`{-~])
      | (?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)
      | (?P<ticks>`+)
      | (?P<comment><!--)
      | (?P<tag></?sub>|<br>)
      | (?P<auto><[A-Za-z][A-Za-z0-9+.\-]{1,31}:[^\s<>`|\\]*>)
      | \[(?P<label>(?:[^\[\]\\`|<]|\\[!-/:-@\[-`{-~]|`[^`|\[\]\\]{1,100}`){1,300})\]
        \((?P<link>https?://[^\s()<>`|\\"'\[\]]{1,2000})\)
      | (?P<plain>[^\\&`<\[\]|$]+)
      | (?P<other>.)""",
    re.VERBOSE,
)
ESCAPED = re.compile(
    r"\\([!-/:-@\[-`{-~])|(&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
TICKS = re.compile(r"`+")

ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "`": "&#96;"}
ESCAPABLE = frozenset("!#$%()*+-.:;=?@[]^_{|}~")
LINE_RULES = (
    # front matter, GitLab's include and its fenced quotes
    (re.compile(r"^(\s*)(---|\+\+\+|;;;|::include|>>>)"), lambda found: found[1] + _first_escaped(found[2])),
    # the box of a task stays one
    (
        re.compile(r"^(\s*(?:[*+-]|\d{1,9}[.)]) )\\\[([ xX])\\\](?= \S)"),
        lambda found: f"{found[1]}[{found[2]}]",
    ),
    # a quick action, also behind any list or quote mark, or a task's box
    (re.compile(r"^([\s>*+\-\d.)]*(?:\[[ xX]\] )?)/"), lambda found: f"{found[1]}&#47;"),
    # alone on its line a tag starts an HTML block
    (re.compile(r"^([\s>*+\-\d.)]*)<br>$"), lambda found: f"{found[1]}&lt;br&gt;"),
)
"""What a line must not begin with, and the one thing in brackets that it may."""


def inert_line(line: str, hosts: frozenset[str]) -> str:
    """One line of text, safe whichever block it turns out to be in, and whatever the lines around it hold."""
    safe = _inline(line, hosts).rstrip()
    for pattern, replacement in LINE_RULES:
        safe = pattern.sub(replacement, safe)
    return safe


def unescaped(text: str) -> str:
    """The characters a reader sees: backslash escapes and entities undone."""
    return ESCAPED.sub(lambda found: found[1] or _entity(found[2]), text)


def _first_escaped(text: str) -> str:
    return ENTITIES.get(text[0], f"\\{text[0]}") + text[1:]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a line. `kind`: "text" (stays Markdown), "literal" (characters to show), "tag" or "done"."""

    kind: str
    text: str


def _inline(line: str, hosts: frozenset[str]) -> str:
    pieces: list[str] = []
    shown, literal = "", ""
    for piece in _balanced(_pieces(line, hosts)):
        if piece.kind in {"text", "literal"}:
            shown += piece.text
            literal += ("1" if piece.kind == "literal" else "0") * len(piece.text)
            continue
        pieces += (*_text(shown, literal, hosts), piece.text)
        shown, literal = "", ""
    return _joined((*pieces, *_text(shown, literal, hosts)))


def _joined(pieces: Iterable[str]) -> str:
    """Code spans must not run together; a dollar before one makes it maths, a mark before a link an image."""
    out: list[str] = []
    for piece in filter(None, pieces):
        if out and out[-1][-1] + piece[0] in {"``", "$`", "!["}:
            out.append(" ")
        out.append(piece)
    return "".join(out)


def _pieces(line: str, hosts: frozenset[str]) -> Iterator[_Piece]:
    spans = _CodeSpans(line)
    at, before = 0, ""
    while at < len(line):
        token = TOKEN.match(line, at)
        assert token is not None, "the last alternative takes any character"
        end = token.end()
        kind, source = token.lastgroup, token[0]
        if kind == "ticks":
            end = spans.end(at, len(source)) or end
            yield _Piece("done" if end > token.end() else "literal", line[at:end])
        elif kind == "comment":
            close = line.find("-->", at + 4) if at < spans.last_comment_end else -1
            end = close + 3 if close >= 0 else at + 1
            yield _Piece("literal", "" if close >= 0 else "<")
        elif kind == "link" and (before == "!" or not own_address(token["link"], hosts)):
            end = at + 1
            yield _Piece("literal", "[")
        else:
            yield _piece(kind, token, hosts)
        before, at = source[-1] if kind in {"plain", "other"} else "", end


def _piece(kind: str | None, token: re.Match[str], hosts: frozenset[str]) -> _Piece:
    source = token[0]
    if kind == "link":
        label = _inline(token["label"], frozenset())
        return _Piece("done", f"[{label}]({own_address(token['link'], hosts)})")
    if kind == "auto":
        return _Piece("done", bare_link(source[1:-1], hosts) or f"`{source}`")
    if kind == "escape":
        return _Piece("literal", source[1])
    if kind == "entity":
        return _Piece("literal", visible(_entity(source)).replace("\n", " "))
    if kind == "other" and source != "|":
        return _Piece("literal", source)
    return _Piece("tag" if kind == "tag" else "text", source)


def _entity(source: str) -> str:
    """The characters an entity stands for; an unknown name stands for itself (CommonMark 6.2)."""
    name = source[1:]
    if not name.startswith("#"):
        return html5.get(name, source)
    code = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
    valid = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if valid else "\ufffd"


class _CodeSpans:
    """Where the code spans of one line end. A pipe ends every span, for the line may be a table's row."""

    def __init__(self, line: str) -> None:
        self.last_comment_end = line.rfind("-->")
        self._borders = [found.end() - 1 for found in CELL_END.finditer(line)]
        self._runs: dict[int, list[int]] = {}
        for run in TICKS.finditer(line):
            self._runs.setdefault(len(run[0]), []).append(run.start())

    def end(self, start: int, ticks: int) -> int | None:
        """Where the span that `ticks` backticks open at `start` ends, None if it does not."""
        runs = self._runs.get(ticks, [])
        nth = bisect_left(runs, start + ticks)
        if nth == len(runs):
            return None
        border = bisect_left(self._borders, start)
        inside = border == len(self._borders) or runs[nth] < self._borders[border]
        return runs[nth] + ticks if inside else None


def _balanced(pieces: Iterable[_Piece]) -> list[_Piece]:
    """`<sub>` with its `</sub>` and `<br>` as tags, any other tag as text."""
    found = list(pieces)
    opened: list[int] = []
    for at, piece in enumerate(found):
        if piece.kind != "tag":
            continue
        if piece.text == "<sub>":
            opened.append(at)
        elif piece.text == "</sub>" and opened:
            found[opened.pop()] = _Piece("done", "<sub>")
            found[at] = _Piece("done", piece.text)
        else:
            found[at] = _Piece("done" if piece.text == "<br>" else "literal", piece.text)
    for at in opened:
        found[at] = _Piece("literal", "<sub>")
    return found


def _text(shown: str, literal: str, hosts: frozenset[str]) -> Iterator[str]:
    """Text with its references in code. `literal` has a "1" for each character to be shown as it is."""
    at = 0
    for found in REFERENCES.finditer(shown):
        yield _spelled_out(shown[at : found.start()], literal[at : found.start()])
        yield bare_link(found[0], hosts) or f"`{found[0]}`"
        at = found.end()
    yield _spelled_out(shown[at:], literal[at:])


def _spelled_out(shown: str, literal: str) -> str:
    if "1" not in literal:
        return shown
    following = [*shown[1:], ""]
    return "".join(
        _literal(char, after) if flag == "1" else char
        for char, after, flag in zip(shown, following, literal, strict=True)
    )


def _literal(char: str, after: str) -> str:
    """A character as Markdown that shows it. A backslash stays where nothing follows that it could escape."""
    if char == "$" and after and after in "`|\\":
        return "\\$ "
    if char == "\\":
        return char if after.isalnum() else "&#92;"
    return ENTITIES.get(char) or (f"\\{char}" if char in ESCAPABLE else char)
