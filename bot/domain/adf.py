"""Atlassian Document Format, Jira Cloud's own: our documents written in it. `to_text` reads anybody's.

Nodes, marks and what may stand in what: developer.atlassian.com/cloud/jira/platform/apis/document/structure.
"""

from collections.abc import Iterable, Iterator, Mapping
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
    TaskList,
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
        "content": [_block(block, nth, made or {}) for nth, block in enumerate(document.blocks, 1)],
    }


def _block(block: Block, nth: int, made: Mapping[str, str]) -> Node:
    match block:
        case Heading():
            return _node("heading", _line(block.content, made), level=block.level)
        case Paragraph():
            return _paragraph(block.content, made)
        case BulletList():
            return _nested("bulletList", block.nested(), made)
        case NumberedList():
            return _nested("orderedList", block.nested(), made)
        case TaskList():
            return _tasks(block, f"trivet-{nth}", made)
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


def _nested(kind: str, items: Iterable[tuple[int, Inlines]], made: Mapping[str, str]) -> Node:
    """The list, in whose items the deeper ones stand. `open_lists`: of each level, the one that goes on."""
    open_lists = [_node(kind, [])]
    for level, content in items:
        if level == len(open_lists):
            open_lists.append(_node(kind, []))
            open_lists[-2]["content"][-1]["content"].append(open_lists[-1])
        del open_lists[level + 1 :]
        open_lists[-1]["content"].append(_node("listItem", [_paragraph(content, made)]))
    return open_lists[0]


def _tasks(tasks: TaskList, name: str, made: Mapping[str, str]) -> Node:
    """Boxes with the names they need, each once in the document and the same whenever it is written."""
    items = [
        _node("taskItem", _line(item, made), localId=f"{name}-{nth}", state="DONE" if done else "TODO")
        for nth, (item, done) in enumerate(zip(tasks.items, tasks.done, strict=True), 1)
    ]
    return _node("taskList", items, localId=name)


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
