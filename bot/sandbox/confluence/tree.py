"""Storage as a tree: read strictly, as XML with Confluence's prefixes and HTML's entities, and written its way.

Refusals are in the words of Woodstox, the parser Confluence has; like it, this one takes no more than 1,000 levels.
"""

import html.entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

ENTITIES = {
    name: code
    for name, code in html.entities.name2codepoint.items()
    if name not in ("lt", "gt", "amp", "quot")
}
DOCTYPE = "".join(f'<!ENTITY {name} "&#{code};">' for name, code in ENTITIES.items())
HEAD = f"<!DOCTYPE xml [{DOCTYPE}]><xml>"
TAIL = "</xml>"  # Confluence names its own root so when it complains (chesshacker/terraform-provider-confluence#7)
PREFIXES = {"ac", "ri", "at", "xml", "xmlns"}
DEEPEST = 1_000
CLOSING = re.compile(r"</\s*([^\s>]+)")
MARKUP = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
IN_TEXT = MARKUP | {code: f"&{name};" for name, code in ENTITIES.items()}


class BadStorage(ValueError):
    """Says why, in Confluence's words."""


class CData(str):
    """The text of CDATA sections, which may be empty."""


@dataclass(slots=True, eq=False)
class Element:
    """The root's name is empty."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def elements(self) -> list["Element"]:
        return [child for child in self.children if isinstance(child, Element)]

    def child(self, name: str) -> "Element | None":
        return next((one for one in self.elements() if one.name == name), None)

    def walk(self) -> Iterator["Element"]:
        """Itself and all elements below it, parents first, in the order of the text."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(one.elements()))


Node = Element | CData | str


def read(storage: str) -> Element:
    """Raises BadStorage."""
    return _Reader(storage).tree()


def write(root: Element) -> str:
    """With characters that have a name as entities, and empty elements closed in themselves."""
    parts: list[str] = []
    waiting: list[Node | tuple[str]] = [*reversed(root.children)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            parts.append(node[0])
        elif isinstance(node, CData):
            parts.append(f"<![CDATA[{node.replace(']]>', ']]]]><![CDATA[>')}]]>")
        elif isinstance(node, str):
            parts.append(node.translate(IN_TEXT))
        elif not node.children:
            parts.append(f"<{_opened(node)} />")
        else:
            parts.append(f"<{_opened(node)}>")
            waiting.append((f"</{node.name}>",))
            waiting.extend(reversed(node.children))
    return "".join(parts)


def _opened(element: Element) -> str:
    given = (f' {name}="{value.translate(MARKUP)}"' for name, value in element.attributes.items())
    return element.name + "".join(given)


class _Reader:
    """One reading; comments and processing instructions are left out."""

    def __init__(self, storage: str) -> None:
        self._text = (HEAD + storage + TAIL).encode()
        self._open = [Element("")]
        self._in_cdata = False
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata

    def tree(self) -> Element:
        try:
            self._parser.Parse(self._text, True)
        except expat.ExpatError as error:
            raise self._bad(self._reason(error)) from None
        root = self._open[0].elements()[0]
        return Element("", {}, root.children)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        for written in (name, *attributes):
            prefix, colon, _ = written.partition(":")
            if colon and prefix not in PREFIXES:
                raise self._bad(f'Undeclared namespace prefix "{prefix}"')
        if len(self._open) > DEEPEST:
            raise self._bad(f"Maximum Element Depth limit ({DEEPEST}) Exceeded")
        element = Element(name, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        children = self._open[-1].children
        before = children[-1] if children else None
        if self._in_cdata:
            children[-1] = CData(f"{before}{text}")
        elif isinstance(before, str) and not isinstance(before, CData):
            children[-1] = before + text
        else:
            children.append(text)

    def _start_cdata(self) -> None:
        """A section right behind another one goes on with it."""
        self._in_cdata = True
        children = self._open[-1].children
        if not children or not isinstance(children[-1], CData):
            children.append(CData(""))

    def _end_cdata(self) -> None:
        self._in_cdata = False

    def _reason(self, error: expat.ExpatError) -> str:
        kind = expat.errors.messages[error.code]
        if kind == expat.errors.XML_ERROR_TAG_MISMATCH:
            return self._mismatch()
        if kind == expat.errors.XML_ERROR_UNDEFINED_ENTITY:
            found = re.match(rb"&([^;\s]*)", self._text[self._parser.ErrorByteIndex :])
            return f'Undeclared general entity "{found[1].decode() if found else ""}"'
        return f"Unexpected content: {kind}"

    def _mismatch(self) -> str:
        before = self._text.rfind(b"</", 0, self._parser.ErrorByteIndex + 2)
        found = CLOSING.match(self._text[before:].decode(errors="replace"))
        return f"Unexpected close tag </{found[1] if found else ''}>; expected </{self._open[-1].name}>."

    def _bad(self, words: str) -> BadStorage:
        row = self._parser.CurrentLineNumber
        column = self._parser.CurrentColumnNumber + 1 - (len(HEAD) if row == 1 else 0)
        return BadStorage(f"Error parsing xhtml: {words}\n at [row,col {{unknown-source}}]: [{row},{column}]")
