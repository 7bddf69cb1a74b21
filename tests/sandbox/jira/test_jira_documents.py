"""Texts: which documents Cloud takes, and the way between them and wiki text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.jira import adf
from bot.sandbox.jira.adf import InvalidDocument
from bot.sandbox.jira.wiki_reader import document as read
from bot.sandbox.jira.wiki_writer import wiki_text

WORD = {"type": "text", "text": "word"}
LINE = {"type": "paragraph", "content": [WORD]}
SIGNS = "*_-+{}[]|\\!#&; \nh1.ab:/~?"


def doc(*blocks: Any, **more: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(blocks)} | more


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content)} | ({"attrs": attributes} if attributes else {})


def marked(*marks: Any) -> dict[str, Any]:
    return node("paragraph", WORD | {"marks": list(marks)})


TAKEN = {
    "nothing": doc(),
    "a nested list": doc(
        node("bulletList", node("listItem", LINE, node("orderedList", node("listItem", LINE))))
    ),
    "a table": doc(node("table", node("tableRow", node("tableHeader", LINE), node("tableCell", LINE)))),
    "code": doc(node("codeBlock", WORD, language="python")),
    "a panel": doc(node("panel", LINE, panelType="info")),
    "a lozenge": doc(node("paragraph", {"type": "status", "attrs": {"text": "MERGED", "color": "green"}})),
    "a mention": doc(node("paragraph", {"type": "mention", "attrs": {"id": "712020:a", "text": "@Ada"}})),
    "a link": doc(marked({"type": "link", "attrs": {"href": "https://x.example"}}, {"type": "strong"})),
    "checked items": doc(node("taskList", node("taskItem", WORD, localId="1", state="DONE"), localId="0")),
}
REFUSED = {
    "no version": {"type": "doc", "content": [LINE]},
    "another version": doc(LINE, version=2),
    "true for a version": doc(LINE, version=True),
    "not a doc": {"type": "paragraph", "version": 1, "content": []},
    "no content": {"type": "doc", "version": 1},
    "text at the top": doc(WORD),
    "a key no document has": doc(LINE, extra=1),
    "an unknown node": doc(node("widget")),
    "an unknown mark": doc(marked({"type": "blink"})),
    "an empty text": doc(node("paragraph", {"type": "text", "text": ""})),
    "a number for a text": doc(node("paragraph", {"type": "text", "text": 7})),
    "a paragraph in a paragraph": doc(node("paragraph", LINE)),
    "text in a list": doc(node("bulletList", WORD)),
    "a list without items": doc(node("bulletList")),
    "an item that begins with a list": doc(
        node("bulletList", node("listItem", node("bulletList", node("listItem", LINE))))
    ),
    "a heading in an item": doc(node("bulletList", node("listItem", node("heading", WORD, level=1)))),
    "a table in a cell": doc(
        node(
            "table",
            node("tableRow", node("tableCell", node("table", node("tableRow", node("tableCell", LINE))))),
        )
    ),
    "an empty cell": doc(node("table", node("tableRow", node("tableCell")))),
    "a heading of level 7": doc(node("heading", WORD, level=7)),
    "a heading without a level": doc(node("heading", WORD)),
    "a panel in a panel": doc(node("panel", node("panel", LINE, panelType="note"), panelType="info")),
    "a panel of no kind": doc(node("panel", LINE, panelType="success!")),
    "a link to nowhere": doc(marked({"type": "link"})),
    "a link with an empty href": doc(marked({"type": "link", "attrs": {"href": ""}})),
    "bold code": doc(marked({"type": "code"}, {"type": "strong"})),
    "a mark twice": doc(marked({"type": "em"}, {"type": "em"})),
    "a mark in code": doc(node("codeBlock", WORD | {"marks": [{"type": "strong"}]})),
    "a break in code": doc(node("codeBlock", {"type": "hardBreak"})),
    "an attribute nobody knows": doc(node("panel", LINE, panelType="info", size=3)),
    "a grey lozenge": doc(node("paragraph", {"type": "status", "attrs": {"text": "X", "color": "grey"}})),
    "a mention of nobody": doc(node("paragraph", {"type": "mention", "attrs": {"text": "@Ada"}})),
    "content in a rule": doc({"type": "rule", "content": []}),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_document_of_known_nodes_in_their_places_is_taken(name: str) -> None:
    assert adf.check(TAKEN[name]) is TAKEN[name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_breaks_the_schema_is_refused(name: str) -> None:
    with pytest.raises(InvalidDocument):
        adf.check(REFUSED[name])


@settings(max_examples=150)
@given(st.text(alphabet=SIGNS, max_size=80))
def test_whatever_wiki_text_is_typed_becomes_a_valid_document(text: str) -> None:
    adf.check(read(text))


@settings(max_examples=150)
@given(st.text(alphabet=SIGNS.replace("\n", ""), min_size=1, max_size=40))
def test_plain_text_of_a_document_survives_wiki_text(text: str) -> None:
    written = doc(node("paragraph", {"type": "text", "text": f"a{text}b"}))
    assert adf.plain(read(wiki_text(written))) == f"a{text}b"


def test_lists_tables_code_and_marks_survive_both_ways() -> None:
    text = (
        "h2. Criteria\n\n* one *bold*\n** deeper\n* two\n\n# first\n\n|| a || b ||\n| 1 | {{2}} |\n\n"
        "{code:python}\nx = [1]\n{code}\n\n{quote}\nsaid [so|https://x.example/a_b]\n{quote}"
    )
    assert wiki_text(read(text)) == text


def test_a_node_nobody_knows_shows_the_text_in_it() -> None:
    assert wiki_text(doc({"type": "bodiedExtension", "content": [LINE]}, LINE)) == "word\n\nword"


def test_a_mention_is_written_as_jira_writes_it() -> None:
    assert wiki_text(TAKEN["a mention"]) == "[~accountid:712020:a]"
