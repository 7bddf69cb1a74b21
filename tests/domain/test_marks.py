"""Marks survive rotation and nothing else: not another merge request, not a changed character."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.marks import Kind, Mark, MarkBook, attach, strip
from bot.errors import UsageError

OLD, NEW = "o" * 16, "n" * 16
BOOK = MarkBook([NEW, OLD], "gitlab:42:7")
SUMMARY = Mark("review", "summary", "review:summary", "9ba12248")
KINDS: tuple[Kind, ...] = ("finding", "summary", "failure")

MARKS = st.builds(
    Mark,
    agent=st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True),
    kind=st.sampled_from(KINDS),
    key=st.from_regex(r"[A-Za-z0-9_.:/]{1,200}", fullmatch=True),
    head=st.from_regex(r"[0-9a-f]{0,64}", fullmatch=True),
)


@settings(max_examples=100)
@given(MARKS, st.text(max_size=50))
def test_a_mark_is_read_back_from_any_body(mark: Mark, body: str) -> None:
    assert BOOK.read(attach(body, BOOK.write(mark))) == mark


@settings(max_examples=300)
@given(MARKS, st.data())
def test_any_changed_character_voids_a_mark(mark: Mark, data: st.DataObject) -> None:
    text = BOOK.write(mark)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8") | st.sampled_from("0123456789abcdef"))
    changed = text[:at] + other + text[at + 1 :]
    assert BOOK.read(changed) == (mark if changed == text else None)


@settings(max_examples=100)
@given(MARKS, st.data())
def test_a_shortened_mark_is_none(mark: Mark, data: st.DataObject) -> None:
    text = BOOK.write(mark)
    at = data.draw(st.integers(0, len(text) - 1))
    assert BOOK.read(text[:at] + text[at + 1 :]) is None


def test_the_form_is_fixed() -> None:
    text = MarkBook([NEW], "gitlab:42:7").write(SUMMARY)
    assert text.startswith("<!-- trivet:v1 agent=review kind=summary key=review:summary head=9ba12248 mac=")
    assert text.endswith(" -->")


def test_the_first_secret_signs_and_every_secret_verifies() -> None:
    before = MarkBook([OLD], "gitlab:42:7").write(SUMMARY)
    assert BOOK.read(before) == SUMMARY
    assert BOOK.write(SUMMARY) == MarkBook([NEW], "gitlab:42:7").write(SUMMARY)
    assert MarkBook([NEW], "gitlab:42:7").read(before) is None


def test_a_mark_of_another_merge_request_is_void() -> None:
    assert MarkBook([NEW], "gitlab:42:8").read(BOOK.write(SUMMARY)) is None


def test_only_the_last_mark_counts() -> None:
    forged = BOOK.write(SUMMARY).replace("kind=summary", "kind=failure")
    assert BOOK.read(f"{forged}\n{BOOK.write(SUMMARY)}") == SUMMARY
    assert BOOK.read(f"{BOOK.write(SUMMARY)}\n{forged}") is None


def test_without_a_secret_marks_are_unsigned() -> None:
    text = MarkBook([], "gitlab:42:7").write(SUMMARY)
    assert " mac=none " in text
    read = BOOK.read(text)
    assert read is not None
    assert not read.signed
    assert (read.kind, read.key) == (SUMMARY.kind, SUMMARY.key)


def test_a_short_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="16 characters") as caught:
        MarkBook([NEW, "short secret"], "gitlab:42:7")
    assert "short secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a b", "a-->b", "a--b", "x" * 201, "a\n", "ä"])
def test_a_field_that_could_break_the_comment_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a mark"):
        BOOK.write(Mark("review", "finding", key, ""))


@settings(max_examples=100)
@given(MARKS, st.text(st.characters(exclude_characters="<"), max_size=50))
def test_stripping_takes_the_mark_off_again(mark: Mark, body: str) -> None:
    assert strip(attach(body, BOOK.write(mark))) == body.rstrip()


def test_a_note_may_carry_several_marks_of_which_the_last_is_its_own() -> None:
    listed = Mark("review", "finding", "k1", SUMMARY.head)
    foreign = MarkBook([NEW], "gitlab:42:8").write(Mark("review", "finding", "k2", SUMMARY.head))
    body = attach("Told here", "\n".join((BOOK.write(listed), foreign, BOOK.write(SUMMARY))))
    assert BOOK.read(body) == SUMMARY
    assert BOOK.read_all(body) == [listed, SUMMARY]
    assert BOOK.signs
    assert not MarkBook([], "gitlab:42:7").signs


def test_without_a_secret_a_signed_mark_counts_as_an_unsigned_one() -> None:
    written = MarkBook(["a" * 16], "gitlab:1:7").write(Mark("review", "summary", "summary", "9ba12248"))
    read = MarkBook([], "gitlab:1:7").read(written)
    assert read == Mark("review", "summary", "summary", "9ba12248", signed=False)
