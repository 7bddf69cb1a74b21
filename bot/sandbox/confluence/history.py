"""What a person reads of storage: its lines, and how two versions of them differ."""

import difflib
import functools

from bot.sandbox.confluence.elements import BLOCKS
from bot.sandbox.confluence.model import Json
from bot.sandbox.confluence.tree import BadStorage, CData, Element, Node, read

BULLETS = {"li": "• ", "ac:task": "☐ ", **{f"h{level}": f"{'#' * level} " for level in range(1, 7)}}
SILENT = {"ac:parameter", "ac:task-id", "ac:task-uuid", "ac:task-status"}
CELLS = {"td", "th"}
AROUND = 1
MOST_LINES = 5_000


@functools.lru_cache(maxsize=512)
def _difference(before: str, after: str) -> tuple[tuple[str, str], ...]:
    old, new = lines(before), lines(after)
    if len(old) + len(new) > MOST_LINES:
        return (("+", f"{len(new)} lines, where {len(old)} stood"),)
    changed: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(AROUND):
        for kind, start, end, new_start, new_end in group:
            if kind == "equal":
                changed += [(" ", text) for text in old[start:end]]
            else:
                changed += [("-", text) for text in old[start:end]]
                changed += [("+", text) for text in new[new_start:new_end]]
    return tuple(changed)


def difference(before: str, after: str) -> list[Json]:
    """`[{sign, text}]`: lines that went (-), came (+), or stand beside such a one."""
    return [{"sign": sign, "text": text} for sign, text in _difference(before, after)]


def lines(storage: str) -> list[str]:
    """One for each block that holds text; storage that cannot be read stands there as it is."""
    try:
        root = read(storage)
    except BadStorage:
        return storage.splitlines()
    return [line for line in (" ".join(text.split()) for text in _texts(root)) if line.strip(" •☐#|")]


def _texts(root: Element) -> list[str]:
    found = [""]
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, CData):
            found += [*node.splitlines(), ""]
        elif isinstance(node, str):
            found[-1] += node
        elif node.name not in SILENT:
            _begin(found, node)
            waiting.extend(reversed(node.children))
    return found


def _begin(found: list[str], element: Element) -> None:
    """A block begins a line, save the first one in an item, whose bullet waits for it."""
    name = element.attributes.get("ac:name") if element.name == "ac:structured-macro" else None
    if name:
        found.append(f"[{name}] ")
    elif element.name in CELLS:
        found[-1] += " | "
    elif element.name in BULLETS:
        found.append(BULLETS[element.name])
    elif element.name in BLOCKS and found[-1].strip() not in ("•", "☐", "|", ""):
        found.append("")
