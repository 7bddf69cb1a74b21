"""What becomes of storage when it is saved: cleaned of what may not stand there, and rewritten.

Seen of the real one (tools that compare bodies name it: mark's README, md2conf, mcp-atlassian): macros get an id and a
schema version, attributes are put in order, characters become entities, empty elements close themselves, tables get
what the editor needs, page links remember a version. Cloud's editor also has every paragraph, heading and list named
by a `local-id` and bare text in items and cells in paragraphs. What was saved once changes no more.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.sandbox.confluence.elements import (
    ADDRESSES,
    BLOCKS,
    DROPPED,
    FLOWS,
    HARMFUL,
    INLINE_MACROS,
    KNOWN,
    NAMED,
    NO_TEXT,
    WRAPPING,
)
from bot.sandbox.confluence.model import Flavour
from bot.sandbox.confluence.tree import CData, Element, Node, read, write

RENAMED = {"b": "strong", "i": "em"}
TASK_PARTS = ("ac:task-id", "ac:task-uuid", "ac:task-status", "ac:task-body")


@dataclass(frozen=True, slots=True)
class Saving:
    """`version_of`: the version that a page with this title has, 1 where there is none."""

    flavour: Flavour
    version_of: Callable[[str], int]

    @property
    def cloud(self) -> bool:
        return self.flavour == "cloud"


def saved(storage: str, saving: Saving) -> str:
    """The storage that stands there after it was saved. Raises BadStorage."""
    root = read(storage)
    for element in reversed(list(root.walk())):
        _clean(element)
    for element in reversed(list(root.walk())):
        _rewrite(element, saving)
    _number_tasks(root)
    for element in root.walk():
        _name(element, saving)
    return write(root)


# --- cleaning


def _clean(element: Element) -> None:
    """Takes out what may not stand in it; of an unknown element of HTML, what it holds stays."""
    kept: list[Node] = []
    for child in element.children:
        if not isinstance(child, Element) or (child.name in KNOWN and not _is_nameless(child)):
            kept.append(child)
        elif ":" not in child.name and child.name.lower() not in DROPPED:
            kept.extend(child.children)
    element.children = _joined(kept)
    element.attributes = {name: value for name, value in element.attributes.items() if _may_stay(name, value)}


def _is_nameless(element: Element) -> bool:
    return element.name == "ac:structured-macro" and not element.attributes.get("ac:name")


def _may_stay(name: str, value: str) -> bool:
    lower = name.lower()
    return not lower.startswith(("on", "xmlns")) and not (lower in ADDRESSES and HARMFUL.match(value))


def _joined(nodes: Iterable[Node]) -> list[Node]:
    """Texts that came to stand side by side become one."""
    joined: list[Node] = []
    for node in nodes:
        before = joined[-1] if joined else None
        if type(node) is str and type(before) is str:
            joined[-1] = before + node
        else:
            joined.append(node)
    return joined


# --- rewriting


def _rewrite(element: Element, saving: Saving) -> None:
    if saving.cloud and element.name in RENAMED:
        element.name = RENAMED[element.name]
    if element.name in NO_TEXT:
        element.children = [one for one in element.children if not _is_blank(one)]
    if element.name in FLOWS:
        element.children = _tidied(element.children)
    if saving.cloud and element.name in WRAPPING:
        element.children = _wrapped(element)
    if element.name in REWRITERS:
        REWRITERS[element.name](element, saving)


def _macro(element: Element, saving: Saving) -> None:
    element.attributes.setdefault("ac:schema-version", "1")
    element.attributes.setdefault("ac:macro-id", str(uuid.uuid4()))
    if saving.cloud:
        element.attributes.setdefault("ac:local-id", str(uuid.uuid4()))


def _page_link(element: Element, saving: Saving) -> None:
    title = element.attributes.get("ri:content-title", "")
    element.attributes.setdefault("ri:version-at-save", str(saving.version_of(title)))


def _code_body(element: Element, saving: Saving) -> None:
    """Its text becomes one CDATA section."""
    text = "".join(one for one in element.children if not isinstance(one, Element))
    element.children = [CData(text)]


def _table(element: Element, saving: Saving) -> None:
    """Rows stand in a body; Cloud makes a head's rows the body's, too, and says how wide the columns are."""
    heads = {"thead", "tbody", "tfoot"} if saving.cloud else {"tbody"}
    rows: list[Node] = []
    others: list[Node] = []
    for child in element.elements():
        if child.name == "tr":
            rows.append(child)
        elif child.name in heads:
            rows.extend(child.children)
        else:
            others.append(child)
    element.children = [*others, *([Element("tbody", {}, rows)] if rows else [])]
    if saving.cloud:
        element.attributes.setdefault("data-layout", "default")
        element.attributes.setdefault("data-table-width", "760")
        _columns(element)
    else:
        element.attributes.setdefault("class", "wrapped")


def _columns(table: Element) -> None:
    first = next((one for one in table.walk() if one.name == "tr"), None)
    if first is not None and table.child("colgroup") is None:
        columns: list[Node] = [Element("col") for cell in first.elements() if cell.name in ("td", "th")]
        table.children.insert(0, Element("colgroup", {}, columns))


def _task(element: Element, saving: Saving) -> None:
    """Its parts in their order, each there once; Cloud holds the words in a span of its own."""
    parts = {part.name: part for part in reversed(element.elements())}
    parts.setdefault("ac:task-uuid", Element("ac:task-uuid", {}, [str(uuid.uuid4())]))
    parts.setdefault("ac:task-status", Element("ac:task-status", {}, ["incomplete"]))
    body = parts.setdefault("ac:task-body", Element("ac:task-body"))
    if saving.cloud and not any(
        one.attributes.get("class") == "placeholder-inline-tasks" for one in body.elements()
    ):
        body.children = [Element("span", {"class": "placeholder-inline-tasks"}, body.children)]
    element.children = [parts[name] for name in TASK_PARTS if name in parts]


REWRITERS: dict[str, Callable[[Element, Saving], None]] = {
    "ac:structured-macro": _macro,
    "ac:plain-text-body": _code_body,
    "ac:plain-text-link-body": _code_body,
    "ri:page": _page_link,
    "table": _table,
    "ac:task": _task,
}


def _number_tasks(root: Element) -> None:
    tasks = [one for one in root.walk() if one.name == "ac:task"]
    numbers = [int(text) for task in tasks if (text := _text(task.child("ac:task-id"))).isdecimal()]
    following = max(numbers, default=0) + 1
    for task in tasks:
        if task.child("ac:task-id") is None:
            task.children.insert(0, Element("ac:task-id", {}, [str(following)]))
            following += 1


def _text(element: Element | None) -> str:
    return "".join(one for one in element.children if isinstance(one, str)) if element else ""


def _name(element: Element, saving: Saving) -> None:
    """The last step: ids for what Cloud's editor names, and attributes in order."""
    if saving.cloud and element.name in NAMED:
        element.attributes.setdefault("local-id", str(uuid.uuid4()))
    if saving.cloud and element.name == "ac:task-list":
        element.attributes.setdefault("ac:task-list-id", str(uuid.uuid4()))
    element.attributes = dict(sorted(element.attributes.items()))


def _tidied(children: list[Node]) -> list[Node]:
    """Without the blanks between blocks."""
    kept: list[Node] = []
    for index, child in enumerate(children):
        following = children[index + 1] if index + 1 < len(children) else None
        edges = (children[index - 1] if index else None, following)
        if not _is_blank(child) or not any(one is None or _is_block(one) for one in edges):
            kept.append(child)
    return kept


def _wrapped(element: Element) -> list[Node]:
    """Each run of inline nodes in a paragraph of its own."""
    made: list[Node] = []
    run: list[Node] = []
    for child in [*element.children, None]:
        if child is not None and not _is_block(child):
            run.append(child)
            continue
        if run:
            made.append(Element("p", {}, _trimmed(run)))
            run = []
        if child is not None:
            made.append(child)
    return made


def _trimmed(run: list[Node]) -> list[Node]:
    if type(run[0]) is str:
        run[0] = run[0].lstrip(" \t\n")
    if type(run[-1]) is str:
        run[-1] = run[-1].rstrip(" \t\n")
    return [node for node in run if node != "" or isinstance(node, CData)]


def _is_blank(node: Node | None) -> bool:
    return type(node) is str and not node.strip(" \t\n")


def _is_block(node: Node) -> bool:
    if not isinstance(node, Element):
        return False
    if node.name == "ac:structured-macro":
        return node.attributes.get("ac:name") not in INLINE_MACROS
    return node.name in BLOCKS
