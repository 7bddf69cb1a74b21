"""Atlassian Document Format, Jira Cloud's own: our documents written in it. `to_text` reads anybody's.

Nodes, marks and what may stand in what: developer.atlassian.com/cloud/jira/platform/apis/document/structure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.adf_reader import to_text
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
    Made,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    Text,
)

__all__ = ["to_adf", "to_text"]

Node = dict[str, Any]

COLORS = {"grey": "neutral", "blue": "blue", "green": "green", "yellow": "yellow", "red": "red"}


def to_adf(document: Document, made: Mapping[str, str] | None = None) -> Node:
    """The document as a version 1 `doc`. `made`: addresses by a `Made`'s action; without one its text stands alone."""
    return {
        "version": 1,
        "type": "doc",
        "content": [_block(block, made or {}) for block in document.blocks],
    }


def _block(block: Block, made: Mapping[str, str]) -> Node:
    match block:
        case Heading():
            return _node("heading", _line(block.content, made), level=block.level)
        case Paragraph():
            return _paragraph(block.content, made)
        case BulletList():
            return _node("bulletList", [_item(item, made) for item in block.items])
        case NumberedList():
            return _node("orderedList", [_item(item, made) for item in block.items])
        case Table():
            return _table(block, made)
        case Code():
            return _code(block)
        case Panel():
            return _node(
                "panel", [_paragraph(one.content, made) for one in block.content], panelType=block.tone
            )


def _paragraph(content: Inlines, made: Mapping[str, str]) -> Node:
    return _node("paragraph", _line(content, made))


def _item(content: Inlines, made: Mapping[str, str]) -> Node:
    return _node("listItem", [_paragraph(content, made)])


def _table(table: Table, made: Mapping[str, str]) -> Node:
    rows = [("tableHeader", table.header), *(("tableCell", one) for one in table.rows)]
    return _node(
        "table",
        [
            _node("tableRow", [_node(kind, [_paragraph(cell, made)]) for cell in cells])
            for kind, cells in rows
        ],
    )


def _code(code: Code) -> Node:
    attributes = {"language": code.language} if code.language else {}
    return _node("codeBlock", [{"type": "text", "text": code.text}] if code.text else [], **attributes)


def _line(content: Inlines, made: Mapping[str, str]) -> list[Node]:
    return [node for one in content for node in _inline(one, made)]


def _inline(one: Inline, made: Mapping[str, str]) -> Iterator[Node]:
    match one:
        case Text():
            yield from _text(one.text, _marks(one))
        case Link():
            yield from _text(one.text, [_linked(one.url)])
        case Made():
            yield from _text(one.text, [_linked(made[one.action])] if made.get(one.action) else [])
        case Lozenge() if one.text:
            yield {"type": "status", "attrs": {"text": one.text, "color": COLORS[one.color]}}


def _text(text: str, marks: list[Node]) -> Iterator[Node]:
    """A text node a line, never an empty one, with hard breaks between."""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield {"type": "hardBreak"}
        if line:
            yield {"type": "text", "text": line} | ({"marks": marks} if marks else {})


def _marks(text: Text) -> list[Node]:
    """The code mark goes with no other one of ours."""
    if text.code:
        return [{"type": "code"}]
    wanted = (("strong", text.strong), ("em", text.emphasis))
    return [{"type": name} for name, on in wanted if on]


def _linked(url: str) -> Node:
    return {"type": "link", "attrs": {"href": url}}


def _node(kind: str, content: list[Node], **attributes: Any) -> Node:
    return {"type": kind} | ({"attrs": attributes} if attributes else {}) | {"content": content}
