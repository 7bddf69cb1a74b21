"""Confluence's storage format read as a light tree that knows at which bytes each part stands.

Storage is XHTML with elements of the undeclared prefixes `ac:` and `ri:`, HTML's entities, CDATA and any number of
root nodes (confluence.atlassian.com/doc/confluence-storage-format-790796544.html). It is read by expat, as XML: put
into one root of ours, behind a document type that declares the entities, so that it can have none of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.entities import name2codepoint
from typing import TypeAlias
from xml.parsers import expat

from bot.errors import Damaged

DEEPEST = 100  # elements within each other; what reads the tree goes down up to five calls a level
BUILT_IN = frozenset({"lt", "gt", "amp", "quot", "apos"})
ENTITIES = "".join(
    f'<!ENTITY {name} "&#{code};">' for name, code in name2codepoint.items() if name not in BUILT_IN
)
OPENING, CLOSING = f"<!DOCTYPE page [{ENTITIES}]><page>".encode(), b"</page>"
CDATA_END = len("]]>")

UNREADABLE = (
    "The page's text is not well-formed (line {line}: {fault}), so nothing can be told from it: "
    "open the page in Confluence's editor and save it again."
)
NOT_TEXT = (
    "The page's text holds characters that are none, so nothing can be told from it: save the page again."
)
TOO_DEEP = (
    f"The page's text is nested more than {DEEPEST} levels deep, so nothing can be told from it: "
    "take the deepest tables, lists or boxes apart."
)


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """Characters in a row, entities resolved. `start` and `end` are bytes (UTF-8); a CDATA section's with its marks."""

    text: str
    start: int
    end: int
    is_cdata: bool = False


@dataclass(slots=True, eq=False)
class Element:
    """An element, its name with the prefix. Its bytes are `start` to `end`, of those between its tags `inner_…`."""

    name: str
    attributes: dict[str, str]
    start: int
    parent: "Element | None" = field(default=None, repr=False)
    children: "list[Node]" = field(default_factory=list, repr=False)
    inner_start: int = 0
    inner_end: int = 0
    end: int = 0


Node: TypeAlias = Text | Element


def scan(storage: str) -> Element:
    """The nodes of a page, or of a part of one, as the children of an element without name. Raises Damaged."""
    try:
        data = storage.encode()
    except UnicodeEncodeError as error:
        raise Damaged(NOT_TEXT) from error
    try:
        return _Scan(data).root()
    except expat.ExpatError as error:
        raise Damaged(UNREADABLE.format(line=error.lineno, fault=expat.ErrorString(error.code))) from error


def elements(nodes: Sequence[Node]) -> Iterator[Element]:
    """Every element of these nodes and below, in order."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Element):
            yield node
            waiting += reversed(node.children)


def texts(nodes: Sequence[Node]) -> Iterator[Text]:
    """Every text of these nodes and below, in order."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Text):
            yield node
        else:
            waiting += reversed(node.children)


def text_of(nodes: Sequence[Node]) -> str:
    """All characters of these nodes and below."""
    return "".join(one.text for one in texts(nodes))


class _Scan:
    """One pass of expat. The end of a start tag and of a text is where the next thing begins."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open = [Element("", {}, 0)]
        self._begun: Element | None = None  # its start tag is being read
        self._pieces: list[str] = []
        self._text_start = 0
        self._is_cdata = False
        self._parser = self._made_parser()

    def root(self) -> Element:
        self._parser.Parse(OPENING + self._data + CLOSING, True)
        root = self._open[0]
        page = root.children[0]
        assert isinstance(page, Element)
        for node in page.children:
            if isinstance(node, Element):
                node.parent = root
        root.children, root.end, root.inner_end = page.children, len(self._data), len(self._data)
        return root

    def _made_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._cdata_start
        parser.EndCdataSectionHandler = self._cdata_end
        parser.CommentHandler = lambda _text: self._reached(self._here())
        parser.ProcessingInstructionHandler = lambda _target, _text: self._reached(self._here())
        return parser

    def _here(self) -> int:
        return self._parser.CurrentByteIndex - len(OPENING)

    def _reached(self, here: int) -> None:
        """What was being read ends here."""
        if self._begun:
            self._begun.inner_start = here
            self._begun = None
        if self._pieces:
            self._open[-1].children.append(
                Text("".join(self._pieces), self._text_start, here, self._is_cdata)
            )
            self._pieces = []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        here = self._here()
        self._reached(here)
        if len(self._open) > DEEPEST + 1:
            raise Damaged(TOO_DEEP)
        element = Element(name, attributes, here, self._open[-1])
        self._open[-1].children.append(element)
        self._open.append(element)
        self._begun = element

    def _end(self, _name: str) -> None:
        """Of an element that closes itself, expat tells the byte behind it; of another, where its end tag begins."""
        here = self._here()
        closes_itself = self._begun is not None and self._data[here - 2 : here] == b"/>"
        self._reached(here)
        element = self._open.pop()
        element.inner_end = here
        element.end = here if closes_itself else self._data.find(b">", here) + 1

    def _characters(self, text: str) -> None:
        if not self._pieces and not self._is_cdata:
            here = self._here()
            self._reached(here)
            self._text_start = here
        self._pieces.append(text)

    def _cdata_start(self) -> None:
        here = self._here()
        self._reached(here)
        self._text_start, self._is_cdata = here, True
        self._pieces.append("")

    def _cdata_end(self) -> None:
        self._reached(self._here() + CDATA_END)
        self._is_cdata = False
