"""Storage as plain JSON for the page to draw: a text is a string, an element `{name, attributes, children}`."""

import functools
from typing import Any

from bot.sandbox.confluence.model import Json
from bot.sandbox.confluence.tree import BadStorage, Element, Node, read

DEEPEST = 60


@functools.lru_cache(maxsize=256)
def tree(storage: str) -> Json:
    """The root. Deeper levels than are meant hold their text only; what cannot be read stands there as code."""
    try:
        return _drawn(read(storage), 0)
    except BadStorage:
        return {
            "name": "",
            "attributes": {},
            "children": [{"name": "pre", "attributes": {}, "children": [storage]}],
        }


def _drawn(element: Element, depth: int) -> Json:
    if depth == DEEPEST:
        children: list[Any] = [_text(element)]
    else:
        children = [_node(child, depth + 1) for child in element.children]
    return {"name": element.name, "attributes": element.attributes, "children": children}


def _node(node: Node, depth: int) -> Any:
    return _drawn(node, depth) if isinstance(node, Element) else str(node)


def _text(element: Element) -> str:
    parts = [one for below in element.walk() for one in below.children if isinstance(one, str)]
    return "".join(parts)
