"""Inline comments in storage: `<ac:inline-comment-marker ac:ref="...">words</ac:inline-comment-marker>`."""

from dataclasses import dataclass

from bot.sandbox.confluence.tree import CData, Element, Node, read, write

MARKER = "ac:inline-comment-marker"
SILENT = {
    "ac:parameter",
    "ac:plain-text-body",
    "ac:plain-text-link-body",
    "ac:task-id",
    "ac:task-uuid",
    "ac:task-status",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """`parent.children[index]` is a text that has the words at `start`."""

    parent: Element
    index: int
    start: int


def refs(storage: str) -> set[str]:
    """The `ac:ref` of every marker that stands there."""
    return {one.attributes.get("ac:ref", "") for one in read(storage).walk() if one.name == MARKER}


def count(storage: str, selection: str) -> int:
    """How often these words stand in the text of the page, each time within one node of it."""
    return len(_places(read(storage), selection))


def marked(storage: str, selection: str, index: int, ref: str) -> str:
    """With a marker around the words where they stand for the `index`th time, counted from 0."""
    root = read(storage)
    place = _places(root, selection)[index]
    text = str(place.parent.children[place.index])
    end = place.start + len(selection)
    marker = Element(MARKER, {"ac:ref": ref}, [selection])
    parts: list[Node] = [text[: place.start], marker, text[end:]]
    place.parent.children[place.index : place.index + 1] = [part for part in parts if part != ""]
    return write(root)


def _places(root: Element, selection: str) -> list[_Place]:
    places: list[_Place] = []
    for element in root.walk():
        if element.name in SILENT:
            continue
        for index, node in enumerate(element.children):
            if isinstance(node, str) and not isinstance(node, CData):
                places.extend(_Place(element, index, start) for start in _starts(node, selection))
    return places


def _starts(text: str, words: str) -> list[int]:
    starts: list[int] = []
    at = text.find(words)
    while at >= 0 and words:
        starts.append(at)
        at = text.find(words, at + len(words))
    return starts
