"""Confluence storage of our making, as an XML parser sees it: what is allowed in it, and what it shows."""

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

NAMESPACE = "urn:ac"
AC = f"{{{NAMESPACE}}}"
PLAIN = {"h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "table", "tbody", "tr", "th", "td"}
PLAIN |= {"strong", "em", "code", "br", "span"}
TASKS = {f"{AC}{name}" for name in ("task-list", "task", "task-status", "task-body")}
BODIES = {f"{AC}rich-text-body", f"{AC}plain-text-body"}
MACRO, PARAMETER = f"{AC}structured-macro", f"{AC}parameter"
MACROS = {"code": {"language"}, "status": {"title", "colour"}, "info": set(), "note": set(), "warning": set()}
MACROS |= {"tip": set()}
LINES = {"h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "th", "td", f"{AC}task-body", f"{AC}plain-text-body"}


def parsed(storage: str) -> Element:
    """All of it below one root; fails where it is not well-formed."""
    return ElementTree.fromstring(f'<page xmlns:ac="{NAMESPACE}">{storage}</page>')


def assert_ours(storage: str) -> None:
    """Nothing stands in it but the elements, attributes and macros that a document may become."""
    for element in list(parsed(storage).iter())[1:]:
        if element.tag == MACRO:
            assert element.attrib == {f"{AC}name": element.attrib[f"{AC}name"], f"{AC}schema-version": "1"}
            assert {one.attrib[f"{AC}name"] for one in element if one.tag == PARAMETER} <= MACROS[
                macro(element)
            ]
        elif element.tag == PARAMETER:
            assert set(element.attrib) == {f"{AC}name"}
        elif element.tag == "a":
            assert set(element.attrib) == {"href"}
            assert element.attrib["href"].lower().startswith(("http://", "https://"))
        else:
            assert element.tag in PLAIN | TASKS | BODIES
            assert not element.attrib


def macro(element: Element) -> str:
    return element.attrib[f"{AC}name"]


def lines(storage: str) -> list[str]:
    """Every line, item and cell, a code block as one, with a newline for each line break."""
    return ["".join(_shown(one)) for one in parsed(storage).iter() if one.tag in LINES]


def _shown(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == "br":
            yield "\n"
        elif child.tag == MACRO:
            yield next(one.text or "" for one in child if macro(one) == "title")
        elif child.tag not in {"ul", "ol"}:
            yield from _shown(child)
        yield child.tail or ""
