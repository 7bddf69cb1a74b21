"""A model's Markdown read as one of our documents: only what a document can hold, everything else as plain text.

CommonMark with tables, task lists and GitHub's alerts (docs.github.com/get-started/writing-on-github). HTML is off, so
that a tag, a comment or a macro is text like any other. Three things of our own:
- `{{status:green|DONE}}` is a lozenge: its colour in lower case, in its text backslashes before signs, no marks.
- A link has a text and an absolute http(s) address. Any other link is its text, an image what it shows in words, and
  `<https://…>` stays as it is written, as `<ac:…>` must.
- A list is of one kind at all levels, the outermost's. Bullets are boxes to tick if every item has one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Final, Literal

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from bot.domain.document import (
    Block,
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    Lozenge,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    joined,
)

LONGEST: Final = 200_000  # characters that are read
DEEPEST: Final = 40  # levels of lists, their items and quotes; 20 lists in each other

Tone = Literal["info", "note", "warning", "success"]
QUOTE: Final[Tone] = "note"  # the tone of a quote that is no alert
ALERTS: Final[dict[str, Tone]] = {
    "NOTE": "info",
    "INFO": "info",
    "IMPORTANT": "note",
    "WARNING": "warning",
    "CAUTION": "warning",
    "TIP": "success",
}
ALERT: Final = re.compile(rf"\[!({'|'.join(ALERTS)})\](?:\s+|\Z)", re.IGNORECASE)
BOX: Final = re.compile(r"\[([ xX])\](?:\s+|\Z)")
LOZENGE: Final = re.compile(r"\{\{status:(grey|blue|green|yellow|red)\|((?:\\.|[^\\{}\n])+)\}\}")
ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
ADDRESS: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
LANGUAGE: Final = re.compile(r"[\w.#+-]+")

LINES: Final = frozenset({"paragraph", "heading"})
LISTS: Final = frozenset({"bullet_list", "ordered_list"})


class _Markdown(MarkdownIt):
    """Addresses stay as they are written: which of them become links is decided here, by `ADDRESS`."""

    def validateLink(self, url: str) -> bool:
        return True

    def normalizeLink(self, url: str) -> str:
        return url


def read_markdown(text: str) -> Document:
    """The Markdown as a document; every text can be read, none raises.

    Soft line breaks are blanks, hard ones newlines, as are the paragraphs of a list's item. Code and tables in an item
    stand after the list; what is no paragraph in a quote stands outside of it. Thematic breaks are left out, and
    whatever is nested deeper than DEEPEST or stands behind the first LONGEST characters.
    """
    return Document(blocks=tuple(_blocks(_tree(text[:LONGEST]))))


def _tree(text: str) -> SyntaxTreeNode:
    """Each line's inlines stand in its `meta`: marks are nested without a bound, too deep for a tree."""
    tokens = MARKDOWN.parse(text)
    for token in tokens:
        if token.type == "inline":
            token.meta["line"], token.children = _inlines(token.children or []), None
    return SyntaxTreeNode(tokens)


# --- blocks ---


def _blocks(parent: SyntaxTreeNode) -> Iterator[Block]:
    for node in parent.children:
        yield from _block(node)


def _block(node: SyntaxTreeNode) -> Iterator[Block]:
    match node.type:
        case "heading":
            yield Heading(level=int(node.tag[1:]), content=_line(node))
        case "paragraph":
            yield Paragraph(content=_line(node))
        case "bullet_list" | "ordered_list":
            yield from _list(node)
        case "blockquote":
            yield from _quote(node)
        case "table":
            yield _table(node)
        case "fence" | "code_block":
            yield _code(node)


def _line(node: SyntaxTreeNode) -> Inlines:
    line: Inlines = node.children[0].meta["line"]
    return line


def _table(node: SyntaxTreeNode) -> Table:
    header, *rows = (tuple(map(_line, row.children)) for part in node.children for row in part.children)
    return Table(header=header, rows=tuple(rows))


def _code(node: SyntaxTreeNode) -> Code:
    language = LANGUAGE.match(node.info.strip())
    return Code(text=node.content.removesuffix("\n"), language=language[0].lower() if language else "")


def _quote(node: SyntaxTreeNode) -> Iterator[Block]:
    """A panel for paragraphs that follow each other. A title is one of them: it begins no part of the whole text."""
    alert = _mark(node, ALERT)
    for in_panel, run in groupby(node.children, key=lambda one: one.type in LINES):
        if in_panel:
            lines = [_quoted(one, bool(alert) and one is node.children[0]) for one in run]
            yield _panel(ALERTS[alert.upper()] if alert else QUOTE, lines)
        else:
            for one in run:
                yield from _block(one)


def _quoted(node: SyntaxTreeNode, has_mark: bool) -> Inlines:
    return _without_mark(_line(node), ALERT) if has_mark else _line(node)


def _panel(tone: Tone, lines: list[Inlines]) -> Panel:
    """Empty lines stay out, unless there is nothing else."""
    shown = [line for line in lines if line] or lines[:1]
    return Panel(tone=tone, content=tuple(Paragraph(content=line) for line in shown))


# --- lists ---


@dataclass(frozen=True, slots=True)
class _Item:
    """`line` has its box, if it has one: " ", "x" or "X". `below` is what stands after the list."""

    level: int
    line: Inlines
    box: str
    below: tuple[Block, ...]


def _list(node: SyntaxTreeNode) -> Iterator[Block]:
    items = tuple(_items(node, 0))
    lines, levels = tuple(item.line for item in items), tuple(item.level for item in items)
    if node.type == "ordered_list":
        yield NumberedList(items=lines, levels=levels)
    elif all(item.box for item in items):
        yield TaskList(
            items=tuple(_without_mark(line, BOX) for line in lines),
            done=tuple(item.box != " " for item in items),
        )
    else:
        yield BulletList(items=lines, levels=levels)
    for item in items:
        yield from item.below


def _items(node: SyntaxTreeNode, level: int) -> Iterator[_Item]:
    for item in node.children:
        below = tuple(block for child in item.children for block in _below(child))
        yield _Item(
            level,
            _as_one([line for child in item.children for line in _lines(child)]),
            _mark(item, BOX),
            below,
        )
        for child in item.children:
            if child.type in LISTS:
                yield from _items(child, level + 1)


def _lines(node: SyntaxTreeNode) -> Iterator[Inlines]:
    """What of an item's part stands in its line."""
    if node.type in LINES:
        yield _line(node)
    elif node.type == "blockquote":
        for child in node.children:
            yield from _lines(child)


def _below(node: SyntaxTreeNode) -> Iterator[Block]:
    """What of it stands neither in its line nor in a list below it."""
    if node.type == "blockquote":
        for child in node.children:
            yield from _list(child) if child.type in LISTS else _below(child)
    elif node.type not in LINES | LISTS:
        yield from _block(node)


def _as_one(lines: list[Inlines]) -> Inlines:
    return joined(tuple(one for line in lines for one in (Text(text="\n"), *line))[1:])


def _mark(node: SyntaxTreeNode, mark: re.Pattern[str]) -> str:
    """What the mark says that stands, not escaped, at the beginning of an item or a quote; "" where none does."""
    first = node.children[0] if node.children else None
    if first is None or first.type != "paragraph":
        return ""
    shown = _line(first)
    found = mark.match(first.children[0].content)
    return found[1] if found and shown and isinstance(shown[0], Text) and mark.match(shown[0].text) else ""


def _without_mark(line: Inlines, mark: re.Pattern[str]) -> Inlines:
    first, *others = line
    return joined((first.model_copy(update={"text": mark.sub("", first.text, count=1)}), *others))


# --- lines ---


def _inlines(tokens: Iterable[Token]) -> Inlines:
    return joined(tuple(_pieces(tokens)))


def _pieces(tokens: Iterable[Token]) -> Iterator[Inline]:
    marks: Counter[str] = Counter()
    rest = iter(tokens)
    for token in rest:
        marks[token.tag] += token.nesting
        if _is_link(token):
            inside = takewhile(lambda one: one.type != "link_close", rest)
            yield Link(text="".join(map(_shown, inside)), url=str(token.attrs["href"]))
        elif token.type == "lozenge":
            yield Lozenge(text=token.content, color=token.info)
        else:
            code = token.type == "code_inline"
            yield Text(text=_shown(token), strong=marks["strong"] > 0, emphasis=marks["em"] > 0, code=code)


def _is_link(token: Token) -> bool:
    return token.type == "link_open" and ADDRESS.fullmatch(str(token.attrs["href"])) is not None


def _shown(token: Token) -> str:
    match token.type:
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "image":
            return "".join(map(_shown, token.children or ()))
        case _:
            return token.content


def _lozenge(state: StateInline, silent: bool) -> bool:
    """A rule of the parser: whether a lozenge begins here, read unless `silent`."""
    found = LOZENGE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        token = state.push("lozenge", "", 0)
        token.info, token.content = found[1], ESCAPE.sub(r"\1", found[2])
    state.pos = found.end()
    return True


def _parser() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "maxNesting": DEEPEST})
    markdown.enable("table").disable("autolink")
    markdown.inline.ruler.push("lozenge", _lozenge)
    return markdown


MARKDOWN: Final = _parser()
