"""The digest of a piece of storage: of what it means, blind to what Confluence writes differently when it saves."""

import hashlib
from collections.abc import Sequence

from bot.domain.storage_line import UNSEEN_ELEMENTS, flat, line, macro_name, parts
from bot.domain.storage_scan import Element, Node, scan, text_of

DIGITS = 32
LINES = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"})
VERBATIM = frozenset({"pre", "ac:plain-text-body", "ac:plain-text-link-body"})

REWRITTEN = frozenset(
    {"ac:macro-id", "ac:local-id", "ri:local-id", "local-id", "ac:schema-version", "ri:version-at-save"}
    | {"ac:task-list-id", "class", "style", "rel"}
    | {
        "width",
        "height",
        "ac:width",
        "ac:height",
        "ac:original-width",
        "ac:original-height",
        "ac:custom-width",
    }
    | {"ac:layout", "ac:align", "ac:breakout-mode", "ac:breakout-width"}
)
"""Attributes that Confluence and its editors add, drop and change on their own."""
REWRITTEN_PARAMETERS = frozenset({"breakoutMode", "breakoutWidth", "legacyAnchorId"})
DEFAULTS = frozenset({("colspan", "1"), ("rowspan", "1"), ("start", "1")})
GREY = "grey"  # a status without a colour

END = ">"


def digest(fragment: str) -> str:
    """The digest of a piece of storage, in hex. Equal for pieces that say the same in the same form. Raises Damaged."""
    return digest_of(scan(fragment).children)


def digest_of(nodes: Sequence[Node]) -> str:
    """The digest of nodes that follow each other."""
    tokens: list[str] = []
    _tell_blocks(nodes, tokens)
    return hashlib.sha256("\0".join(tokens).encode()).hexdigest()[:DIGITS]


def _tell_blocks(nodes: Sequence[Node], tokens: list[str]) -> None:
    """What the nodes mean, as tokens: "<name" to ">", "@attribute=value", "ttext" and "mmark". No token holds a NUL."""
    for part in parts(flat(nodes)):
        if isinstance(part, Element):
            _tell(part, tokens)
        else:
            _tell_line("p", part, tokens)


def _tell(element: Element, tokens: list[str]) -> None:
    if element.name in VERBATIM:
        tokens += [f"<{element.name}", f"t{text_of(element.children)}", END]
    if element.name in LINES:
        _tell_line(element.name, element.children, tokens)
    elif macro_name(element):
        _tell_macro(element, tokens)
    elif element.name not in VERBATIM | UNSEEN_ELEMENTS:
        tokens += [f"<{element.name}", *attributes_told(element)]
        _tell_blocks(element.children, tokens)
        tokens.append(END)


def attributes_told(element: Element) -> list[str]:
    """The attributes of an element that mean something, in a fixed order."""
    return sorted(
        f"@{name}={value}"
        for name, value in element.attributes.items()
        if name not in REWRITTEN and not name.startswith("data-") and (name, value) not in DEFAULTS
    )


def _tell_line(kind: str, nodes: Sequence[Node], tokens: list[str]) -> None:
    tokens.append(f"<{kind}")
    for run in line(nodes):
        tokens += sorted(f"m{' '.join(mark)}" for mark in run.marks)
        if run.element:
            _tell(run.element, tokens)
        else:
            tokens.append(f"t{run.text}")
    tokens.append(END)


def _tell_macro(macro: Element, tokens: list[str]) -> None:
    """A macro's parameters have no order."""
    tokens += [f"<{macro.name}", *attributes_told(macro)]
    elements = [child for child in macro.children if isinstance(child, Element)]
    told = (_parameter(macro, child) for child in elements if child.name == "ac:parameter")
    for parameter in sorted(filter(None, told)):
        tokens += parameter
    _tell_blocks([child for child in elements if child.name != "ac:parameter"], tokens)
    tokens.append(END)


def _parameter(macro: Element, parameter: Element) -> list[str]:
    """Nothing for one that says nothing."""
    name = parameter.attributes.get("ac:name", "")
    if name in REWRITTEN_PARAMETERS or not parameter.children:
        return []
    if (macro_name(macro), name) == ("status", "colour"):
        color = text_of(parameter.children).strip().casefold()
        return [f"@{name}={color}"] if color not in {"", GREY} else []
    tokens = [f"<{parameter.name}", *attributes_told(parameter)]
    _tell_blocks(parameter.children, tokens)
    return [*tokens, END]
