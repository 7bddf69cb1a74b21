"""Atlassian Document Format: which documents Jira Cloud takes, and the plain text of one.

The content model is that of the published JSON schema (http://go.atlassian.com/adf-json-schema) for the nodes Jira
knows: a node or mark that is not listed, one in the wrong place, a missing or unknown attribute all make it invalid.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Test = Callable[[Any], bool]

INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard"})
LISTS = frozenset({"bulletList", "orderedList"})
MEDIA = frozenset({"mediaSingle", "mediaGroup"})
IN_CELL = (
    LISTS
    | MEDIA
    | {"paragraph", "heading", "codeBlock", "blockquote", "panel", "rule", "taskList", "decisionList"}
    | {"blockCard", "nestedExpand"}
)
BLOCKS = (IN_CELL - {"nestedExpand"}) | {"table", "expand", "embedCard"}
IN_ITEM = LISTS | {"paragraph", "codeBlock", "mediaSingle", "taskList"}
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class InvalidDocument(ValueError):
    """Says what is wrong and where: "content[0].content[2]: ..."."""


def words(value: Any) -> bool:
    return isinstance(value, str)


def named(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def color(value: Any) -> bool:
    return isinstance(value, str) and HEX_COLOR.fullmatch(value) is not None


def anything(value: Any) -> bool:
    return True


def one_of(*values: Any) -> Test:
    return lambda value: value in values and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Kind:
    """`content`: types of the children, None: it has none. `first`: what the first child may be, when that differs."""

    content: frozenset[str] | None = None
    least: int = 0
    first: frozenset[str] | None = None
    needs: dict[str, Test] = field(default_factory=dict)
    takes: dict[str, Test] = field(default_factory=dict)


def kind(*content: str | frozenset[str], **rest: Any) -> Kind:
    children = frozenset().union(*(one if isinstance(one, frozenset) else {one} for one in content))
    return Kind(children if content else None, **rest)


CELL = kind(
    frozenset(IN_CELL),
    least=1,
    takes={"colspan": whole, "rowspan": whole, "colwidth": anything, "background": words},
)
LOCAL = {"localId": words}
NODES: dict[str, Kind] = {
    "paragraph": kind(INLINE, takes=LOCAL),
    "heading": kind(INLINE, needs={"level": one_of(1, 2, 3, 4, 5, 6)}, takes=LOCAL),
    "bulletList": kind("listItem", least=1),
    "orderedList": kind("listItem", least=1, takes={"order": whole}),
    "listItem": kind(frozenset(IN_ITEM), least=1, first=frozenset(IN_ITEM - LISTS)),
    "taskList": kind("taskItem", "taskList", least=1, first=frozenset({"taskItem"}), needs=LOCAL),
    "taskItem": kind(INLINE, needs={"localId": words, "state": one_of("TODO", "DONE")}),
    "decisionList": kind("decisionItem", least=1, needs=LOCAL),
    "decisionItem": kind(INLINE, needs={"localId": words, "state": words}),
    "blockquote": kind("paragraph", "codeBlock", LISTS, MEDIA, least=1),
    "codeBlock": kind("text", takes={"language": words, "uniqueId": words}),
    "panel": kind(
        frozenset(IN_CELL - {"panel", "blockquote", "nestedExpand"}),
        least=1,
        needs={"panelType": one_of("info", "note", "tip", "warning", "error", "success", "custom")},
        takes={"panelIcon": words, "panelIconId": words, "panelIconText": words, "panelColor": words},
    ),
    "rule": kind(),
    "table": kind(
        "tableRow",
        least=1,
        takes={"isNumberColumnEnabled": flag, "layout": words, "width": anything, "displayMode": words}
        | LOCAL,
    ),
    "tableRow": kind("tableCell", "tableHeader", least=1),
    "tableCell": CELL,
    "tableHeader": CELL,
    "expand": kind(frozenset(IN_CELL), least=1, takes={"title": words}),
    "nestedExpand": kind(
        frozenset(LISTS | MEDIA | {"paragraph", "heading", "codeBlock", "panel", "blockquote", "rule"}),
        least=1,
        takes={"title": words},
    ),
    "mediaSingle": kind("media", least=1, takes={"layout": words, "width": anything, "widthType": words}),
    "mediaGroup": kind("media", least=1),
    "media": kind(
        needs={"type": one_of("file", "link", "external")},
        takes=dict.fromkeys(("id", "collection", "url", "alt", "occurrenceKey"), words)
        | {"width": anything, "height": anything},
    ),
    "blockCard": kind(takes={"url": named, "data": anything}),
    "embedCard": kind(needs={"url": named, "layout": words}, takes={"width": anything}),
    "text": kind(),
    "hardBreak": kind(takes={"text": one_of("\n")}),
    "mention": kind(needs={"id": named}, takes={"text": words, "userType": words, "accessLevel": words}),
    "emoji": kind(needs={"shortName": named}, takes={"id": words, "text": words}),
    "date": kind(needs={"timestamp": named}),
    "status": kind(
        needs={"text": named, "color": one_of("neutral", "purple", "blue", "red", "yellow", "green")},
        takes={"style": words} | LOCAL,
    ),
    "inlineCard": kind(takes={"url": named, "data": anything}),
}
MARKS: dict[str, Kind] = {
    "strong": kind(),
    "em": kind(),
    "code": kind(),
    "strike": kind(),
    "underline": kind(),
    "subsup": kind(needs={"type": one_of("sub", "sup")}),
    "textColor": kind(needs={"color": color}),
    "backgroundColor": kind(needs={"color": color}),
    "link": kind(
        needs={"href": named},
        takes=dict.fromkeys(("title", "id", "collection", "occurrenceKey"), words),
    ),
}
BESIDE_CODE = {"code", "link"}
NODE_KEYS = {"type", "attrs", "content", "marks", "text"}
DOCUMENT_KEYS = {"type", "version", "content"}


def check(document: Any) -> Json:
    """The document, when Jira would take it. Raises InvalidDocument."""
    if not isinstance(document, dict) or document.get("type") != "doc":
        raise InvalidDocument('not a document: its type is not "doc"')
    if document.get("version") != 1 or isinstance(document["version"], bool):
        raise InvalidDocument("its version is not 1")
    if set(document) - DOCUMENT_KEYS:
        raise InvalidDocument("it has keys no document has")
    _check_children(document.get("content"), Kind(frozenset(BLOCKS)), "")
    return document


def _check_children(children: Any, parent: Kind, where: str) -> None:
    if not isinstance(children, list):
        raise InvalidDocument(f"{where}content is no list")
    if len(children) < parent.least:
        raise InvalidDocument(f"{where}content is empty")
    for number, child in enumerate(children):
        allowed = parent.first if number == 0 and parent.first else parent.content
        _check_node(child, allowed or frozenset(), f"{where}content[{number}]")


def _check_node(node: Any, allowed: frozenset[str], where: str) -> None:
    if not isinstance(node, dict) or not isinstance(node.get("type"), str):
        raise InvalidDocument(f"{where}: not a node")
    name = node["type"]
    if name not in NODES or name not in allowed:
        raise InvalidDocument(f'{where}: there is no "{name}" here')
    if set(node) - NODE_KEYS:
        raise InvalidDocument(f"{where}: it has keys no node has")
    _check_attributes(node, NODES[name], where)
    _check_text(node, where)
    _check_marks(node, allowed, where)
    _check_content(node, NODES[name], where)


def _check_attributes(owner: Json, rule: Kind, where: str) -> None:
    given = owner.get("attrs", {})
    if not isinstance(given, dict):
        raise InvalidDocument(f"{where}: attrs is no object")
    missing = set(rule.needs) - set(given)
    if missing:
        raise InvalidDocument(f"{where}: {sorted(missing)[0]} is missing")
    tests = rule.needs | rule.takes
    for name, value in given.items():
        if name not in tests or not tests[name](value):
            raise InvalidDocument(f"{where}: attribute {name} is not valid")
    if owner["type"] in ("inlineCard", "blockCard") and not given:
        raise InvalidDocument(f"{where}: a card needs a url")


def _check_text(node: Json, where: str) -> None:
    if (node["type"] == "text") != ("text" in node):
        raise InvalidDocument(f"{where}: only a text node has a text")
    if node["type"] == "text" and not named(node["text"]):
        raise InvalidDocument(f"{where}: its text is empty")


def _check_marks(node: Json, allowed: frozenset[str], where: str) -> None:
    marks = node.get("marks", [])
    if not isinstance(marks, list) or not all(isinstance(one, dict) for one in marks):
        raise InvalidDocument(f"{where}: marks is no list of marks")
    if marks and (node["type"] != "text" or allowed == NODES["codeBlock"].content):
        raise InvalidDocument(f"{where}: it takes no marks")
    names = [one.get("type") for one in marks]
    if len(set(map(str, names))) < len(names) or ("code" in names and set(names) - BESIDE_CODE):
        raise InvalidDocument(f"{where}: its marks exclude each other")
    for mark in marks:
        if mark.get("type") not in MARKS or set(mark) - {"type", "attrs"}:
            raise InvalidDocument(f"{where}: there is no such mark")
        _check_attributes(mark, MARKS[mark["type"]], where)


def _check_content(node: Json, rule: Kind, where: str) -> None:
    if rule.content is None:
        if "content" in node:
            raise InvalidDocument(f"{where}: it has no content")
        return
    _check_children(node.get("content", []), rule, f"{where}.")


def plain(document: Json) -> str:
    """The text a reader sees, a line a block."""
    return "".join(_plain(document)).strip("\n")


def _plain(node: Json) -> Iterator[str]:
    attributes = node.get("attrs", {})
    match node["type"]:
        case "text":
            yield node["text"]
        case "hardBreak":
            yield "\n"
        case "mention" | "emoji" | "status":
            yield str(attributes.get("text") or attributes.get("shortName") or attributes.get("id") or "")
        case "inlineCard" | "blockCard":
            yield str(attributes.get("url", ""))
    for child in node.get("content", []):
        yield from _plain(child)
    if node["type"] in BLOCKS:
        yield "\n"
