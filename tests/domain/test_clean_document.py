import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.clean_document import CUT, clean
from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
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
from bot.domain.secrets import Redactor
from tests.domain.documents import documents

HOSTS = frozenset({"gitlab.example", "127.0.0.1:8929"})
TOKEN = "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P"
SECRET = re.compile(r"s3cr3t+")
ODD = st.sampled_from(
    ["a", "s3cr", "3t", "t", "\u200b", "\u202e", "\x07", "\r\n", "\u2028", "\ufe0f", "\u2800", " ", "ß"]
)
ODD_TEXTS = st.lists(ODD, max_size=6).map("".join)
ADDRESSES = st.sampled_from(
    ["https://gitlab.example/x", "https://evil.example", "javascript:x", "http://[", ""]
)
ODD_INLINES = st.one_of(
    st.builds(Text, text=ODD_TEXTS, strong=st.booleans()),
    st.builds(Link, text=ODD_TEXTS, url=ADDRESSES),
    st.builds(Made, action=st.just("a"), text=ODD_TEXTS),
    st.builds(Lozenge, text=ODD_TEXTS),
)
ODD_LINES = st.lists(ODD_INLINES, max_size=4).map(tuple)
ODD_BLOCKS = st.one_of(
    st.builds(Paragraph, content=ODD_LINES),
    st.builds(BulletList, items=st.lists(ODD_LINES, min_size=1, max_size=4).map(tuple)),
    st.lists(ODD_LINES, min_size=1, max_size=4).map(
        lambda lines: BulletList(items=tuple(lines), levels=tuple(range(len(lines))))
    ),
    st.lists(ODD_LINES, min_size=1, max_size=4).map(
        lambda lines: TaskList(items=tuple(lines), done=(True,) * len(lines))
    ),
    st.builds(Table, header=st.tuples(ODD_LINES), rows=st.lists(st.tuples(ODD_LINES), max_size=4)),
    st.builds(Code, text=ODD_TEXTS),
)
ODD_DOCUMENTS = st.builds(Document, blocks=st.lists(ODD_BLOCKS, max_size=4).map(tuple))


def redact(text: str) -> str:
    return SECRET.sub("<gone>", text)


def cleaned(document: Document, longest: int = 32_000) -> Document:
    return clean(document, redact=redact, hosts=HOSTS, longest=longest)


def line(*content: Inline | str) -> tuple[Inline, ...]:
    [block] = cleaned(Document(blocks=(paragraph(*content),))).blocks
    assert isinstance(block, Paragraph)
    return block.content


@settings(max_examples=150, deadline=None)
@given(ODD_DOCUMENTS, st.integers(0, 120))
def test_cleaning_twice_changes_nothing(document: Document, longest: int) -> None:
    once = cleaned(document, longest)
    assert cleaned(once, longest) == once


@settings(max_examples=100, deadline=None)
@given(ODD_DOCUMENTS, st.integers(60, 120))
def test_nothing_unseen_secret_or_too_long_comes_out(document: Document, longest: int) -> None:
    texts = list(cleaned(document, longest).texts())
    assert sum(map(len, texts)) <= longest
    assert not re.search(r"s3cr3t|[\u200b\u202e\x07\r\u2028\ufe0f\u2800]", "\n".join(texts))


@settings(max_examples=60, deadline=None)
@given(documents(linked=False))
def test_a_document_with_nothing_to_take_away_stays(document: Document) -> None:
    assert [text.split() for text in cleaned(document).texts()] == [text.split() for text in document.texts()]


def test_a_secret_spread_over_neighbours_is_redacted_and_the_line_loses_its_marks() -> None:
    assert line("key s3", Text(text="cr3", strong=True), "t.") == (Text(text="key <gone>."),)


def test_a_secret_keeps_the_marks_of_its_neighbours() -> None:
    assert line(Text(text="bold", strong=True), " s3cr3t") == (
        Text(text="bold", strong=True),
        Text(text=" <gone>"),
    )


def test_a_token_broken_up_by_what_nobody_sees_is_redacted() -> None:
    document = Document(
        blocks=(Code(text=f"a\n{TOKEN[:12]}\u200b{TOKEN[12:]}"), Heading(level=1, content=inlines(TOKEN)))
    )
    result = clean(document, redact=Redactor().redact, hosts=HOSTS)
    assert all("<REDACTED:" in text and TOKEN[6:] not in text for text in result.texts())


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.example/g/p/-/merge_requests/1?tab=1#note_2",
        "HTTPS://GitLab.example/x",
        "http://127.0.0.1:8929/x",
        "https://gitlab.example",
    ],
)
def test_a_link_to_us_stays(url: str) -> None:
    assert line(Link(text="here", url=url)) == (Link(text="here", url=url),)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/gitlab.example",
        "https://gitlab.example.evil.example/",
        "https://gitlab.example@evil.example/",
        "https://gitlab.example\\@evil.example/",
        "https://gitlab.example:8443/",
        "javascript:alert(1)//gitlab.example",
        "//gitlab.example/x",
        "https://gitlab.example/a b",
        "https://gitlab.example/\u202ex",
        "https://gitlab.example/?token=s3cr3t",
        "http://[",
        "",
    ],
)
def test_a_link_elsewhere_becomes_its_text(url: str) -> None:
    assert line(Link(text="here", url=url)) == (Text(text="here"),)


def test_an_address_that_people_wrote_may_stay_as_it_is() -> None:
    written = "https://docs.example/a b?c=ä"
    links = (Link(text="1", url=written), Link(text="2", url=written + "/"), Link(text="3", url="ftp://x"))
    document = Document(blocks=(paragraph(*links),))
    result = clean(document, redact=redact, hosts=HOSTS, urls=[written, "ftp://x"])
    assert result.blocks == (paragraph(links[0], "2", "3"),)


def test_an_address_with_a_secret_does_not_stay_whoever_wrote_it() -> None:
    written = "https://docs.example/?key=s3cr3t"
    document = Document(blocks=(paragraph(Link(text="here", url=written)),))
    assert clean(document, redact=redact, hosts=HOSTS, urls=[written]).blocks == (paragraph("here"),)


def test_what_is_made_and_labelled_stays_on_one_line() -> None:
    assert line(Made(action="a", text="x\ny"), Lozenge(text="A\r\nB")) == (
        Made(action="a", text="x y"),
        Lozenge(text="A B"),
    )


def test_a_long_document_ends_before_a_block_with_a_sentence() -> None:
    document = Document(blocks=(paragraph("a" * 40), paragraph("b" * 40), paragraph("c" * 40)))
    assert cleaned(document, longest=110).blocks == (paragraph("a" * 40), paragraph(CUT))


def test_a_long_list_and_a_long_table_keep_what_fits() -> None:
    items = tuple(inlines("x" * 10) for _ in range(50))
    result = cleaned(Document(blocks=(BulletList(items=items),)), longest=len(CUT) + 35)
    assert result.blocks == (BulletList(items=items[:3]), paragraph(CUT))
    table = Table(header=(inlines("head"),), rows=tuple((item,) for item in items))
    result = cleaned(Document(blocks=(table,)), longest=len(CUT) + 35)
    assert result.blocks == (Table(header=table.header, rows=table.rows[:3]), paragraph(CUT))


def test_a_cut_list_keeps_the_levels_and_ticks_of_what_is_left() -> None:
    items = tuple(inlines(letter * 10) for letter in "abcdefghijkl")
    numbers = NumberedList(items=items, levels=(0, 1) * 6)
    tasks = TaskList(items=items, done=(True, False) * 6)
    for block, left in (
        (numbers, NumberedList(items=items[:3], levels=(0, 1, 0))),
        (tasks, TaskList(items=items[:3], done=(True, False, True))),
    ):
        result = cleaned(Document(blocks=(block,)), longest=len(CUT) + 35)
        assert result.blocks == (left, paragraph(CUT))


def test_tasks_are_cleaned_and_stay_done() -> None:
    tasks = TaskList(items=(inlines("a s3cr3t"), inlines("b")), done=(True, False))
    [left] = cleaned(Document(blocks=(tasks,))).blocks
    assert left == TaskList(items=(inlines("a <gone>"), inlines("b")), done=(True, False))


def test_a_panel_is_cleaned_within() -> None:
    panel = Panel(content=(paragraph("s3cr3t"),), tone="note")
    assert cleaned(Document(blocks=(panel,))).blocks == (Panel(content=(paragraph("<gone>"),), tone="note"),)
