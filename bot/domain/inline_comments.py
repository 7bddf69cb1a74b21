"""Inline comments of a page: each hangs on markers around the text it speaks of, and is lost with the last of them."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import accumulate
from typing import Final, TypeAlias

from bot.domain.storage_scan import Element, Node, Text, elements, scan, text_of

MARKER = "ac:inline-comment-marker"
REF = "ac:ref"
MARKED = '<ac:inline-comment-marker ac:ref="{ref}">{text}</ac:inline-comment-marker>'
NOT_SHOWN = frozenset(
    {"ac:parameter", "ac:plain-text-body", "ac:plain-text-link-body", "ac:placeholder"}
    | {"ac:task-id", "ac:task-uuid", "ac:task-status"}
)
APART = "\0"  # between two texts; no storage holds it
CHARACTER = re.compile(rb"&[^;]*;|\r\n|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*")
Place: TypeAlias = tuple[int, int, str]
MOST_NESTED: Final = 10  # comments on overlapping texts, one in the other


def is_commented(nodes: Sequence[Node]) -> bool:
    return any(element.name == MARKER for element in elements(nodes))


def lost_comments(old: str, new: str) -> int:
    """How many inline comments have a marker in the old text and none in the new one. Raises Damaged."""
    return len(_refs(old) - _refs(new))


def reanchored(old: str, new: str) -> str:
    """The new text with the markers of the old one that it lacks, each where its text stands just once. Raises Damaged.

    Just once: in one piece of text that no tag interrupts, and nowhere else.
    """
    there = _refs(new)
    markers = [(ref, text) for ref, text in _markers(old) if ref not in there and text.strip()]
    for _ in range(MOST_NESTED):
        if not markers:
            break
        new, markers = _with_markers(new, markers)
    return new


def _refs(fragment: str) -> set[str]:
    return {ref for ref, _ in _markers(fragment)}


def _markers(fragment: str) -> list[tuple[str, str]]:
    """Every marker's comment and text."""
    markers = (element for element in elements(scan(fragment).children) if element.name == MARKER)
    return [(marker.attributes.get(REF, ""), text_of(marker.children)) for marker in markers]


def _with_markers(fragment: str, markers: Sequence[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    """The text with those of the markers that have a place and overlap no other, and those that do."""
    data, texts = fragment.encode(), list(_shown(scan(fragment).children))
    whole = APART.join(one.text for one in texts)
    places = sorted((at, at + len(text), ref) for ref, text in markers for at in _only_place(whole, text))
    free, waiting = _side_by_side(places)
    starts = [0, *accumulate(len(one.text) + len(APART) for one in texts)]
    numbers = [bisect_right(starts, start) - 1 for start, _, _ in free]
    offsets = {number: _offsets(data, texts[number]) for number in set(numbers)}
    pieces, reached = [], 0
    for number, (start, end, ref) in zip(numbers, free, strict=True):
        first, last = (offsets[number][at - starts[number]] for at in (start, end))
        around = MARKED.format(ref=escape(ref), text=data[first:last].decode())
        pieces += [data[reached:first], around.encode()]
        reached = last
    written = b"".join([*pieces, data[reached:]]).decode()
    return written, [(ref, whole[start:end]) for start, end, ref in waiting]


def _shown(nodes: Iterable[Node]) -> Iterator[Text]:
    """The texts that a person can point at."""
    for node in nodes:
        if isinstance(node, Element) and node.name not in NOT_SHOWN:
            yield from _shown(node.children)
        elif isinstance(node, Text) and not node.is_cdata:
            yield node


def _only_place(whole: str, text: str) -> list[int]:
    at = whole.find(text)
    return [at] if at >= 0 and whole.find(text, at + 1) < 0 else []


def _side_by_side(places: Iterable[Place]) -> tuple[list[Place], list[Place]]:
    """The places, in order, that overlap none before, and the others."""
    free: list[Place] = []
    waiting: list[Place] = []
    for place in places:
        fits = not free or place[0] >= free[-1][1]
        (free if fits else waiting).append(place)
    return free, waiting


def _offsets(data: bytes, text: Text) -> list[int]:
    """The byte at which each of a text's characters begins, and the last ends. An entity is one character."""
    ends = (one.end() for one in CHARACTER.finditer(data, text.start, text.end))
    return [text.start, *ends]
