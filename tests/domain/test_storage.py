import re
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    Lozenge,
    Made,
    NumberedList,
    Panel,
    Table,
    TaskList,
    Text,
    inlines,
    lines_of,
    paragraph,
)
from bot.domain.storage import to_storage
from tests.domain.documents import URL, documents, levels
from tests.domain.storages import assert_ours, lines, parsed

NAUGHTY = """
<script>alert(1)</script> <ac:structured-macro <ac:structured-macro/> </p> </ac:rich-text-body> ]]> <![CDATA[ ]] > ]
<!--x--> <!DOCTYPE <?xml &nbsp; &#0; &lt; & < > " ' {code} {{x}} \u202eabc \u05e9\u05dc\u05d5\u05dd \u0627\u0628 \ufeff
\x00 \x0b \x1b \r \ud800 \udfff \ufffe \uffff \U0001fffe \x85 \u2028 \U0001f469\u200d\U0001f4bb a é
"""
NAUGHTY_LINES = st.lists(
    st.sampled_from([*NAUGHTY.split(" "), " ", "\t"])
    | st.characters(exclude_characters="\n", exclude_categories=()),
    max_size=6,
).map(lambda words: "".join(words).replace("\n", ""))
NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def shown(one: Inline) -> str:
    text = " ".join(one.text.split()) if isinstance(one, Lozenge) else one.text
    return NO_XML.sub("", text)


def expected(document: Document) -> list[str]:
    return [
        line
        for block in document.blocks
        for line in (
            [NO_XML.sub("", block.text)]
            if isinstance(block, Code)
            else ["".join(map(shown, one)) for one in lines_of(block)]
        )
    ]


@settings(max_examples=150, deadline=None)
@given(documents(linked=True, lines=NAUGHTY_LINES))
def test_every_text_stands_there_as_it_was_and_becomes_nothing_else(document: Document) -> None:
    storage = to_storage(document, {"known": "https://gitlab.example/1"})
    assert_ours(storage)
    assert lines(storage) == expected(document)
    assert {link.attrib["href"] for link in parsed(storage).iter("a")} <= {URL, "https://gitlab.example/1"}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8).flatmap(levels))
def test_an_item_stands_in_as_many_lists_as_its_level_says(depths: tuple[int, ...]) -> None:
    items = tuple(inlines(str(nth)) for nth in range(len(depths)))
    root = parsed(to_storage(Document(blocks=(NumberedList(items=items, levels=depths),))))

    def found(element: Element, depth: int) -> list[tuple[str, int]]:
        own = [(element.text or "", depth - 1)] if element.tag == "li" else []
        return own + [one for child in element for one in found(child, depth + (child.tag == "ol"))]

    assert found(root, 0) == [(str(nth), depth) for nth, depth in enumerate(depths)]
    assert all(child.tag == "li" for child_list in root.iter("ol") for child in child_list)


@pytest.mark.parametrize(
    ("line", "storage"),
    [
        (inlines("a\nb & <c>"), "a<br/>b &amp; &lt;c&gt;"),
        (inlines(Text(text="a\nb", strong=True)), "<strong>a</strong><br/><strong>b</strong>"),
        (inlines(Text(text="a", strong=True, emphasis=True)), "<strong><em>a</em></strong>"),
        (inlines(Text(text="a", strong=True, code=True)), "<code>a</code>"),
        (inlines(Text(text="a", emphasis=True), Text(text="b", emphasis=True)), "<em>ab</em>"),
        (inlines(Text(text="", strong=True), Text(text="\x00", code=True), Lozenge(text=" ")), ""),
        (inlines(Link(text="a", url='https://x.example/?a=1&b="2"')), """<a href='https://x.example/?a=1&amp;b="2"'>a</a>"""),
        (inlines(Made(action="mr", text="!1")), '<a href="https://g.example/1">!1</a>'),
        (inlines(Made(action="unknown", text="!1")), "!1"),
        (
            inlines(Lozenge(text='A &\n "b"', color="yellow")),
            '<ac:structured-macro ac:name="status" ac:schema-version="1"><ac:parameter ac:name="title">A &amp; "b"'
            '</ac:parameter><ac:parameter ac:name="colour">Yellow</ac:parameter></ac:structured-macro>',
        ),
    ],
)  # fmt: skip
def test_a_line_in_storage(line: Inlines, storage: str) -> None:
    assert (
        to_storage(Document(blocks=(paragraph(*line),)), {"mr": "https://g.example/1"}) == f"<p>{storage}</p>"
    )


def test_nothing_is_nothing() -> None:
    assert to_storage(Document(blocks=())) == ""


def test_a_list_stands_in_the_item_above_it() -> None:
    items = tuple(inlines(letter) for letter in "abcd")
    assert to_storage(Document(blocks=(BulletList(items=items, levels=(0, 1, 2, 0)),))) == (
        "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ul>"
    )


def test_tasks_are_open_or_complete() -> None:
    tasks = TaskList(items=(inlines("a"), inlines("b")), done=(False, True))
    assert to_storage(Document(blocks=(tasks,))) == (
        "<ac:task-list>"
        "<ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body><span>a</span></ac:task-body></ac:task>"
        "<ac:task><ac:task-status>complete</ac:task-status><ac:task-body><span>b</span></ac:task-body></ac:task>"
        "</ac:task-list>"
    )


def test_the_first_row_of_a_table_is_its_header() -> None:
    table = Table(header=(inlines("a"), inlines("b")), rows=((inlines("1"), ()),))
    assert to_storage(Document(blocks=(table,))) == (
        "<table><tbody><tr><th>a</th><th>b</th></tr><tr><td>1</td><td></td></tr></tbody></table>"
    )


@pytest.mark.parametrize(
    ("language", "written"),
    [
        *(("python", "python"), ("Python", "python"), ("c#", "c#"), ("yaml", "yaml"), ("brainfuck", "")),
        *(("", ""), ("json", ""), ("python</ac:parameter>", ""), ("html-macro", "")),
    ],
)
def test_only_a_language_that_confluence_knows_is_named(language: str, written: str) -> None:
    storage = to_storage(Document(blocks=(Code(text="x", language=language),)))
    named = [one.text for one in parsed(storage).iter("{urn:ac}parameter")]
    assert named == ([written] if written else [])


def test_code_may_hold_the_end_of_its_own_section() -> None:
    text = "]]>]]]]>>\n  <b>&amp;\n"
    assert lines(to_storage(Document(blocks=(Code(text=text),)))) == [text]


@pytest.mark.parametrize(
    ("tone", "name"), [("info", "info"), ("note", "note"), ("warning", "warning"), ("success", "tip")]
)
def test_a_panel_is_the_macro_of_its_tone(tone: str, name: str) -> None:
    panel = Panel.model_validate({"tone": tone, "content": [paragraph("a"), paragraph("b")]})
    assert to_storage(Document(blocks=(Heading(level=3, content=inlines("h")), panel))) == (
        f'<h3>h</h3><ac:structured-macro ac:name="{name}" ac:schema-version="1">'
        "<ac:rich-text-body><p>a</p><p>b</p></ac:rich-text-body></ac:structured-macro>"
    )
