"""Storage as a tree that knows its bytes."""

import time

import pytest
from hypothesis import given, settings

from bot.domain.storage_scan import DEEPEST, Element, Node, Text, elements, scan, text_of, texts
from bot.errors import Damaged
from tests.domain.storage_samples import FRAGMENTS


def cut(storage: str, node: Node) -> str:
    return storage.encode()[node.start : node.end].decode()


def written(storage: str, nodes: list[Node]) -> str:
    """The nodes put together again from the bytes of tags and texts."""
    data, pieces = storage.encode(), []
    for node in nodes:
        if isinstance(node, Text):
            pieces.append(cut(storage, node))
        else:
            opening, closing = data[node.start : node.inner_start], data[node.inner_end : node.end]
            pieces.append(opening.decode() + written(storage, node.children) + closing.decode())
    return "".join(pieces)


@given(FRAGMENTS)
@settings(max_examples=60)
def test_tags_and_texts_are_all_the_bytes_there_are(storage: str) -> None:
    assert written(storage, scan(storage).children) == storage


def test_entities_are_characters_in_texts_and_attributes() -> None:
    link = scan('<a title="l&eacute;t&nbsp;&lt;&#65;">&rsquo;&lt;b&gt;</a>').children[0]
    assert isinstance(link, Element)
    assert link.attributes == {"title": "lét\u00a0<A"}
    assert text_of([link]) == "’<b>"


def test_an_element_that_closes_itself_is_told_from_one_that_says_so() -> None:
    storage = "<p>/></p><br/><p></p>x"
    said, closed, empty, _ = scan(storage).children
    assert [cut(storage, one) for one in (said, closed, empty)] == ["<p>/></p>", "<br/>", "<p></p>"]
    assert [
        isinstance(one, Element) and one.inner_end - one.inner_start for one in (said, closed, empty)
    ] == [2, 0, 0]


def test_bytes_are_counted_where_letters_take_several() -> None:
    storage = "漢字<p>é</p>&eacute;<b>x</b >"
    assert [cut(storage, one) for one in scan(storage).children] == [
        "漢字",
        "<p>é</p>",
        "&eacute;",
        "<b>x</b >",
    ]


def test_cdata_is_text_and_holds_no_elements() -> None:
    storage = "<ac:plain-text-body><![CDATA[<p>&nbsp;]]]]><![CDATA[>]]></ac:plain-text-body><p>z</p>"
    assert [one.text for one in texts(scan(storage).children)] == ["<p>&nbsp;]]", ">", "z"]
    assert [one.name for one in elements(scan(storage).children)] == ["ac:plain-text-body", "p"]


def test_comments_and_processing_instructions_are_nothing() -> None:
    storage = "a<!-- <p>no</p> --><?no p?><p>b<!----></p>"
    assert [cut(storage, one) for one in scan(storage).children] == ["a", "<p>b<!----></p>"]
    assert text_of(scan(storage).children) == "ab"


def test_every_element_knows_what_it_stands_in() -> None:
    page = scan("<div><p><b>x</b></p></div>")
    around = [one.parent.name if one.parent else None for one in elements(page.children)]
    assert around == ["", "div", "p"]


@pytest.mark.parametrize(
    "storage",
    [
        "<p>",
        "</p>",
        "<p></b>",
        "<p",
        "a & b",
        "1 < 2",
        "&bogus;",
        "<p a=b/>",
        '<p a="1" a="2"/>',
        "</page>",
        "</page><page>",
        "x</page><!-- ",
        "]]>",
        "<!DOCTYPE p>",
        '<!DOCTYPE p [<!ENTITY a "b">]>&a;',
        '<?xml version="1.0"?><p/>',
        "<![CDATA[",
        "\0",
        "\x0b",
        "\ud800",
        "\ufffe",
    ],
)
def test_what_is_no_storage_is_damaged(storage: str) -> None:
    with pytest.raises(Damaged, match=r"^The page's text .*: (open|save) the page"):
        scan(storage)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 10_000])
@pytest.mark.parametrize("name", ["div", "strong", "li", "span"])
def test_a_page_that_is_nested_without_end_is_damaged(name: str, depth: int) -> None:
    with pytest.raises(Damaged, match="levels deep"):
        scan(f"<{name}>" * depth + f"</{name}>" * depth)


def test_a_page_of_a_megabyte_is_read_in_time() -> None:
    storage = (
        "<h2>T&eacute;</h2><p>some <strong>text</strong> &nbsp;<a href='https://x.y/z'>link</a></p>\n"
        * 11_000
    )
    assert len(storage) > 1_000_000
    started = time.perf_counter()
    assert len(scan(storage).children) == 33_000
    assert time.perf_counter() - started < 5
