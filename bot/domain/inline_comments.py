"""Inline comments of a page: each hangs on a marker around the text it speaks of, and is lost with its last one."""

import re
from collections.abc import Sequence
from functools import reduce
from html import escape

from bot.domain.storage_scan import Element, Node, Text, elements, scan, text_of

MARKER = "ac:inline-comment-marker"
REF = "ac:ref"
MARKED = '<ac:inline-comment-marker ac:ref="{ref}">{text}</ac:inline-comment-marker>'
NOT_SHOWN = frozenset(
    {"ac:parameter", "ac:plain-text-body", "ac:plain-text-link-body", "ac:placeholder"}
    | {"ac:task-id", "ac:task-uuid", "ac:task-status"}
)
CHARACTER = re.compile(rb"&[^;]*;|\r\n|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*")


def is_commented(nodes: Sequence[Node]) -> bool:
    return any(element.name == MARKER for element in elements(nodes))


def lost_comments(old: str, new: str) -> int:
    """How many inline comments have a marker in the old text and none in the new one. Raises Damaged."""
    return len({ref for ref, _ in _markers(old)} - {ref for ref, _ in _markers(new)})


def reanchored(old: str, new: str) -> str:
    """The new text with the markers of the old one that it lacks, each where its text stands just once. Raises Damaged.

    Just once: in one piece of text that no tag and no entity interrupts, and nowhere else.
    """
    there = {ref for ref, _ in _markers(new)}
    return reduce(_anchored, [marker for marker in _markers(old) if marker[0] not in there], new)


def _markers(fragment: str) -> list[tuple[str, str]]:
    """Every marker's comment and text."""
    markers = (element for element in elements(scan(fragment).children) if element.name == MARKER)
    return [(marker.attributes.get(REF, ""), text_of(marker.children)) for marker in markers]


def _anchored(fragment: str, marker: tuple[str, str]) -> str:
    ref, text = marker
    places = [(node, at) for node in _shown(scan(fragment).children) for at in _occurrences(node.text, text)]
    return _marked(fragment, *places[0], marker) if ref and text.strip() and len(places) == 1 else fragment


def _shown(nodes: Sequence[Node]) -> list[Text]:
    """The texts that a person can point at."""
    shown: list[Text] = []
    for node in nodes:
        if isinstance(node, Element) and node.name not in NOT_SHOWN:
            shown += _shown(node.children)
        elif isinstance(node, Text) and not node.is_cdata:
            shown.append(node)
    return shown


def _occurrences(whole: str, text: str) -> list[int]:
    return [found.start() for found in re.finditer(f"(?={re.escape(text)})", whole)]


def _marked(fragment: str, node: Text, at: int, marker: tuple[str, str]) -> str:
    ref, text = marker
    data = fragment.encode()
    ends = [node.start, *(node.start + one.end() for one in CHARACTER.finditer(data[node.start : node.end]))]
    start, end = ends[at], ends[at + len(text)]
    around = MARKED.format(ref=escape(ref), text=data[start:end].decode())
    return (data[:start] + around.encode() + data[end:]).decode()
