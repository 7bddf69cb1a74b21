"""Storage as blocks and lines: what begins a block, and a line as runs of text with the marks that lie on it.

Blanks are those of XML; runs of them are one, outside code. What nobody sees is left out: blanks of every kind and line
breaks at a line's end, paragraphs without content, marks on a blank between two texts that do not share them.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple, TypeAlias

from bot.domain.storage_scan import Element, Node, Text

MARKS = {
    "strong": "strong",
    "b": "strong",
    "em": "em",
    "i": "em",
    "del": "del",
    "s": "del",
    "strike": "del",
    "u": "u",
    "sub": "sub",
    "sup": "sup",
    "small": "small",
    "big": "big",
    "code": "code",
    **{name: name for name in ("ins", "tt", "kbd", "samp", "var", "cite", "q", "abbr", "acronym")},
}
TRANSPARENT = frozenset({"span", "ac:inline-comment-marker", "tbody", "thead", "tfoot"})
INLINE = frozenset(
    {*MARKS, "a", "span", "ac:inline-comment-marker", "br", "img", "time"}
    | {"ac:link", "ac:image", "ac:emoticon", "ac:placeholder"}
)
INLINE_MACROS = frozenset({"status", "anchor"})
MACROS = frozenset({"ac:structured-macro", "ac:macro"})
BLANKS = re.compile(r"([ \t\r\n]+)")
UNSEEN_ELEMENTS = frozenset({"colgroup", "col", "ac:task-id", "ac:task-uuid"})

Mark: TypeAlias = tuple[str, ...]
Marks: TypeAlias = frozenset[Mark]
NO_MARKS: Marks = frozenset()
CODE: Mark = ("code",)
Part: TypeAlias = "Element | tuple[Node, ...]"


class Run(NamedTuple):
    """Text with its marks, or an element that is none: a line break, an image, a macro. A link's mark is ("a", url)."""

    marks: Marks
    text: str = ""
    element: Element | None = None

    @property
    def is_break(self) -> bool:
        return self.element is not None and self.element.name == "br"

    @property
    def is_code(self) -> bool:
        return CODE in self.marks


def macro_name(element: Element) -> str:
    """The name of a macro, "" for any other element."""
    return element.attributes.get("ac:name", "") if element.name in MACROS else ""


def flat(nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes, those that mean nothing themselves replaced by what they hold."""
    for node in nodes:
        if isinstance(node, Element) and node.name in TRANSPARENT:
            yield from flat(node.children)
        else:
            yield node


def parts(nodes: Iterable[Node]) -> Iterator[Part]:
    """The blocks among the nodes, and the lines that stand between them without a paragraph; nothing unseen."""
    for is_line, some in groupby(nodes, _is_inline):
        if is_line:
            yield from filter(_shows, [tuple(some)])
        else:
            yield from (node for node in some if isinstance(node, Element) and not _is_unseen(node))


def nodes_of(part: Part) -> tuple[Node, ...]:
    return (part,) if isinstance(part, Element) else part


def line(nodes: Iterable[Node]) -> list[Run]:
    """The nodes as one line."""
    runs = _collapsed(_runs(nodes, NO_MARKS))
    while runs and _ends_unseen(runs[-1]):
        runs.pop()
    if runs and not runs[-1].is_code:
        runs[-1] = runs[-1]._replace(text=runs[-1].text.rstrip())
    return runs


def line_text(nodes: Iterable[Node]) -> str:
    return "".join(run.text for run in line(nodes))


def _is_inline(node: Node) -> bool:
    return isinstance(node, Text) or node.name in INLINE or macro_name(node) in INLINE_MACROS


def _shows(nodes: Iterable[Node]) -> bool:
    """Whether anything of them is seen; mostly the first text tells."""
    return any(isinstance(node, Text) and node.text.strip() for node in nodes) or bool(line(nodes))


def _is_unseen(element: Element) -> bool:
    return element.name in UNSEEN_ELEMENTS or (element.name == "p" and not _shows(element.children))


def _ends_unseen(run: Run) -> bool:
    return run.is_break or (run.element is None and not run.is_code and not run.text.strip())


def _runs(nodes: Iterable[Node], marks: Marks) -> Iterator[Run]:
    for node in nodes:
        if isinstance(node, Text):
            yield Run(marks, node.text)
        elif node.name in TRANSPARENT:
            yield from _runs(node.children, marks)
        elif node.name in MARKS or node.name == "a":
            yield from _runs(node.children, marks | {_mark(node)})
        else:
            yield Run(NO_MARKS if node.name == "br" else marks, element=node)


def _mark(element: Element) -> Mark:
    return ("a", element.attributes.get("href", "")) if element.name == "a" else (MARKS[element.name],)


def _collapsed(runs: Iterable[Run]) -> list[Run]:
    """The runs with one blank for many, none at a line's start, and texts of the same marks joined."""
    done: list[Run] = []
    has_blank = False
    for run in runs:
        text = run.text if run.is_code else BLANKS.sub(" ", run.text)
        core = text if run.is_code else text.strip(" ")
        has_blank = has_blank or (not run.is_code and text.startswith(" "))
        if not core and run.element is None:
            continue
        if has_blank and done and not run.is_break and not done[-1].is_break:
            done.append(Run((done[-1].marks & run.marks) - {CODE}, " "))
        done.append(Run(run.marks, core, run.element))
        has_blank = not run.is_code and text.endswith(" ")
    return _joined(done)


def _joined(runs: Iterable[Run]) -> list[Run]:
    joined: list[Run] = []
    for (marks, is_text), some in groupby(runs, lambda run: (run.marks, run.element is None)):
        if is_text:
            joined.append(Run(marks, "".join(run.text for run in some)))
        else:
            joined += some
    return joined
