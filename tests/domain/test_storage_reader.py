"""Storage as Markdown that shows what a person sees, and reads back where our documents can hold it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.document import (
    Block,
    BulletList,
    Code,
    Document,
    Heading,
    Link,
    Lozenge,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    paragraph,
)
from bot.domain.markdown_reader import read_markdown
from bot.domain.sections import digest, find, wrapped
from bot.domain.storage import to_storage
from bot.domain.storage_reader import to_markdown
from bot.domain.storage_scan import DEEPEST
from tests.domain.documents import LINES, documents
from tests.domain.storage_samples import FRAGMENTS, rewritten


def macro(name: str, inside: str = "", **parameters: str) -> str:
    told = "".join(
        f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items()
    )
    return f'<ac:structured-macro ac:name="{name}">{told}{inside}</ac:structured-macro>'


def rich(inside: str) -> str:
    return f"<ac:rich-text-body>{inside}</ac:rich-text-body>"


def plain(text: str) -> str:
    return f"<ac:plain-text-body><![CDATA[{text}]]></ac:plain-text-body>"


def is_plain(fragment: str) -> bool:
    section = find(wrapped("x", fragment), "x")
    assert section
    return all(block.is_plain for block in section.blocks)


PLAIN = [
    ("<h3>Routes &amp; more</h3>", "### Routes & more"),
    ("<p>a <strong>b</strong> <em>c</em> <code>d</code>\n e</p>", "a **b** _c_ `d` e"),
    ("<p><strong><em>both</em> one</strong></p>", "**_both_ one**"),
    ("<p>in<em>side</em>r</p>", "in*side*r"),
    ("<p><code>a`b</code> and <code> c </code></p>", "``a`b`` and `  c  `"),
    ('<p><a href="https://x.example/a?b=1&amp;c=(2)">a link</a></p>', r"[a link](https://x.example/a?b=1&c=\(2\))"),
    ('<p>Look!<a href="https://x.example">]</a></p>', r"Look\![\]](https://x.example)"),
    ("<p>one<br/>two<br/><br/>three</p>", "one\\\ntwo\\\n\\\nthree"),
    ("<p>snake_case 2 * 3 _x_ [y] `z` C:\\dir &lt;b&gt; a &amp; b &amp;amp;</p>",
     r"snake_case 2 \* 3 \_x\_ \[y\] \`z\` C:\\dir <b> a & b \&amp;"),
    ("<p># a<br/>- b<br/>1. c<br/>&gt; d<br/>=== <br/>+ e<br/>~~~</p>",
     "\\# a\\\n\\- b\\\n1\\. c\\\n\\> d\\\n\\===\\\n\\+ e\\\n\\~\\~~"),
    ("<h2>C #</h2>", r"## C \#"),
    ("<p>&nbsp;in</p>", "&#160;in"),
    ("<ul><li>a<ul><li><p>b</p></li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
    ("<ol><li>a<ol><li>b</li></ol></li><li>c</li></ol>", "1. a\n   1. b\n2. c"),
    ("<ul><li>one<br/>two</li></ul>", "- one\\\n  two"),
    (
        "<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>complete</ac:task-status><ac:task-body>"
        "<span>a</span></ac:task-body></ac:task><ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body>b"
        "</ac:task-body></ac:task></ac:task-list>",
        "- [x] a\n- [ ] b",
    ),
    (
        '<table data-layout="wide"><colgroup><col style="width: 1px"/></colgroup><tbody><tr><th><p>a</p></th>'
        "<th>b</th></tr><tr><td>1 | 2</td><td><code>x|y</code> <strong>z</strong></td></tr></tbody></table>",
        "| a | b |\n| --- | --- |\n| 1 \\| 2 | `x\\|y` **z** |",
    ),
    (macro("code", plain("def f():\n\n    pass\n"), language="python"), "```python\ndef f():\n\n    pass\n\n```"),
    (macro("code", plain("```\n<p>&nbsp;")), "````\n```\n<p>&nbsp;\n````"),
    (macro("info", rich("<p>a</p><p>b</p>")), "> [!NOTE]\n> a\n>\n> b"),
    (macro("note", rich("<p>a</p>")), "> [!IMPORTANT]\n> a"),
    (macro("warning", rich("a")), "> [!WARNING]\n> a"),
    (macro("tip", rich("<p>a</p>")), "> [!TIP]\n> a"),
    (f"<p>is {macro('status', title='DONE', colour='Green')}</p>", "is {{status:green|DONE}}"),
    (f"<p>{macro('status', title='a{b}')}</p>", r"{{status:grey|a\{b\}}}"),
    ("bare line", "bare line"),
]  # fmt: skip

OTHER = [
    ("<hr/>", "---"),
    (macro("jira", key="A-1"), "[macro: jira]"),
    (f"<p>see {macro('jira', key='A-1')}</p>", "see [macro: jira]"),
    (macro("expand", rich("<p>a</p><ul><li>b</li></ul>")), "[macro: expand]\n\na\n\n- b"),
    (macro("panel", rich("<p>a</p>"), title="T_"), "> **T\\_**\n>\n> a"),
    (macro("info", rich("<p>a</p>"), title="T"), "> [!NOTE]\n> **T**\n>\n> a"),
    (macro("noformat", plain("a  b")), "```\na  b\n```"),
    (macro("code", plain("a"), title="t"), "```\na\n```"),
    ('<p>a <ac:image><ri:attachment ri:filename="b.png"/></ac:image></p>', "a [image: b.png]"),
    ('<ac:image><ri:url ri:value="https://x.example/y"/></ac:image>', "[image]"),
    ('<p>by <ac:link><ri:user ri:account-id="1"/></ac:link></p>', "by [mention]"),
    ('<p>see <ac:link><ri:page ri:content-title="Other [x]"/></ac:link></p>', r"see [page: Other \[x\]]"),
    (
        '<p><ac:link><ri:page ri:content-title="O"/><ac:link-body>the <b>one</b></ac:link-body></ac:link></p>',
        "the one [page: O]",
    ),
    (
        '<p><ac:link ac:anchor="x"><ac:plain-text-link-body><![CDATA[below]]></ac:plain-text-link-body></ac:link></p>',
        "below",
    ),
    ('<p><ac:link><ri:attachment ri:filename="f.txt"/></ac:link></p>', "[file: f.txt]"),
    ('<p>a <ac:emoticon ac:name="smile"/> <time datetime="2026-01-02"/></p>', "a :smile: 2026-01-02"),
    (f"<p>a{macro('anchor')}b</p>", "ab"),
    ("<p>a <u>b</u> <del>c</del> <sub>d</sub></p>", "a b ~~c~~ d"),
    (
        '<p><a href="/wiki/x">a</a> <a href="mailto:a@b.example">b</a></p>',
        "[a](/wiki/x) [b](mailto:a@b.example)",
    ),
    ('<p>a <span style="color: red;">b</span></p>', "a b"),
    ("<p><strong><code>a</code></strong></p>", "**`a`**"),
    ("<ul><li>a<ol><li>b</li></ol></li></ul>", "- a\n  1. b"),
    ("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n\n  b"),
    ('<ol start="3"><li>a</li></ol>', "1. a"),
    ("<table><tr><td>a</td></tr></table>", "| a |\n| --- |"),
    (
        "<table><tr><th>a</th></tr><tr><td><p>b</p><p>c<br/>d</p></td></tr></table>",
        "| a |\n| --- |\n| b<br>c<br>d |",
    ),
    (
        '<table><tr><th>a</th><th>b</th></tr><tr><td colspan="2">c</td></tr></table>',
        "| a | b |\n| --- | --- |\n| c |  |",
    ),
    ("<blockquote><p>a</p></blockquote>", "> a"),
    (
        "<ac:task-list><ac:task><ac:task-body>a</ac:task-body></ac:task><ac:task-list><ac:task><ac:task-status>complete"
        "</ac:task-status><ac:task-body>b</ac:task-body></ac:task></ac:task-list></ac:task-list>",
        "- [ ] a\n  - [x] b",
    ),
    ("<pre>a\n b</pre>", "```\na\n b\n```"),
    ("<div><p>a</p><p>b</p></div>", "a\n\nb"),
    ("<p>a <kbd>b</kbd></p>", "a b"),
    ('<ac:adf-extension><ac:adf-node type="x"/></ac:adf-extension>', "[ac:adf-node]"),
    (macro("a]\nb"), r"[macro: a\] b]"),
]


@pytest.mark.parametrize(("fragment", "markdown"), PLAIN)
def test_what_our_documents_hold_is_markdown_that_reads_back(fragment: str, markdown: str) -> None:
    assert to_markdown(fragment) == markdown
    assert digest(to_storage(read_markdown(markdown))) == digest(fragment)
    assert is_plain(fragment)


@pytest.mark.parametrize(("fragment", "markdown"), OTHER)
def test_what_they_do_not_hold_is_shown_and_never_called_plain(fragment: str, markdown: str) -> None:
    assert to_markdown(fragment) == markdown
    assert not is_plain(fragment)


@given(LINES)
@settings(max_examples=300)
def test_any_line_reads_back_as_itself(text: str) -> None:
    line = to_storage(Document(blocks=(paragraph(text),)))
    assert read_markdown(to_markdown(line)) == read_back(text)
    assert is_plain(line)


def read_back(text: str) -> Document:
    shown = " ".join(text.split())
    return Document(blocks=(paragraph(shown),) if shown else ())


WORDS = st.sampled_from(
    ["a", "carts", "[ ]", "<b>", "1.", "#", "a_b", "|", "`", "{{", "\\", "R&D;", "&lt;", "§"]
)
SENTENCE = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
PIECE = st.one_of(
    st.builds(Text, text=SENTENCE),
    st.builds(Text, text=st.sampled_from(["b", "GET /x"]), strong=st.booleans(), emphasis=st.booleans()),
    st.builds(Text, text=SENTENCE, code=st.just(True)),
    st.builds(
        Link, text=SENTENCE, url=st.sampled_from(["https://x.example/a_(b)?c=1&d=2", "http://y.example"])
    ),
    st.builds(Lozenge, text=st.sampled_from(["DONE", "a|b", "}}"]), color=st.sampled_from(["grey", "red"])),
)
SPACED = st.lists(PIECE, min_size=1, max_size=3).map(
    lambda pieces: tuple(one for piece in pieces for one in (piece, Text(text=" ")))[:-1]
)
ITEMS = st.lists(SPACED, min_size=3, max_size=3).map(tuple)
LEVELS = st.sampled_from([(), (0, 1, 1), (0, 1, 2), (0, 0, 1)])
ORDINARY = st.one_of(
    st.builds(Heading, level=st.integers(1, 6), content=SPACED),
    st.builds(Paragraph, content=SPACED),
    st.builds(BulletList, items=ITEMS, levels=LEVELS),
    st.builds(NumberedList, items=ITEMS, levels=LEVELS),
    st.builds(TaskList, items=ITEMS, done=st.just((True, False, True))),
    st.builds(Table, header=ITEMS, rows=st.lists(ITEMS, max_size=2).map(tuple)),
    st.builds(
        Code, text=st.lists(WORDS, max_size=4).map("\n".join), language=st.sampled_from(["", "python"])
    ),
    st.builds(
        Panel,
        tone=st.sampled_from(["info", "note", "warning", "success"]),
        content=st.lists(st.builds(Paragraph, content=SPACED), min_size=1, max_size=2).map(tuple),
    ),
)


@given(ORDINARY, st.integers(0, 2**16))
@settings(max_examples=300)
def test_what_we_write_ourselves_is_plain_also_after_confluence_has_rewritten_it(
    block: Block, seed: int
) -> None:
    written = to_storage(Document(blocks=(block,)))
    assert is_plain(written)
    section = find(rewritten(wrapped("x", written), seed), "x")
    assert section
    assert [one.is_plain for one in section.blocks] == [True]
    assert digest(to_storage(read_markdown(section.markdown))) == digest(written)


@given(FRAGMENTS | documents(linked=True).map(to_storage))
@settings(max_examples=150)
def test_a_plain_block_can_be_replaced_by_what_its_markdown_says(fragment: str) -> None:
    section = find(wrapped("x", fragment), "x")
    assert section
    for block in section.blocks:
        assert not block.is_plain or digest(to_storage(read_markdown(block.markdown))) == digest(
            block.storage
        )


@given(FRAGMENTS, st.integers(0, 2**16))
@settings(max_examples=80)
def test_markdown_is_the_same_after_confluence_has_rewritten_the_storage(fragment: str, seed: int) -> None:
    assert to_markdown(rewritten(fragment, seed)) == to_markdown(fragment)


@pytest.mark.parametrize(
    "name", ["div", "strong", "ul", "li", "span", "p", "blockquote", "ac:rich-text-body", "td"]
)
def test_the_deepest_page_that_is_read_has_a_markdown(name: str) -> None:
    assert "x" in to_markdown(f"<{name}>" * DEEPEST + "x" + f"</{name}>" * DEEPEST)
