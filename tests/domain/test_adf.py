import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.adf import to_adf, to_text
from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Link,
    Lozenge,
    Made,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    inlines,
    paragraph,
)
from tests.domain.documents import documents, letters

INLINE = {"text", "hardBreak", "status"}
CHILDREN = {
    "doc": {"paragraph", "heading", "bulletList", "orderedList", "taskList", "table", "codeBlock", "panel"},
    "paragraph": INLINE,
    "heading": INLINE,
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": {"paragraph", "bulletList", "orderedList"},
    "taskList": {"taskItem"},
    "taskItem": INLINE,
    "table": {"tableRow"},
    "tableRow": {"tableHeader", "tableCell"},
    "tableHeader": {"paragraph"},
    "tableCell": {"paragraph"},
    "codeBlock": {"text"},
    "panel": {"paragraph"},
}
NEVER_EMPTY = set(CHILDREN) - {"doc", "paragraph", "heading", "codeBlock", "taskItem"}
ATTRIBUTES = {
    "heading": {"level": {1, 2, 3, 4, 5, 6}},
    "panel": {"panelType": {"info", "note", "warning", "success"}},
    "status": {"color": {"neutral", "blue", "green", "yellow", "red"}, "text": None},
    "codeBlock": {"language": None},
    "taskList": {"localId": None},
    "taskItem": {"localId": None, "state": {"TODO", "DONE"}},
}
MARKS = ([], ["code"], ["strong"], ["em"], ["strong", "em"], ["link"])


def assert_valid(node: dict[str, Any], parent: str = "") -> None:
    """What of the published schema our documents use, with nothing beside it."""
    kind = node["type"]
    assert set(node) <= {"type", "content", "attrs", "text", "marks"} | (
        {"version"} if kind == "doc" else set()
    )
    assert_valid_attributes(kind, node.get("attrs", {}))
    if kind == "text":
        assert node["text"]
        assert "\n" not in node["text"] or parent == "codeBlock"
        assert [mark["type"] for mark in node.get("marks", [])] in MARKS
        assert parent != "codeBlock" or "marks" not in node
        assert all(mark["attrs"]["href"] for mark in node.get("marks", []) if mark["type"] == "link")
    if kind not in CHILDREN:
        assert kind in INLINE
        assert "content" not in node
        return
    assert node["content"] or kind not in NEVER_EMPTY
    assert kind != "listItem" or node["content"][0]["type"] == "paragraph"
    for child in node["content"]:
        assert child["type"] in CHILDREN[kind]
        assert_valid(child, kind)


def assert_valid_attributes(kind: str, attributes: dict[str, Any]) -> None:
    known = ATTRIBUTES.get(kind, {})
    assert set(attributes) == set(known) or (kind == "codeBlock" and not attributes)
    assert all(attributes[name] in values for name, values in known.items() if values)
    assert all(attributes.values())


@settings(max_examples=60, deadline=None)
@given(documents(linked=True))
def test_what_is_written_is_valid(document: Document) -> None:
    written = to_adf(document, {"known": "https://gitlab.example/1"})
    assert written["version"] == 1
    assert_valid(written)


@settings(max_examples=60, deadline=None)
@given(documents(linked=False))
def test_no_letter_of_a_text_is_lost_or_moved(document: Document) -> None:
    assert letters(to_text(to_adf(document))) == letters(" ".join(document.texts()))


def test_a_line_break_in_a_text_is_a_hard_break() -> None:
    [node] = to_adf(Document(blocks=(paragraph("a\n\nb"),)))["content"]
    kinds = [child["type"] for child in node["content"]]
    assert kinds == ["text", "hardBreak", "hardBreak", "text"]


def test_code_takes_no_other_mark() -> None:
    document = Document(blocks=(paragraph(Text(text="x", strong=True, emphasis=True, code=True)),))
    assert to_adf(document)["content"][0]["content"][0]["marks"] == [{"type": "code"}]


def test_what_another_action_makes_is_linked_once_its_address_is_known() -> None:
    document = Document(blocks=(paragraph(Made(action="branch", text="shop-1-cart")),))
    known = to_adf(document, {"branch": "https://gitlab.example/b"})["content"][0]["content"]
    assert known[0]["marks"] == [{"type": "link", "attrs": {"href": "https://gitlab.example/b"}}]
    assert to_adf(document)["content"][0]["content"] == [{"type": "text", "text": "shop-1-cart"}]


def test_a_whole_document_reads_as_it_was_meant() -> None:
    document = Document(
        blocks=(
            Heading(level=2, content=inlines("Cart")),
            Paragraph(
                content=inlines(Lozenge(text="MERGED", color="green"), " by ", Text(text="Ann", strong=True))
            ),
            BulletList(items=(inlines(Link(text="!12", url="https://g.example/12")), inlines("[ ] todo"))),
            NumberedList(items=(inlines("one\ntwo"),)),
            Table(header=(inlines("a"), inlines("b")), rows=((inlines("1"), inlines("x\ny")),)),
            Code(text="print(1)", language="python"),
            Panel(content=(paragraph("careful"),), tone="warning"),
        )
    )
    assert to_text(to_adf(document)) == (
        "## Cart\n\nMERGED by **Ann**\n\n- [!12](https://g.example/12)\n- [ ] todo\n\n1. one\n  two\n\n"
        "| a | b |\n| 1 | x y |\n\n```python\nprint(1)\n```\n\ncareful"
    )


def test_lists_stand_in_the_item_above_them() -> None:
    items = tuple(inlines(letter) for letter in "abcdef")
    document = Document(blocks=(NumberedList(items=items, levels=(0, 1, 2, 1, 0, 1)),))
    assert to_text(to_adf(document)) == "1. a\n  1. b\n    1. c\n  1. d\n1. e\n  1. f"


def test_tasks_are_named_once_each_and_alike_whenever_they_are_written() -> None:
    tasks = TaskList(items=(inlines("a"), inlines("b")), done=(False, True))
    document = Document(blocks=(tasks, tasks))
    written = to_adf(document)
    names = [one["attrs"]["localId"] for part in written["content"] for one in (part, *part["content"])]
    assert len(set(names)) == 6
    assert written == to_adf(document)
    assert to_text(written) == "- [ ] a\n- [x] b\n\n- [ ] a\n- [x] b"


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content), "attrs": attributes}


def text(words: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "marks": [{"type": mark} for mark in marks]}


TASKS = node("taskList", node("taskItem", text("a"), state="TODO"), node("taskItem", text("b"), state="DONE"))
BELOW = node("orderedList", node("listItem", node("paragraph", text("b"))))
NESTED = node("bulletList", node("listItem", node("paragraph", text("a")), BELOW))


@pytest.mark.parametrize(
    ("given_node", "shown"),
    [
        (TASKS, "- [ ] a\n- [x] b"),
        (NESTED, "- a\n  1. b"),
        (node("blockquote", node("paragraph", text("a")), node("paragraph", text("b"))), "> a\n>\n> b"),
        (node("paragraph", node("mention", id="5b1", text="@Ann"), text(" hi")), "@Ann hi"),
        (node("paragraph", node("mention", id="5b1")), "@5b1"),
        (node("paragraph", node("inlineCard", url="https://x.example/1")), "https://x.example/1"),
        (
            node("paragraph", node("emoji", shortName=":smile:", text="😄"), node("emoji", shortName=":x:")),
            "😄:x:",
        ),
        (node("paragraph", node("date", timestamp="1763769600000")), "2025-11-22"),
        (node("mediaSingle", node("media", id="1")), "[attachment]"),
        (node("expand", node("paragraph", text("inside")), title="More"), "More\n\ninside"),
        (node("paragraph", text("a ", "strong"), text("b", "code"), text("c", "strike")), "**a** `b`~~c~~"),
        (node("codeBlock", text("```\nx")), "````\n```\nx\n````"),
        (node("newBlock", node("paragraph", text("kept")), node("newInline", text("too"))), "kept\n\ntoo"),
        (node("doc", text("loose"), text(" words"), node("rule")), "loose words\n\n---"),
        (node("heading", text("a\nb"), level=9), "# a b"),
    ],
)
def test_what_others_wrote_is_read(given_node: dict[str, Any], shown: str) -> None:
    assert to_text(given_node) == shown


def test_a_link_gives_its_text_and_address() -> None:
    link = {
        "type": "text",
        "text": "here",
        "marks": [{"type": "link", "attrs": {"href": "https://x.example"}}],
    }
    assert to_text(node("paragraph", link)) == "[here](https://x.example)"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "content", "attrs", "marks", "text", "level"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [*CHILDREN, "text", "mention", "date", "taskList", "taskItem", "media", "expand", "x"]
)


@settings(max_examples=100, deadline=None)
@given(JSON, KINDS, st.lists(JSON, max_size=3))
def test_nothing_malformed_raises(anything: Any, kind: str, children: list[Any]) -> None:
    assert isinstance(to_text(anything), str)
    whole = {"type": kind, "content": children, "attrs": anything, "text": anything, "marks": children}
    assert isinstance(to_text(whole), str)


def test_deep_nesting_is_read_to_its_end() -> None:
    deep = node("paragraph", text("bottom"))
    for _ in range(10_000):
        deep = node("bulletList", node("listItem", deep))
    assert to_text(deep).endswith("bottom")


def test_a_long_text_is_cut() -> None:
    start = time.perf_counter()
    shown = to_text(node("doc", *(node("paragraph", text("word " * 50)) for _ in range(4_000))))
    assert len(shown) == 100_000
    assert shown.endswith("…")
    assert time.perf_counter() - start < 5


def test_a_number_too_big_for_a_date_is_shown_as_it_is() -> None:
    assert to_text(node("date", timestamp="9" * 30)) == "9" * 30
