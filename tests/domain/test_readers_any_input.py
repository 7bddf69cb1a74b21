"""What people and platforms write, at each reader that has no such test beside its own: any text is read or refused."""

import string
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import kept, rules
from bot.domain.boundary import wrapped
from bot.domain.commands import parse_command, spoken
from bot.domain.inline_comments import lost_comments, reanchored
from bot.domain.issue_keys import found, found_in_branch
from bot.domain.marks import MAC_DIGITS, MarkBook, strip
from bot.domain.page_comments import has_key, last_line
from bot.domain.replies import is_courtesy, is_dismissal, words_of
from bot.domain.sections import find, kept_of, splice
from bot.domain.storage_digest import digest
from bot.domain.storage_reader import to_markdown
from bot.domain.storage_scan import elements, scan
from bot.domain.versions import version_of
from bot.domain.yaml_file import Wrong
from bot.errors import Damaged

BOOK = MarkBook(["any-" + "secret-Zq8Rt2vLm4"], "gitlab:42:7")
NOBODYS = MarkBook([], "gitlab:42:7")
MAC = "0" * MAC_DIGITS
ANY = st.text(st.characters(codec=None), max_size=60)


def made_of(*pieces: str) -> st.SearchStrategy[str]:
    """Texts of these pieces and of anything, in any order."""
    return st.lists(st.sampled_from(pieces) | st.text(max_size=4), max_size=14).map("".join) | ANY


STORAGE = made_of(
    "<p>", "</p>", "<h2>", "</h2>", "<table><tbody><tr><td>", "</td></tr></tbody></table>", "<br/>", "&nbsp;", "&#0;",
    "&x;", "<![CDATA[", "]]>", "<!--", "-->", "<?x ?>", "<!DOCTYPE x>", '<ac:inline-comment-marker ac:ref="1">',
    "</ac:inline-comment-marker>", '<ac:structured-macro ac:name="code">', "</ac:structured-macro>", "<ac:parameter",
    ' ac:name="a">', "</ac:parameter>", "<a href='x'>", "</a>", "\ud800", "\0", wrapped("a", "<p>x</p>"), "<ul><li>",
)  # fmt: skip
NOTES = made_of(
    "<!-- trivet:v1 agent=review kind=finding key=k head=", "0" * 40, f" mac={MAC} -->", " mac=- -->", "<!-- trivet-",
    "ledger", "finding", "section", "reviewed", ":v1 data=", "eNqrBgABAAAA", "eA==", "=", "-->", "\n", "\ud800",
)  # fmt: skip
WORDS = made_of(
    "@trivet", "/trivet", " ", "\n", "review", "ask", "pause", "`", "```", "> ", "--", "\u202e", "false"
)
YAML = made_of(
    "jira:", "spaces:", "\n", " ", "- ", "project: ", "SHOP", "{", "}", "[", "]", "&a ", "*a", "!!x ", ": "
)
KEPT_NAMES = ("digests", "made", "source", "memory", "owner", "other")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEPT_NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


def refused(read: Callable[[Any], object], content: Any, kind: type[Exception]) -> str:
    """In which words it is not read; "" where it is."""
    try:
        read(content)
    except kind as error:
        return str(error) or "without a word"
    return ""


@settings(max_examples=150, deadline=None)
@given(STORAGE)
def test_any_storage_is_read_to_its_last_byte_or_said_to_be_damaged(storage: str) -> None:
    if sentence := refused(scan, storage, Damaged):
        assert sentence.startswith("The page's text ")
        return
    assert all(0 <= one.start <= one.end <= len(storage.encode()) for one in elements(scan(storage).children))
    assert digest(storage) == digest(storage)
    assert isinstance(to_markdown(storage) + last_line(storage) + reanchored(storage, storage), str)
    assert lost_comments(storage, storage) == 0
    assert not has_key(storage, "a-key-that-nobody-wrote")


@settings(max_examples=150, deadline=None)
@given(STORAGE)
def test_a_section_of_any_page_can_be_replaced_by_itself_or_the_page_is_said_to_be_damaged(
    storage: str,
) -> None:
    if refused(lambda text: find(text, "a"), storage, Damaged):
        return
    section = find(storage, "a")
    assert section is None or splice(storage, section, section.storage) == storage


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_property_of_a_page_is_ours_or_nobodys(value: Any) -> None:
    known = kept_of(value)
    assert known is None or all(isinstance(one, str) for one in known.digests)


@settings(max_examples=150, deadline=None)
@given(NOTES)
def test_no_note_that_we_did_not_sign_holds_anything_of_ours(body: str) -> None:
    readers = (kept.ledger_in, kept.section_in, kept.finding_in, kept.reviewed_in)
    assert [read(body, book) for read in readers for book in (BOOK, NOBODYS)] == [None] * 8
    assert not any(mark.signed for book in (BOOK, NOBODYS) for mark in book.read_all(body))
    assert kept.KEPT.search(kept.without_kept(body)) is None or "trivet-" in strip(body)


@settings(max_examples=150, deadline=None)
@given(WORDS)
def test_any_comment_is_a_command_or_none(body: str) -> None:
    said = parse_command(body, "trivet")
    assert said is None or "trivet" in body
    assert all(isinstance(line, str) for line in spoken(body))
    assert isinstance(words_of(body, "trivet"), str)
    assert {is_dismissal(body), is_courtesy(body)} <= {True, False}


@settings(max_examples=150, deadline=None)
@given(made_of("SHOP-1", "SHOP", "-", "1", "/", "feature/", "٣", "v", ".", "+", "rc", "9" * 30))
def test_keys_and_versions_stand_in_the_text_they_are_read_from(text: str) -> None:
    assert all(key in text for key in found([text]).keys)
    assert all(key in text.upper() for key in found_in_branch(text))
    version = version_of(text)
    assert version is None or any(digit in text for digit in string.digits)


@settings(max_examples=150, deadline=None)
@given(YAML.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60))
def test_any_rules_file_is_read_or_one_sentence_says_what_is_wrong(text: bytes) -> None:
    sentence = refused(rules.load, text, Wrong)
    assert "\n" not in sentence
    assert sentence or rules.load(text).model_dump_json()
