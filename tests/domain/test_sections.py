"""Sections of a page: found, cut out, changed and put back, while no other byte moves."""

import json
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.domain.document import BulletList, Document, Heading, inlines, paragraph
from bot.domain.pages import BlockEdit
from bot.domain.sections import (
    Kept,
    Section,
    append,
    difference,
    digest,
    edited,
    find,
    is_ours,
    kept_of,
    lost_comments,
    merged,
    reanchored,
    splice,
    wrapped,
)
from bot.domain.storage import to_storage
from bot.errors import Damaged
from tests.domain.storage_samples import FRAGMENTS, PLACES, around, rewritten

Place = tuple[str, str, str, str, str]


def anchor(name: str) -> str:
    return f'<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">{name}</ac:parameter></ac:structured-macro>'


BEGIN, END = anchor("trivet-notes-begin"), anchor("trivet-notes-end")
FIRST, LAST = f"<p>{BEGIN}</p>", f"<p>{END}</p>"


def found(storage: str, name: str = "notes") -> Section:
    section = find(storage, name)
    assert section
    return section


# --- finding ---


@given(PLACES, FRAGMENTS)
@settings(max_examples=100)
def test_a_section_is_found_as_it_was_written(place: Place, text: str) -> None:
    above, below = around(place)
    section = found(above + wrapped("notes", text) + below)
    assert section.is_marked
    assert section.storage == text
    assert section.digest == digest(text)


@given(PLACES, FRAGMENTS, st.integers(0, 2**16))
@settings(max_examples=100)
def test_a_section_is_found_after_confluence_has_rewritten_the_page(
    place: Place, text: str, seed: int
) -> None:
    above, below = around(place)
    section = found(rewritten(above + wrapped("notes", text) + below, seed))
    assert section.is_marked
    assert section.digest == digest(text)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (FIRST, LAST),
        (f'<p local-id="1">\n  {BEGIN} </p>', f"<p>&nbsp;{END}<br/></p>"),
        (f"<p>typed before {BEGIN} and after</p>", f"<p>more {END} words</p>"),
        (f"<p><strong><em>{BEGIN}</em></strong></p>", f'<p><span style="x">{END}</span></p>'),
        (f'<p><ac:inline-comment-marker ac:ref="1">a {BEGIN}</ac:inline-comment-marker></p>', LAST),
        (f"<h2>Notes {BEGIN}</h2>", f"<h2>{END}More</h2>"),
        (BEGIN, END),
        (FIRST.replace("trivet", "TRIVET"), LAST.replace('">trivet', '"> trivet')),
        (
            FIRST.replace(
                "<ac:parameter", '<ac:parameter ac:name="legacyAnchorId">L</ac:parameter><ac:parameter', 1
            ),
            LAST,
        ),
    ],
)
def test_what_people_and_editors_do_to_a_boundary_is_forgiven(first: str, last: str) -> None:
    section = found(f"<p>above</p>{first}<p>text</p>{last}<p>below</p>")
    assert section.storage == "<p>text</p>"


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        (f"{FIRST}<p>x</p>", 'no end any more: put an anchor named "trivet-notes-end"'),
        (f"<p>x</p>{LAST}", 'no begin any more: put an anchor named "trivet-notes-begin"'),
        (f"{FIRST}{FIRST}<p>x</p>{LAST}", "more than once"),
        (f"{FIRST}<p>x</p>{LAST}<p>y</p>{LAST}", "more than once"),
        (f"{FIRST}{LAST}{FIRST}{LAST}", "more than once"),
        (f"<p>{BEGIN}{BEGIN}</p><p>x</p>{LAST}", "more than once"),
        (f"{LAST}{LAST}", "more than once"),
        (f"{LAST}<p>x</p>{FIRST}", "before its begin"),
        (f"<p>{BEGIN}x{END}</p>", "in one paragraph"),
        (f"<p>{BEGIN}{END}</p>", "in one paragraph"),
        (f"<h2>{BEGIN}<strong>x</strong>{END}</h2>", "in one paragraph"),
        (f"<table><tr><td>{FIRST}</td></tr></table><p>x</p>{LAST}", "not side by side"),
        (f"<table><tr><td>{FIRST}<p>x</p></td><td>{LAST}</td></tr></table>", "not side by side"),
        (f"<ul><li>{BEGIN}</li><li>x</li><li>{END}</li></ul>", "not side by side"),
        (f"<div>{FIRST}<p>x</p></div>{LAST}", "not side by side"),
        (f"<blockquote>{LAST}</blockquote>{FIRST}", "not side by side"),
        ("<h2>Notes</h2><p>x</p><h3>notes</h3>", '2 headings "notes"'),
        (f"{FIRST}<p>x{LAST}", "not well-formed"),
    ],
)
def test_a_damaged_boundary_is_told_and_nothing_is_guessed(storage: str, says: str) -> None:
    with pytest.raises(Damaged, match=says):
        find(storage, "notes")
    with pytest.raises(Damaged, match=says):
        append(storage, "notes", "<p>n</p>")


def test_anchors_of_another_name_and_in_code_are_nothing() -> None:
    code = f"<ac:plain-text-body><![CDATA[{FIRST}{LAST}]]></ac:plain-text-body>"
    others = wrapped("note", "<p>a</p>") + wrapped("notes-begin", "<p>b</p>") + f"<p>{anchor('notes')}</p>"
    macro = FIRST.replace('"anchor"', '"excerpt"')
    assert find(code + others + macro, "notes") is None


def test_each_section_of_a_page_is_found_by_its_name_however_written() -> None:
    page = wrapped("API guide", "<p>a</p>") + wrapped("notes", "<p>b</p>")
    assert found(page, "api guide").storage == found(page, "API-Guide").storage == "<p>a</p>"
    assert found(page).storage == "<p>b</p>"


@pytest.mark.parametrize(
    "heading", ["Release notes", "release-notes", " RELEASE&nbsp;_NOTES ", "<strong>Release</strong> Notes"]
)
def test_without_a_boundary_the_heading_of_its_name_is_the_section(heading: str) -> None:
    page = f"<h1>T</h1><h2>{heading}</h2>\n<p>a</p><h3>more</h3><p>b</p><h2>Other</h2><p>c</p>"
    section = found(page, "release notes")
    assert not section.is_marked
    assert section.storage == "\n<p>a</p><h3>more</h3><p>b</p>"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h2>Notes</h2><p>a</p><h1>T</h1>", "<p>a</p>"),
        ("<h2>Notes</h2>", ""),
        ("<div><h3>Notes</h3><p>a</p></div><p>b</p>", "<p>a</p>"),
        (
            "<h2>Notes</h2><p>a</p><div><h1>Within</h1></div><p>b</p>",
            "<p>a</p><div><h1>Within</h1></div><p>b</p>",
        ),
        ("<h2>Notes</h2><p>a</p>" + wrapped("other", "<p>b</p>"), "<p>a</p>"),
        (wrapped("other", "<h2>Notes</h2><p>a</p>") + "<p>b</p>", "<p>a</p>"),
    ],
)
def test_what_stands_below_a_heading_ends_at_the_next_as_high_or_with_its_place(page: str, text: str) -> None:
    assert found(page).storage == text


def test_our_boundary_counts_before_any_heading() -> None:
    page = "<h2>Notes</h2><p>a</p><h2>Notes</h2>" + wrapped("notes", "<h2>Notes</h2><p>b</p>")
    assert found(page).storage == "<h2>Notes</h2><p>b</p>"


def test_a_page_without_boundary_and_heading_has_no_section() -> None:
    assert find("", "notes") is None
    assert find("<p>Notes</p><h2>Notes of old</h2>", "notes") is None


def test_the_blocks_of_a_section_are_what_a_person_sees_and_the_rest_is_kept_between_them() -> None:
    section = found(wrapped("notes", "\n<p>a</p> <p />bare <b>line</b><ul><li>x</li></ul><!-- c -->\n"))
    assert [one.storage for one in section.blocks] == ["<p>a</p>", "bare <b>line</b>", "<ul><li>x</li></ul>"]
    assert [one.before for one in section.blocks] == ["\n", " <p />", ""]
    assert section.after == "<!-- c -->\n"
    assert section.markdown == "a\n\nbare **line**\n\n- x"


def test_blocks_tell_what_may_be_replaced_and_what_is_commented_on() -> None:
    marker = '<ac:inline-comment-marker ac:ref="1">b</ac:inline-comment-marker>'
    text = f'<p>a</p><p>{marker}</p><ac:structured-macro ac:name="jira"/><p style="color: red">c</p>'
    blocks = found(wrapped("notes", text)).blocks
    assert [one.is_plain for one in blocks] == [True, True, False, False]
    assert [one.is_commented for one in blocks] == [False, True, False, False]


def test_a_section_in_a_page_of_a_megabyte_is_found_in_time() -> None:
    rest = "<p>q &eacute; <b>e</b></p><table><tr><td>x</td></tr></table>" * 17_000
    page = rest + wrapped("notes", "<p>a</p>" * 100) + "<p>z</p>"
    started = time.perf_counter()
    assert len(page) > 1_000_000
    assert len(found(page).blocks) == 100
    assert time.perf_counter() - started < 5


# --- writing ---


@given(PLACES, FRAGMENTS, FRAGMENTS)
@settings(max_examples=150)
def test_no_byte_outside_a_section_changes_and_writing_twice_is_writing_once(
    place: Place, old: str, new: str
) -> None:
    above, below = around(place)
    page = above + wrapped("notes", old) + below
    once = splice(page, found(page), new)
    assert once == above + wrapped("notes", new) + below
    assert found(once).storage == new
    assert splice(once, found(once), new) == once


@given(PLACES, FRAGMENTS)
@settings(max_examples=100)
def test_a_section_is_appended_once_and_every_other_byte_stays(place: Place, text: str) -> None:
    above, below = around(place)
    page = above + below
    written = append(page, "notes", text)
    section = found(written)
    assert section.is_marked
    assert section.storage == text
    assert splice(written, section, "").encode().replace(wrapped("notes", "").encode(), b"", 1).decode() in (
        page,
        page.removesuffix("</ac:layout>")
        + '<ac:layout-section ac:type="single"><ac:layout-cell></ac:layout-cell></ac:layout-section></ac:layout>',
    )
    with pytest.raises(ValueError, match="already"):
        append(written, "notes", text)


@pytest.mark.parametrize(
    ("page", "written"),
    [
        ("", "{}"),
        ("<p>a</p>\n", "<p>a</p>\n{}"),
        ("bare", "bare{}"),
        ("<ac:layout/>", "<ac:layout/>{}"),
        (
            "<ac:layout><ac:layout-section/></ac:layout>\n",
            '<ac:layout><ac:layout-section/><ac:layout-section ac:type="single"><ac:layout-cell>{}</ac:layout-cell>'
            "</ac:layout-section></ac:layout>\n",
        ),
        ("<ac:layout></ac:layout><p>a</p>", "<ac:layout></ac:layout><p>a</p>{}"),
    ],
)
def test_a_new_section_stands_at_the_end_of_a_page_within_its_columns(page: str, written: str) -> None:
    assert append(page, "notes", "<p>n</p>") == written.format(wrapped("notes", "<p>n</p>"))


def test_what_stood_below_a_heading_gets_a_boundary_when_it_is_written() -> None:
    page = "<h2>Notes</h2><p>é</p><h2>Other</h2>"
    written = splice(page, found(page), "<p>b</p>")
    assert written == "<h2>Notes</h2>" + wrapped("notes", "<p>b</p>") + "<h2>Other</h2>"
    assert found(written).is_marked


# --- edits ---


def document(*texts: str) -> Document:
    return Document(blocks=tuple(paragraph(text) for text in texts))


def test_blocks_are_replaced_inserted_and_deleted_and_nothing_else_is_touched() -> None:
    text = '\n<p local-id="1">a</p>\n<hr/> <p>b</p><ac:x>&nbsp;</ac:x>\n'
    edits = [
        BlockEdit(block=2, how="replace", body=document("B", "B2")),
        BlockEdit(block=2, how="insert", body=document("c")),
        BlockEdit(block=2, how="insert", body=document("d")),
        BlockEdit(block=1, how="delete"),
        BlockEdit(block=-1, how="insert", body=document("top")),
    ]
    assert edited(found(wrapped("notes", text)), edits) == (
        '<p>top</p>\n<p local-id="1">a</p>\n <p>B</p><p>B2</p><p>c</p><p>d</p><ac:x>&nbsp;</ac:x>\n'
    )


def test_the_items_of_a_replaced_list_that_stay_the_same_keep_their_bytes() -> None:
    text = '<ul local-id="1"><li local-id="2"><p>a</p></li><li local-id="3"><p>b</p></li></ul>'
    body = Document(blocks=(BulletList(items=(inlines("a"), inlines("new"), inlines("b"))),))
    assert edited(found(wrapped("notes", text)), [BlockEdit(block=0, how="replace", body=body)]) == (
        '<ul local-id="1"><li local-id="2"><p>a</p></li><li>new</li><li local-id="3"><p>b</p></li></ul>'
    )


def test_a_section_that_is_not_there_yet_can_only_be_begun() -> None:
    assert edited(None, [BlockEdit(block=-1, how="insert", body=document("a"))]) == "<p>a</p>"
    with pytest.raises(ValueError, match="no block 0"):
        edited(None, [BlockEdit(block=0, how="insert", body=document("a"))])


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ([BlockEdit(block=2, how="replace")], "no block 2"),
        ([BlockEdit(block=2, how="insert")], "no block 2"),
        ([BlockEdit(block=-1, how="replace")], "no block -1"),
        ([BlockEdit(block=-1, how="delete")], "no block -1"),
        ([BlockEdit(block=-2, how="insert")], "no block -2"),
        ([BlockEdit(block=0, how="replace"), BlockEdit(block=0, how="replace")], "twice"),
        ([BlockEdit(block=0, how="replace"), BlockEdit(block=0, how="delete")], "twice"),
    ],
)
def test_an_edit_that_fits_no_block_is_an_error(edits: list[BlockEdit], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        edited(found(wrapped("notes", "<p>a</p><p>b</p>")), edits)


@given(FRAGMENTS, st.data())
@settings(max_examples=100)
def test_untouched_blocks_and_all_between_them_keep_their_bytes(text: str, data: st.DataObject) -> None:
    section = found(wrapped("notes", text))
    assume(section.blocks)
    number = data.draw(st.integers(0, len(section.blocks) - 1))
    edit = BlockEdit(block=number, how="replace", body=document("all new"))
    block = section.blocks[number]
    above = "".join(one.before + one.storage for one in section.blocks[:number]) + block.before
    below = text[len(above) + len(block.storage) :]
    assert edited(section, [edit]) == above + "<p>all new</p>" + below


# --- a whole new text ---


def test_new_notes_keep_the_bytes_of_every_item_row_and_block_they_had() -> None:
    old = (
        '<h2 local-id="1">Fixes</h2><ul local-id="2">\n<li local-id="3"><p>one</p></li>\n<li local-id="4"><p>two</p>'
        '<ul local-id="5"><li local-id="6"><p>deep</p></li></ul></li></ul>'
        '<table data-layout="wide"><colgroup><col style="width: 9px"/></colgroup><tbody>'
        '<tr local-id="7"><th><p>k</p></th></tr><tr local-id="8"><td><p>v</p></td></tr></tbody></table><p>gone</p>'
    )
    new = (
        "<h2>Features</h2><ul><li>zero</li></ul><h2>Fixes</h2><ul><li>none</li><li>one</li>"
        "<li>two<ul><li>deep</li><li>deeper</li></ul></li></ul>"
        "<table><tbody><tr><th>k</th></tr><tr><td>u</td></tr><tr><td>v</td></tr></tbody></table>"
    )
    assert merged(old, new) == (
        '<h2>Features</h2><ul><li>zero</li></ul><h2 local-id="1">Fixes</h2><ul local-id="2"><li>none</li>'
        '<li local-id="3"><p>one</p></li>'
        '<li><p>two</p><ul local-id="5"><li local-id="6"><p>deep</p></li><li>deeper</li></ul></li></ul>'
        '<table data-layout="wide"><colgroup><col style="width: 9px"/></colgroup><tbody>'
        '<tr local-id="7"><th><p>k</p></th></tr><tr><td>u</td></tr>'
        '<tr local-id="8"><td><p>v</p></td></tr></tbody></table>'
    )


def test_bytes_of_the_old_text_are_never_used_twice() -> None:
    old = '<ul local-id="1"><li local-id="2">a</li></ul><p local-id="3">b</p>'
    new = "<p>b</p><p>b</p><ul><li>a</li></ul><ul><li>a</li><li>c</li></ul>"
    assert merged(old, new) == (
        '<p local-id="3">b</p><p>b</p><ul local-id="1"><li local-id="2">a</li></ul><ul><li>a</li><li>c</li></ul>'
    )


def test_lines_without_a_paragraph_do_not_run_into_each_other() -> None:
    assert merged("<div>a</div><div>b</div>c", "<p>a</p><p>b</p><p>c</p>") == "<p>a</p><p>b</p><p>c</p>"


@given(st.lists(FRAGMENTS, min_size=1, max_size=4), st.data(), st.integers(0, 2**16))
@settings(max_examples=150)
def test_a_merged_text_says_what_the_new_one_says(pieces: list[str], data: st.DataObject, seed: int) -> None:
    old = rewritten("".join(data.draw(st.lists(st.sampled_from(pieces), max_size=4))), seed)
    new = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=4)))
    assert digest(merged(old, new)) == digest(new)
    assert merged(merged(old, new), new) == merged(old, new)


@given(FRAGMENTS, st.integers(0, 2**16))
@settings(max_examples=80)
def test_a_text_that_says_the_same_changes_no_block(text: str, seed: int) -> None:
    old = rewritten(text, seed)
    blocks = [one.storage for one in found(wrapped("notes", merged(old, text))).blocks]
    assert blocks == [one.storage for one in found(wrapped("notes", old)).blocks]


# --- inline comments ---


def marked(ref: str, text: str) -> str:
    return f'<ac:inline-comment-marker ac:ref="{ref}">{text}</ac:inline-comment-marker>'


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (
            f"<p>{marked('1', 'the cart')}</p>",
            "<p>Now the cart is</p>",
            f"<p>Now {marked('1', 'the cart')} is</p>",
        ),
        (f"<p>{marked('1', 'R&amp;D')}</p>", "<p>é R&amp;D x</p>", f"<p>é {marked('1', 'R&amp;D')} x</p>"),
        (f"<p>{marked('1', 'a&nbsp;b')}</p>", "<p>a&#160;b</p>", f"<p>{marked('1', 'a&#160;b')}</p>"),
        (
            f"<p>{marked('1', 'one')} {marked('2', 'two')}</p>",
            "<p>two one</p>",
            f"<p>{marked('2', 'two')} {marked('1', 'one')}</p>",
        ),
        (f"<p>{marked('1', marked('2', 'x'))}</p>", "<p>x</p>", f"<p>{marked('1', marked('2', 'x'))}</p>"),
        (f"<p>{marked('1', 'x')}</p>", f"<p>y {marked('1', 'z')} x</p>", f"<p>y {marked('1', 'z')} x</p>"),
    ],
)
def test_a_comment_goes_with_its_text(old: str, new: str, kept: str) -> None:
    assert reanchored(old, new) == kept
    assert lost_comments(old, kept) == 0
    assert digest(kept) == digest(new)


@pytest.mark.parametrize(
    "new",
    [
        "<p>the cart and the cart</p>",
        "<p>the cart</p><p>the cart</p>",
        "<p>the <b>cart</b></p>",
        "<p>a basket</p>",
        "<ac:plain-text-body><![CDATA[the cart]]></ac:plain-text-body>",
        '<ac:structured-macro ac:name="x"><ac:parameter ac:name="y">the cart</ac:parameter></ac:structured-macro>',
        '<p title="the cart">x</p>',
        "",
    ],
)
def test_a_comment_whose_text_is_not_there_just_once_is_lost_and_counted(new: str) -> None:
    old = f"<p>{marked('1', 'the cart')}</p>"
    assert reanchored(old, new) == new
    assert lost_comments(old, new) == 1
    assert lost_comments(old, old) == lost_comments(new, old) == 0


def test_a_comment_on_several_pieces_of_text_is_one_comment() -> None:
    old = f"<p>{marked('1', 'a')}<b>{marked('1', 'b')}</b></p>"
    assert lost_comments(old, "") == 1
    assert lost_comments(old, f"<p>{marked('1', 'a')}</p>") == 0


# --- what changes ---


def test_a_difference_shows_lines_as_a_person_reads_them() -> None:
    old = (
        "<h2>Routes</h2>"
        + "".join(f"<p>{number}</p>" for number in range(9))
        + "<ul><li>a</li><li>b</li></ul>"
    )
    assert difference(old, old.replace("<li>b</li>", "<li>c &lt;b&gt;</li>")) == (
        "@@ -19,4 +19,4 @@\n 8\n \n - a\n-- b\n+- c <b>"
    )


def test_what_only_confluence_wrote_differently_is_no_difference() -> None:
    assert difference("<ul><li>a</li></ul>", '<ul local-id="1"><li><p>a</p></li></ul>') == ""


# --- what is remembered ---


def test_what_a_property_remembers_comes_back() -> None:
    memory = {"breaking": {"7": ["x"]}}
    kept = Kept(("a" * 32,), is_made=True, source="group/shop!7", memory=memory, owner="gitlab:42")
    assert kept_of(json.loads(json.dumps(kept.value()))) == kept
    assert kept_of(Kept().value()) == Kept()


def test_the_five_newest_texts_are_remembered_each_once() -> None:
    kept = Kept()
    for letter in "abcdefcg":
        kept = kept.with_digest(letter)
    assert kept.digests == ("d", "e", "f", "c", "g")
    assert kept.with_digest("e").digests == ("d", "f", "c", "g", "e")
    assert kept.without_digest("f").digests == ("d", "e", "c", "g")
    assert kept.without_digest("x") == kept


def test_a_property_never_outgrows_what_confluence_takes() -> None:
    kept = Kept(("a" * 32,) * 5, is_made=True, source="s" * 100_000, memory={"x": "é" * 10_000})
    assert len(json.dumps(kept.value())) < 30_000
    assert kept_of(kept.value()) == Kept(kept.digests, is_made=True, source="s" * 500)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        ({}, None),
        ({"digests": "abc"}, None),
        ({"digests": None, "made": True}, None),
        ({"digests": []}, Kept()),
        ({"digests": ["a", 1, None, "b" * 65, "c"], "made": 1, "source": 7, "memory": [1]}, Kept(("a", "c"))),
        ({"digests": ["a"], "owner": {"of": "us"}}, Kept(("a",))),
        ({"digests": ["a"], "owner": "gitlab:42"}, Kept(("a",), owner="gitlab:42")),
        ({"digests": list("abcdefgh"), "made": True, "strange": 1}, Kept(tuple("defgh"), is_made=True)),
    ],
)
def test_a_property_that_strangers_changed_is_read_as_far_as_it_goes(
    value: dict[str, object], kept: Kept
) -> None:
    assert kept_of(value) == kept


def test_a_section_is_ours_while_it_says_what_we_wrote() -> None:
    text = to_storage(Document(blocks=(Heading(level=2, content=inlines("a")), paragraph("b"))))
    kept = Kept().with_digest(digest(text)).with_digest(digest(text + "<p>next</p>"))
    assert is_ours(found(rewritten(wrapped("notes", text), 3)), kept)
    assert not is_ours(found(wrapped("notes", text.replace("b", "c"))), kept)
    assert not is_ours(found(wrapped("notes", text)), None)
    assert not is_ours(
        found(f"<h2>Notes</h2>{text.replace('h2', 'h3')}"), Kept((digest(text.replace("h2", "h3")),))
    )


@pytest.mark.parametrize(
    ("kept", "ours"),
    [
        (None, True),
        (Kept(), True),
        (Kept(("a" * 32,)), True),
        (Kept(("a" * 32,), is_made=True), False),
        (Kept((digest(""),), is_made=True), True),
    ],
)
def test_an_empty_section_is_ours_to_fill_until_a_text_of_ours_stood_there(
    kept: Kept | None, ours: bool
) -> None:
    assert is_ours(found(wrapped("notes", "")), kept) is ours
