"""Digests: the same for what means the same, another for anything a person would see."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.domain.sections import digest
from bot.domain.storage_scan import DEEPEST, Element, Text, elements, scan, texts
from tests.domain.storage_samples import FRAGMENTS, rewritten

ALIKE = [
    ("<p>a  b</p>", "\n<p>a\n b </p>\n"),
    ("<p>a&nbsp;b &eacute;</p>", "<p>a\u00a0b é</p>"),
    ("<p>a</p>", "<p>a</p><p/><p></p><p>&nbsp;</p><p><br/></p>"),
    ("<p>a</p>", "<p>a<br/></p>"),
    ("a", "<p>a</p>"),
    ("<ul><li>a</li></ul>", '<ul local-id="1">\n<li><p ac:local-id="2">a</p></li>\n</ul>'),
    ("<ul><li>a<ul><li>b</li></ul></li></ul>", "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li></ul>"),
    ("<ol><li>a</li></ol>", '<ol start="1"><li>a</li></ol>'),
    ("<p><strong>a</strong> <em>b</em> <del>c</del></p>", "<p><b>a</b> <i>b</i> <s>c</s></p>"),
    ("<p><strong><em>a</em></strong></p>", "<p><em><strong>a</strong></em></p>"),
    ("<p><strong>ab</strong></p>", "<p><strong>a</strong><strong>b</strong></p>"),
    ("<p><strong>a </strong>b</p>", "<p><strong>a</strong> b</p>"),
    ("<p><strong>a<br/>b</strong></p>", "<p><strong>a</strong><br/><strong>b</strong></p>"),
    ("<p>a b</p>", '<p class="x" style="y" data-z="1"><span>a</span> <span style="color: red;">b</span></p>'),
    ("<p>a bc d</p>", '<p>a <ac:inline-comment-marker ac:ref="1">bc</ac:inline-comment-marker> d</p>'),
    (
        "<table><tr><th>a</th></tr><tr><td>b</td></tr></table>",
        '<table class="wrapped" data-layout="wide"><colgroup><col style="width: 9px"/></colgroup><thead><tr>'
        '<th colspan="1"><p>a</p></th></tr></thead><tbody><tr><td rowspan="1"><p>b</p></td></tr></tbody></table>',
    ),
    (
        '<ac:structured-macro ac:name="code"><ac:parameter ac:name="title">t</ac:parameter>'
        '<ac:parameter ac:name="language">c</ac:parameter></ac:structured-macro>',
        '<ac:structured-macro ac:macro-id="1" ac:name="code" ac:schema-version="2" data-layout="default">'
        '<ac:parameter ac:name="language">c</ac:parameter><ac:parameter ac:name="breakoutMode">wide</ac:parameter>'
        '<ac:parameter ac:name="title">t</ac:parameter></ac:structured-macro>',
    ),
    (
        '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">x</ac:parameter></ac:structured-macro>',
        '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">x</ac:parameter>'
        '<ac:parameter ac:name="colour">Grey</ac:parameter></ac:structured-macro>',
    ),
    (
        '<ac:link><ri:page ri:content-title="a" ri:space-key="b"/></ac:link>',
        '<ac:link><ri:page ri:space-key="b" ri:version-at-save="7" ri:content-title="a"></ri:page></ac:link>',
    ),
    (
        "<ac:task-list><ac:task><ac:task-status>complete</ac:task-status><ac:task-body>a</ac:task-body></ac:task>"
        "</ac:task-list>",
        '<ac:task-list ac:task-list-id="1">\n<ac:task>\n<ac:task-id>4</ac:task-id><ac:task-uuid>u</ac:task-uuid>'
        "<ac:task-status>complete</ac:task-status><ac:task-body><span>a</span></ac:task-body></ac:task></ac:task-list>",
    ),
    (
        "<ac:plain-text-body><![CDATA[a]]]]><![CDATA[>b]]></ac:plain-text-body>",
        "<ac:plain-text-body>a]]&gt;b</ac:plain-text-body>",
    ),
]

CODE = "<ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body>"
DIFFERENT = [
    ("<p>ab</p>", "<p>a b</p>"),
    ("<p>a b</p>", "<p>a&nbsp;b</p>"),
    ("<p>a</p>", "<p>A</p>"),
    ("<p>a</p>", "<h1>a</h1>"),
    ("<h1>a</h1>", "<h2>a</h2>"),
    ("<p>a</p>", "<p><strong>a</strong></p>"),
    ("<p><strong>a</strong>b</p>", "<p><strong>ab</strong></p>"),
    ("<p>a<br/>b</p>", "<p>a b</p>"),
    ("<p>a</p><p>b</p>", "<p>b</p><p>a</p>"),
    ("<p>a</p><p>b</p>", "<p>a b</p>"),
    ("<p>&lt;b&gt;a&lt;/b&gt;</p>", "<p><b>a</b></p>"),
    ('<p><a href="https://x/1">a</a></p>', '<p><a href="https://x/2">a</a></p>'),
    ('<p><a href="https://x/1">a</a></p>', "<p>a</p>"),
    ("<ul><li>a</li></ul>", "<ol><li>a</li></ol>"),
    ("<ul><li>a</li><li>b</li></ul>", "<ul><li>b</li><li>a</li></ul>"),
    ("<ul><li>a</li><li>b</li></ul>", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
    ("<ul><li>a</li><li>b</li></ul>", "<ul><li>a</li></ul><ul><li>b</li></ul>"),
    ("<ul><li>ab</li></ul>", "<ul><li>a</li><li>b</li></ul>"),
    ("<ol><li>a</li></ol>", '<ol start="2"><li>a</li></ol>'),
    ("<table><tr><td>a</td></tr></table>", "<table><tr><th>a</th></tr></table>"),
    ("<table><tr><td>a</td><td>b</td></tr></table>", "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>"),
    ("<table><tr><td>a</td></tr></table>", '<table><tr><td colspan="2">a</td></tr></table>'),
    (CODE.format("a  b"), CODE.format("a b")),
    (CODE.format("a\n"), CODE.format("a")),
    ("<p><code>a  b</code></p>", "<p><code>a b</code></p>"),
    ("<pre>a\n b</pre>", "<pre>a b</pre>"),
    ("<pre>a</pre>", "<pre><b>a</b></pre>"),
    ("<ac:task-status>complete</ac:task-status>", "<ac:task-status>incomplete</ac:task-status>"),
    ('<ac:structured-macro ac:name="info"/>', '<ac:structured-macro ac:name="note"/>'),
    (
        '<ac:structured-macro ac:name="jira"><ac:parameter ac:name="key">A-1</ac:parameter></ac:structured-macro>',
        '<ac:structured-macro ac:name="jira"><ac:parameter ac:name="key">A-2</ac:parameter></ac:structured-macro>',
    ),
    (
        '<ac:link><ri:page ri:content-title="a"/></ac:link>',
        '<ac:link><ri:page ri:content-title="b"/></ac:link>',
    ),
    ("<p>m</p>", "<p>t</p>"),
    ("<p>a</p>", "<p>a</p><hr/>"),
    ("", "<hr/>"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_confluence_writes_differently_has_the_same_digest(one: str, other: str) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_a_person_sees_has_another_digest(one: str, other: str) -> None:
    assert digest(one) != digest(other)


@given(FRAGMENTS, st.integers(0, 2**16))
@settings(max_examples=150)
def test_a_digest_outlives_confluences_rewriting(fragment: str, seed: int) -> None:
    again = rewritten(fragment, seed)
    assert digest(again) == digest(fragment)
    assert digest(rewritten(again, seed + 1)) == digest(fragment)


@given(FRAGMENTS, st.data())
@settings(max_examples=150)
def test_any_edit_of_a_text_changes_the_digest(fragment: str, data: st.DataObject) -> None:
    page = scan(fragment)
    ids = {text for one in elements(page.children) if one.name == "ac:task-id" for text in texts([one])}
    shown = [one for one in texts(page.children) if one.text.strip() and one not in ids]
    assume(shown)
    text = data.draw(st.sampled_from(shown))
    edited = with_more(fragment, text, data.draw(st.sampled_from(["q", "é", "1", ".", "_"])))
    assert digest(edited) != digest(fragment)


def with_more(fragment: str, text: Text, more: str) -> str:
    """The fragment with a letter more before the last one of a text."""
    raw = fragment.encode()
    end = text.end - len(b"]]>") if text.is_cdata else text.end
    return (raw[:end] + more.encode() + raw[end:]).decode()


@given(FRAGMENTS, st.data())
@settings(max_examples=80)
def test_taking_a_block_away_changes_the_digest(fragment: str, data: st.DataObject) -> None:
    blocks = [one for one in elements(scan(fragment).children) if is_shown(one)]
    assume(blocks)
    block = data.draw(st.sampled_from(blocks))
    raw = fragment.encode()
    assert digest((raw[: block.start] + raw[block.end :]).decode()) != digest(fragment)


def is_shown(element: Element) -> bool:
    names = {
        "p",
        "h2",
        "li",
        "tr",
        "th",
        "td",
        "ac:task",
        "ac:structured-macro",
        "blockquote",
        "ac:emoticon",
        "hr",
    }
    return element.name in names and (
        element.name != "p" or any(one.text.strip() for one in texts([element]))
    )


@pytest.mark.parametrize(
    "name", ["div", "strong", "ul", "li", "span", "p", "td", "blockquote", "ac:rich-text-body"]
)
def test_the_deepest_page_that_is_read_has_a_digest(name: str) -> None:
    deep = f"<{name}>" * DEEPEST + "x" + f"</{name}>" * DEEPEST
    assert digest(deep) != digest(deep.replace("x", "y"))
