import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.document import (
    Block,
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Link,
    Lozenge,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    inlines,
    paragraph,
)
from bot.domain.markdown_reader import LONGEST, read_markdown
from bot.domain.storage import to_storage
from tests.domain.storages import assert_ours

LINKED_X = Link(text="x", url="https://x.example")
URL = "https://x.example/a_(b)?c=1&d=ä#e"


def read(text: str) -> tuple[Block, ...]:
    return read_markdown(text).blocks


def strong(text: str) -> Text:
    return Text(text=text, strong=True)


def heading(level: int, *content: Inline | str) -> Heading:
    return Heading(level=level, content=inlines(*content))


@pytest.mark.parametrize(
    ("markdown", "line"),
    [
        ("one\ntwo", ["one two"]),
        ("one  \ntwo\\\nthree", ["one\ntwo\nthree"]),
        ("a **b _c_** d", ["a ", strong("b "), Text(text="c", strong=True, emphasis=True), " d"]),
        ("snake_case_name 2 * 3 * 4", ["snake_case_name 2 * 3 * 4"]),
        ("`a*b*` ``x ` y``", [Text(text="a*b*", code=True), " ", Text(text="x ` y", code=True)]),
        (r"\*a\* \<b> 1\. \[c](d) \`e\`", ["*a* <b> 1. [c](d) `e`"]),
        ("a &amp; &lt;b&gt; &nbsp;x", ["a & <b> \u00a0x"]),
        (f"[a **b** `c`]({URL})", [Link(text="a b c", url=URL)]),
        ("[a][r] b\n\n[r]: https://x.example/r 'title'", [Link(text="a", url="https://x.example/r"), " b"]),
        ("[a](HTTPS://x.example)", [Link(text="a", url="HTTPS://x.example")]),
        ("[a](https://x.example)[b](https://x.example)", [Link(text=one, url="https://x.example") for one in "ab"]),
        ("[a **b**](javascript:alert(1)) c", ["a ", strong("b"), " c"]),
        ("[a](<https://x.example/b c>) [d](//x.example) [e](/f) [g](mailto:h@i.example)", ["a d e g"]),
        ("[a](https://x.example/&#10;b) [c](data:text/html,d) [e](ftp://f.example)", ["a c e"]),
        ("<https://x.example/%20> https://x.example <a@b.c>", ["<https://x.example/%20> https://x.example <a@b.c>"]),
        ("![a *b* [c](https://x.example)](javascript:d) e", ["a b c e"]),
        ("[![a](b)](https://x.example)", [Link(text="a", url="https://x.example")]),
        ("[](https://x.example)a", ["a"]),
        ("~~a~~ <br> <b>c</b> List<int> &nbsp", ["~~a~~ <br> <b>c</b> List<int> &nbsp"]),
        ("{{status:green|DONE}} a", [Lozenge(text="DONE", color="green"), " a"]),
        (r"{{status:red|A \{\}\\ \| *b* `c`}}", [Lozenge(text="A {}\\ | *b* `c`", color="red")]),
        (r"\{{status:green|A}} \{\{status:green|A}} `{{status:red|B}}`",
         ["{{status:green|A}} {{status:green|A}} ", Text(text="{{status:red|B}}", code=True)]),
        ("{{status:pink|A}} {{status:green|}} {{toc}} {{", ["{{status:pink|A}} {{status:green|}} {{toc}} {{"]),
        ("{{status:green|{A}}}", ["{{status:green|{A}}}"]),
        ("**{{status:blue|A}}** b", [Lozenge(text="A", color="blue"), " b"]),
        ("[{{status:blue|A}}](https://x.example)", [Link(text="A", url="https://x.example")]),
    ],
)  # fmt: skip
def test_a_line_is_read(markdown: str, line: list[Inline | str]) -> None:
    assert read(markdown) == (paragraph(*line),)


@pytest.mark.parametrize(
    ("markdown", "blocks"),
    [
        ("# a\n## b `c`\n###### d #", [heading(1, "a"), heading(2, "b ", Text(text="c", code=True)), heading(6, "d")]),
        ("a\n===\nb\n---\nc\n\n---\n\nd", [heading(1, "a"), heading(2, "b"), paragraph("c"), paragraph("d")]),
        ("```python title='x'\na\n\n  b\n```", [Code(text="a\n\n  b", language="python")]),
        ("~~~\n```\n~~~\n\n    <b>\n    c", [Code(text="```"), Code(text="<b>\nc")]),
        ("```C++\n```", [Code(text="", language="c++")]),
        ("````{.js}\na\n\n````", [Code(text="a\n")]),
        ("<details>\n<summary>a</summary>\n\n**b**\n</details>", [paragraph("<details> <summary>a</summary>"),
            paragraph(strong("b"), " </details>")]),
        ("<!-- a -->\n<script>b</script>", [paragraph("<!-- a --> <script>b</script>")]),
        ('<ac:structured-macro ac:name="html"><ac:plain-text-body><![CDATA[x]]>',
            [paragraph('<ac:structured-macro ac:name="html"><ac:plain-text-body><![CDATA[x]]>')]),
    ],
)  # fmt: skip
def test_blocks_are_read(markdown: str, blocks: list[Block]) -> None:
    assert list(read(markdown)) == blocks


def items(*texts: str) -> tuple[tuple[Inline, ...], ...]:
    return tuple(inlines(text) if text else () for text in texts)


@pytest.mark.parametrize(
    ("markdown", "blocks"),
    [
        ("- a\n- b\n\n- c", [BulletList(items=items("a", "b", "c"))]),
        ("3. a\n4. b", [NumberedList(items=items("a", "b"))]),
        ("- a\n  - b\n    - c\n  - d\n- e", [BulletList(items=items(*"abcde"), levels=(0, 1, 2, 1, 0))]),
        ("1. a\n   - b\n     1. c\n2. d", [NumberedList(items=items(*"abcd"), levels=(0, 1, 2, 0))]),
        ("- a\n* b\n1. c", [*(BulletList(items=items(one)) for one in "ab"), NumberedList(items=items("c"))]),
        ("- a\n\n  b\\\n  c\n  - d\n\n  e", [BulletList(items=items("a\nb\nc\ne", "d"), levels=(0, 1))]),
        ("-\n- - a", [BulletList(items=items("", "", "a"), levels=(0, 0, 1))]),
        ("- # a\n- > b\n  >\n  > c", [BulletList(items=items("a", "b\nc"))]),
        ("- a\n  ```sh\n  b\n  ```\n  c\n- d\n\n  | e |\n  |---|\n- > ```\n  > f\n  > ```", [
            BulletList(items=items("a\nc", "d", "")), Code(text="b", language="sh"),
            Table(header=items("e"), rows=()), Code(text="f")]),
        ("- [ ] a\n- [x] b\n- [X]", [TaskList(items=items("a", "b", ""), done=(False, True, True))]),
        ("- [ ] a\n  - [x] b", [TaskList(items=items("a", "b"), done=(False, True))]),
        ("- [ ] a\n- b", [BulletList(items=items("[ ] a", "b"))]),
        ("1. [ ] a", [NumberedList(items=items("[ ] a"))]),
        (r"- \[ ] a" + "\n" + r"- \[x\] b", [BulletList(items=items("[ ] a", "[x] b"))]),
        ("- [x](https://x.example)", [BulletList(items=(inlines(LINKED_X),))]),
        ("- [x] a\n\n[x]: https://x.example", [BulletList(items=(inlines(LINKED_X, " a"),))]),
        ("- [ ] **a** b", [TaskList(items=(inlines(strong("a"), " b"),), done=(False,))]),
    ],
)  # fmt: skip
def test_lists_are_read(markdown: str, blocks: list[Block]) -> None:
    assert list(read(markdown)) == blocks


@pytest.mark.parametrize(
    ("alert", "tone"),
    [
        ("NOTE", "info"),
        ("note", "info"),
        ("TIP", "success"),
        ("IMPORTANT", "note"),
        ("WARNING", "warning"),
        ("CAUTION", "warning"),
    ],
)
def test_an_alert_is_a_panel_of_its_tone(alert: str, tone: str) -> None:
    expected = Panel.model_validate({"tone": tone, "content": [paragraph("a"), paragraph("b")]})
    for markdown in (
        f"> [!{alert}]\n> a\n>\n> b",
        f"> [!{alert}] a\n>\n> b",
        f"> [!{alert}]\n>\n> a\n>\n> b",
    ):
        assert read(markdown) == (expected,)


@pytest.mark.parametrize(
    ("markdown", "blocks"),
    [
        ("> a\nb\n>\n> c", [Panel(tone="note", content=(paragraph("a b"), paragraph("c")))]),
        (r"> \[!NOTE] a", [Panel(tone="note", content=(paragraph("[!NOTE] a"),))]),
        ("> [!OTHER] a", [Panel(tone="note", content=(paragraph("[!OTHER] a"),))]),
        ("> [!TIP]", [Panel(tone="success", content=(Paragraph(content=()),))]),
        ("> # a\n> b", [Panel(tone="note", content=(paragraph("a"), paragraph("b")))]),
        ("> [!TIP]\n> a\n> - b\n>\n> c\n> > d", [
            Panel(tone="success", content=(paragraph("a"),)), BulletList(items=items("b")),
            Panel(tone="success", content=(paragraph("c"),)), Panel(tone="note", content=(paragraph("d"),))]),
        (">", []),
    ],
)  # fmt: skip
def test_quotes_are_panels(markdown: str, blocks: list[Block]) -> None:
    assert list(read(markdown)) == blocks


def test_a_table_is_read_with_as_many_cells_in_every_row() -> None:
    markdown = "| a | **b** |\n|:--|--:|\n| 1 |\n| `x\\|y` | {{status:red\\|NO}} | z |\n| <br> \\| | |"
    assert read(markdown) == (
        Table(
            header=(inlines("a"), inlines(strong("b"))),
            rows=(
                (inlines("1"), ()),
                (inlines(Text(text="x|y", code=True)), inlines(Lozenge(text="NO", color="red"))),
                (inlines("<br> |"), ()),
            ),
        ),
    )


def test_a_huge_table_is_read_whole() -> None:
    [table] = read("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 4_000)
    assert isinstance(table, Table)
    assert len(table.rows) == 4_000


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(string.punctuation)))
def test_a_text_whose_signs_are_escaped_is_read_as_itself(text: str) -> None:
    words = " ".join(text.split())
    escaped = re.sub(r"[!-/:-@\[-`{-~]", r"\\\g<0>", words)
    assert read(escaped) == ((paragraph(words),) if words else ())


FRAGMENTS = """
- [ ] - [x] 1. > > [!NOTE] # ## ``` ```py ~~~ | |---| |a|b| * ** _ ` \\ ![ [ ]( ](javascript:x) ](https://x.example) <
> <b> </ac:macro> <ac:structured-macro ac:name="html"> ]]> <![CDATA[ &amp; &#x1; &nbsp; {{status:red| }} a b
[r]: https://x.example \x00 \ud800 \ufffe \u202e \u2028 --- === <!-- <?x <details>
"""
PIECES = st.sampled_from([*FRAGMENTS.split(" "), " ", "  ", "    ", "\n", "\n\n", "\n    ", "\n> ", "\t"])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.characters(exclude_categories=()), max_size=40).map("".join))
def test_whatever_is_read_is_storage_of_ours(markdown: str) -> None:
    document = read_markdown(markdown)
    assert Document.model_validate(document.model_dump()) == document
    assert_ours(to_storage(document))


HOSTILE = [
    "[",
    "![",
    "*a ",
    "a**b",
    "`a``",
    "<",
    "> ",
    "- ",
    "|a",
    "[a](",
    "[a]: b\n",
    "\\",
    "&",
    "{{status:red|a",
]
HOSTILE += ["a|b\n-|-\n", "- [ ] a\n", "> [!TIP] a\n\n", "1. ", "  - a\n", "**_", "![a ", "> - ", "(", "[](("]


@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_text_takes_linear_time_and_no_deep_stack(part: str) -> None:
    start = time.perf_counter()
    read_markdown(part * (20_000 // len(part)))
    assert time.perf_counter() - start < 8


@pytest.mark.parametrize(("opening", "closing"), [("*", "*"), ("![", "](x)"), ("[", "](https://x.example)")])
def test_marks_in_each_other_are_read_however_deep(opening: str, closing: str) -> None:
    assert "a" in "".join(read_markdown(opening * 5_000 + "a" + closing * 5_000).texts())


def test_lists_are_cut_below_the_twentieth_level() -> None:
    [block] = read("\n".join("  " * depth + f"- {depth}" for depth in range(60)))
    assert isinstance(block, BulletList)
    assert block.levels == tuple(range(20))


def test_a_long_text_is_cut() -> None:
    [block] = read("a" * (LONGEST + 1))
    assert block == paragraph("a" * LONGEST)
