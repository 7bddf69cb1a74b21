"""What the stand-in Confluence makes of storage when it is saved."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.confluence import markers
from bot.sandbox.confluence.history import difference
from bot.sandbox.confluence.storage import Saving, saved
from bot.sandbox.confluence.tree import BadStorage, read, write

CLOUD = Saving("cloud", lambda title: 7)
CENTER = Saving("datacenter", lambda title: 7)
ID = re.compile(r' (?:local-id|ac:local-id|ac:macro-id|ac:task-list-id)="[0-9a-f-]{36}"')
UUID = re.compile(r"<ac:task-uuid>[0-9a-f-]{36}</ac:task-uuid>")
NAME = '<ac:parameter ac:name="">trivet-x-begin</ac:parameter>'
ANCHOR = f'<p><ac:structured-macro ac:name="anchor">{NAME}</ac:structured-macro></p>'
INFO = '<ac:structured-macro ac:name="info"><ac:rich-text-body>{}</ac:rich-text-body></ac:structured-macro>'
CODE = '<ac:structured-macro ac:name="code"><ac:plain-text-body>{}</ac:plain-text-body></ac:structured-macro>'


def on_cloud(storage: str) -> str:
    """Without the ids, which are made up anew each time."""
    return UUID.sub("", ID.sub("", saved(storage, CLOUD)))


def on_center(storage: str) -> str:
    return UUID.sub("", ID.sub("", saved(storage, CENTER)))


def test_a_macro_gets_its_ids_and_keeps_them():
    first = saved(ANCHOR, CLOUD)
    assert re.search(r'<ac:structured-macro ac:local-id="[^"]+" ac:macro-id="[^"]+" ac:name="anchor" ', first)
    assert saved(first, CLOUD) == first
    assert "ac:local-id" not in saved(ANCHOR, CENTER)


def test_the_name_of_an_anchor_and_its_paragraph_survive():
    plain = '<ac:parameter ac:name="">trivet-x-begin</ac:parameter>'
    macro = (
        f'<p><ac:structured-macro ac:name="anchor" ac:schema-version="1">{plain}</ac:structured-macro></p>'
    )
    assert on_cloud(ANCHOR) == on_center(ANCHOR) == macro


def test_attributes_are_put_in_order_and_empty_elements_close_themselves():
    assert on_center('<p title="b" class="a"></p><hr></hr>') == '<p class="a" title="b" /><hr />'


def test_characters_that_have_a_name_become_entities():
    assert on_center("<p>It’s\u00a0f&#252;r &quot;x&quot; &amp; &lt;</p>") == (
        "<p>It&rsquo;s&nbsp;f&uuml;r &quot;x&quot; &amp; &lt;</p>"
    )


def test_blanks_between_blocks_go_and_those_in_text_stay():
    assert on_center("\n<p>a  b\n c</p>\n\n<ul>\n <li>x</li>\n</ul>") == "<p>a  b\n c</p><ul><li>x</li></ul>"


def test_cloud_wraps_bare_text_in_paragraphs():
    assert on_cloud("<ul><li>a<strong>b</strong><ul><li>c</li></ul></li></ul>") == (
        "<ul><li><p>a<strong>b</strong></p><ul><li><p>c</p></li></ul></li></ul>"
    )
    assert on_center("<ul><li>a</li></ul>") == "<ul><li>a</li></ul>"


def test_cloud_says_strong_and_em():
    assert on_cloud("<p><b>a</b><i>b</i></p>") == "<p><strong>a</strong><em>b</em></p>"


def test_a_table_gets_a_body_and_on_cloud_its_columns():
    table = "<table><tr><th>a</th><th>b</th></tr></table>"
    assert on_cloud(table) == (
        '<table data-layout="default" data-table-width="760"><colgroup><col /><col /></colgroup><tbody><tr>'
        "<th><p>a</p></th><th><p>b</p></th></tr></tbody></table>"
    )
    assert on_center(table) == '<table class="wrapped"><tbody><tr><th>a</th><th>b</th></tr></tbody></table>'


def test_a_page_link_remembers_the_version_it_saw():
    link = '<p><ac:link><ri:page ri:content-title="Home" /></ac:link></p>'
    assert 'ri:version-at-save="7"' in on_center(link)
    assert saved(saved(link, CENTER), Saving("datacenter", lambda title: 9)) == saved(link, CENTER)


def test_tasks_are_numbered_after_those_that_have_a_number():
    body = "<ac:task-body>x</ac:task-body>"
    told = f"<ac:task-list><ac:task><ac:task-id>4</ac:task-id>{body}</ac:task><ac:task>{body}</ac:task></ac:task-list>"
    assert re.findall(r"<ac:task-id>(\d+)<", on_center(told)) == ["4", "5"]
    assert on_center(told).count("<ac:task-status>incomplete</ac:task-status>") == 2


def test_cdata_keeps_its_text_to_the_letter():
    code = CODE.format("<![CDATA[a ]]]]><![CDATA[> <b> &nbsp;]]>")
    (body,) = [one for one in read(saved(code, CLOUD)).walk() if one.name == "ac:plain-text-body"]
    assert body.children == ["a ]]> <b> &nbsp;"]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>"),
        ("<style>p{}</style><iframe src='x'></iframe><p>a</p>", "<p>a</p>"),
        ('<p onclick="x()" class="c">a</p>', '<p class="c">a</p>'),
        ('<p><a href="javascript:alert(1)">a</a></p>', "<p><a>a</a></p>"),
        ('<p><a href=" JavaScript:alert(1)">a</a></p>', "<p><a>a</a></p>"),
        ("<p>a<!-- trivet:v1 -->b</p>", "<p>ab</p>"),
        ("<details><p>a</p></details>", "<p>a</p>"),
        ("<p>a</p><ac:novelty>b</ac:novelty>", "<p>a</p>"),
        ("<p>a</p><ac:structured-macro>b</ac:structured-macro>", "<p>a</p>"),
    ],
)
def test_what_may_not_stand_there_is_left_out_without_a_word(given, left):
    assert on_center(given) == on_cloud(given) == left


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("<p>a", "Unexpected close tag </xml>; expected </p>."),
        ("<p>a</b></p>", "Unexpected close tag </b>; expected </p>."),
        ("a</p>", "Unexpected close tag </p>; expected </xml>."),
        ("<p>&foo;</p>", 'Undeclared general entity "foo"'),
        ("<novel:tag />", 'Undeclared namespace prefix "novel"'),
        ("<p>a & b</p>", "not well-formed"),
        ("<!DOCTYPE a><p />", "not well-formed"),
        ("</xml><xml>", "junk after document element"),
        ("<br>", "Unexpected close tag </xml>; expected </br>."),
        ("<p>" * 1_200 + "</p>" * 1_200, "Maximum Element Depth limit (1000) Exceeded"),
        ("<p>\x01</p>", "not well-formed"),
    ],
)
def test_what_is_no_xml_is_refused_with_the_place(given, words):
    with pytest.raises(BadStorage) as refused:
        saved(given, CLOUD)
    assert str(refused.value).startswith("Error parsing xhtml: ")
    assert words in str(refused.value)
    assert re.search(r"at \[row,col \{unknown-source}]: \[1,\d+]$", str(refused.value))


def test_the_place_counts_rows_and_columns_of_what_was_given():
    with pytest.raises(BadStorage, match=re.escape("[2,4]")):
        saved("<p>a</p>\n<p>&foo;</p>", CLOUD)


TEXTS = st.text(st.sampled_from("ab <>&\"'é’\u00a0\n\t]"), max_size=8)
INLINE = st.recursive(
    TEXTS.map(lambda text: write_text(text)),
    lambda inner: st.one_of(
        st.builds("<{0}>{1}</{0}>".format, st.sampled_from(["b", "em", "code", "span", "font"]), inner),
        st.builds('<a href="{}">{}</a>'.format, st.sampled_from(["https://x.test/", "javascript:x"]), inner),
        st.just("<br />"),
        st.just('<ac:link><ri:page ri:content-title="T" /></ac:link>'),
        st.just(
            '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">x</ac:parameter></ac:structured-macro>'
        ),
    ),
    max_leaves=4,
)
BLOCKS = st.recursive(
    st.one_of(
        INLINE,
        st.builds("<p>{}</p>".format, INLINE),
        st.builds("<h2>{}</h2>".format, INLINE),
        st.builds("<ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body>".format, st.just("a < b")),
        st.builds(
            "<ac:task-list><ac:task><ac:task-body>{}</ac:task-body></ac:task></ac:task-list>".format, INLINE
        ),
        st.just("\n  "),
        st.just(ANCHOR),
    ),
    lambda inner: st.one_of(
        st.builds("<ul><li>{}</li> <li>{}</li></ul>".format, inner, inner),
        st.builds("<table><tr><th>{}</th></tr><tr><td>{}</td></tr></table>".format, inner, inner),
        st.builds("<table><thead><tr><th>{}</th></tr></thead></table>".format, inner),
        st.builds(
            INFO.format,
            inner,
        ),
        st.builds(
            "<ac:layout><ac:layout-section><ac:layout-cell>{}</ac:layout-cell></ac:layout-section></ac:layout>".format,
            inner,
        ),
        st.builds("{}{}".format, inner, inner),
        st.builds("<div>{}</div><blockquote>{}</blockquote>".format, inner, inner),
    ),
    max_leaves=8,
)


def write_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@settings(max_examples=150)
@given(BLOCKS)
def test_what_was_saved_once_changes_no_more(storage):
    for saving in (CLOUD, CENTER):
        first = saved(storage, saving)
        assert saved(first, saving) == first
        assert write(read(first)) == first


def visible(storage: str) -> str:
    """Every character but blanks that a reader gets."""
    texts = [one for element in read(storage).walk() for one in element.children if isinstance(one, str)]
    return "".join(sorted("".join("".join(texts).split())))


@settings(max_examples=100)
@given(BLOCKS)
def test_no_text_is_lost_in_saving(storage):
    kept = visible(UUID.sub("", saved(storage, CENTER)))
    without = re.sub(r"<ac:task-(id|status)>.*?</ac:task-\1>", "", saved(storage, CENTER))
    assert visible(UUID.sub("", without)) == visible(storage), kept


# --- markers and differences


def test_a_marker_stands_around_the_words_that_are_meant():
    storage = "<p>one two one</p><p>one</p>"
    assert markers.count(storage, "one") == 3
    marked = markers.marked(storage, "one", 1, "r")
    assert (
        marked
        == '<p>one two <ac:inline-comment-marker ac:ref="r">one</ac:inline-comment-marker></p><p>one</p>'
    )
    assert markers.refs(marked) == {"r"}


def test_words_in_a_macro_bear_no_marker():
    assert (
        markers.count(
            '<ac:structured-macro ac:name="x"><ac:parameter ac:name="y">one</ac:parameter></ac:structured-macro>',
            "one",
        )
        == 0
    )


def test_a_difference_shows_changed_lines_and_what_stands_around_them():
    before = "<h2>Title</h2><p>a</p><ul><li>one</li><li>two</li></ul><p>end</p>"
    lines = difference(before, before.replace("two", "2"))
    assert [(one["sign"], one["text"]) for one in lines] == [
        (" ", "• one"),
        ("-", "• two"),
        ("+", "• 2"),
        (" ", "end"),
    ]
