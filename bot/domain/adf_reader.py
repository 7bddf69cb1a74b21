"""Atlassian Document Format read as Markdown-like text: whatever Jira stores, and whatever else somebody sends.

Nodes and marks: developer.atlassian.com/cloud/jira/platform/apis/document/structure. Jira also stores nodes that are
documented nowhere; of those the texts are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bot.domain.plain_text import fenced, indented, link, quoted, row, shortened

Node = dict[str, Any]

TASK = {"DONE": "- [x] ", "DECIDED": "- "}
LEVELS = frozenset("123456")
ATTACHMENT = "[attachment]"
DEEPEST = 40  # levels of nesting that are read as structure; texts below that follow each other
MOST_NODES = 50_000  # of a part nested deeper than that


def to_text(node: object) -> str:
    """A document, or any node, as Markdown-like text of at most `plain_text.LONGEST` characters.

    Of a node that is not known its text and children are kept. What is no node at all gives nothing; nothing raises.
    """
    return shortened(_read(node, 0).strip("\n"))


def _read(node: object, depth: int) -> str:
    if not isinstance(node, dict):
        return ""
    if depth > DEEPEST:
        return " ".join(_texts_below(node))
    return READERS.get(_kind(node), _read_unknown)(node, depth)


def _kind(node: Node) -> str:
    kind = node.get("type")
    return kind if isinstance(kind, str) else ""


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _attribute(node: Node, *names: str) -> str:
    """The first of the attributes that holds something."""
    attributes = node.get("attrs")
    values = (attributes.get(name) for name in names) if isinstance(attributes, dict) else ()
    return next((str(value) for value in values if isinstance(value, str | int) and value != ""), "")


def _read_unknown(node: Node, depth: int) -> str:
    text = node.get("text")
    own = text if isinstance(text, str) else _attribute(node, "text", "title", "url")
    children = _children(node)
    if all(_kind(child) in INLINE for child in children):
        return own + _read_line(node, depth)
    return "\n\n".join(filter(None, (own, _read_blocks(node, depth))))


def _read_line(node: Node, depth: int) -> str:
    return "".join(_read(child, depth + 1) for child in _children(node))


def _read_blocks(node: Node, depth: int) -> str:
    """The children, an empty line between blocks."""
    parts: list[str] = []
    glued = False
    for child in _children(node):
        inline = _kind(child) in INLINE
        text = _read(child, depth + 1)
        if inline and glued:
            parts[-1] += text
        elif text.strip():
            parts.append(text)
            glued = inline
    return "\n\n".join(parts)


def _read_heading(node: Node, depth: int) -> str:
    level = _attribute(node, "level")
    return f"{'#' * (int(level) if level in LEVELS else 1)} {_on_one_line(node, depth)}"


def _on_one_line(node: Node, depth: int) -> str:
    return " ".join(_read_line(node, depth).split())


def _read_list(node: Node, depth: int) -> str:
    mark = "1. " if _kind(node) == "orderedList" else "- "
    return "\n".join(indented(mark, _read_item(child, depth + 1)) for child in _children(node))


def _read_item(node: Node, depth: int) -> str:
    """Its blocks close together: the lists within are lists of the next level."""
    if _kind(node) in INLINE:
        return _read(node, depth)
    return "\n".join(filter(None, (_read(child, depth + 1).strip("\n") for child in _children(node))))


def _read_tasks(node: Node, depth: int) -> str:
    return "\n".join(_read_task(child, depth + 1) for child in _children(node))


def _read_task(node: Node, depth: int) -> str:
    if _kind(node) in {"taskList", "decisionList"}:
        return indented("  ", _read_tasks(node, depth))
    mark = TASK.get(_attribute(node, "state"), "- [ ] ")
    return mark + _on_one_line(node, depth)


def _read_table(node: Node, depth: int) -> str:
    return "\n".join(
        row(_read_blocks(cell, depth + 2) for cell in _children(child)) for child in _children(node)
    )


def _read_code(node: Node, depth: int) -> str:
    return fenced(_read_line(node, depth), _attribute(node, "language"))


def _read_quote(node: Node, depth: int) -> str:
    return quoted(_read_blocks(node, depth))


def _read_expand(node: Node, depth: int) -> str:
    return "\n\n".join(filter(None, (_attribute(node, "title"), _read_blocks(node, depth))))


def _read_text(node: Node, depth: int) -> str:
    text = node.get("text")
    return _marked(text, _marks_of(node)) if isinstance(text, str) else ""


def _marks_of(node: Node) -> Mapping[str, Node]:
    marks = node.get("marks")
    if not isinstance(marks, list):
        return {}
    return {str(mark["type"]): mark for mark in marks if isinstance(mark, dict) and "type" in mark}


def _marked(text: str, marks: Mapping[str, Node]) -> str:
    core = text.strip()
    if not core:
        return text
    before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
    for name, sign in SIGNS.items():
        if name in marks:
            core = f"{sign}{core}{sign}"
    if "link" in marks:
        core = link(core, _attribute(marks["link"], "href"))
    return before + core + after


def _read_mention(node: Node, depth: int) -> str:
    name = _attribute(node, "text", "id")
    return name if name.startswith("@") else f"@{name}"


def _read_date(node: Node, depth: int) -> str:
    """A timestamp in milliseconds as 2026-11-22."""
    stamp = _attribute(node, "timestamp")
    try:
        return datetime.fromtimestamp(int(stamp) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return stamp


def _texts_below(node: Node) -> list[str]:
    """The texts of a part too deep to be read as structure, in order."""
    return [text for one in islice(_below(node), MOST_NODES) if isinstance(text := one.get("text"), str)]


def _below(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(_children(one))


def _shown(*names: str) -> Callable[[Node, int], str]:
    return lambda node, depth: _attribute(node, *names)


def _always(text: str) -> Callable[[Node, int], str]:
    return lambda node, depth: text


SIGNS = {"code": "`", "em": "_", "strong": "**", "strike": "~~"}
INLINE = frozenset(
    {"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "placeholder", "mediaInline"}
)
READERS: Mapping[str, Callable[[Node, int], str]] = {
    "doc": _read_blocks,
    "paragraph": _read_line,
    "heading": _read_heading,
    "bulletList": _read_list,
    "orderedList": _read_list,
    "listItem": _read_item,
    "taskList": _read_tasks,
    "decisionList": _read_tasks,
    "taskItem": _read_task,
    "decisionItem": _read_task,
    "table": _read_table,
    "codeBlock": _read_code,
    "blockquote": _read_quote,
    "expand": _read_expand,
    "nestedExpand": _read_expand,
    "rule": _always("---"),
    "media": _always(ATTACHMENT),
    "mediaInline": _always(ATTACHMENT),
    "text": _read_text,
    "hardBreak": _always("\n"),
    "mention": _read_mention,
    "emoji": _shown("text", "shortName"),
    "date": _read_date,
    "status": _shown("text"),
    "inlineCard": _shown("url"),
    "blockCard": _shown("url"),
    "embedCard": _shown("url"),
}
