"""Which texts count as ours, while one of us writes and once it is done."""

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.sections import Kept
from bot.gateways.confluence_properties import Remembered, Write


def about(version: int, digest: str) -> Write:
    return Write("asked", digest, version)


def done(version: int, digest: str) -> Write:
    return Write("asked", digest, version, is_done=True)


def after(*writes: Write) -> Remembered:
    known = Remembered()
    for write in writes:
        known = known.with_write(write)
    return known


def test_what_is_about_to_stand_is_ours_beside_what_stands() -> None:
    assert after(done(1, "a"), about(2, "b")).kept.digests == ("a", "b")


def test_once_it_stands_the_text_before_is_ours_no_more() -> None:
    assert after(done(1, "a"), about(2, "b"), done(2, "b")).kept.digests == ("b",)


def test_what_confluence_made_of_it_stands_in_its_place() -> None:
    assert after(about(2, "b"), done(2, "rewritten")).kept.digests == ("rewritten",)


def test_a_text_that_is_told_late_is_ours_as_long_as_the_next_one_does_not_stand() -> None:
    known = after(about(2, "b"), about(3, "c"), done(2, "b"))
    assert known.kept.digests == ("c", "b")
    assert known.last == about(3, "c")
    assert known.with_write(done(3, "c")).kept.digests == ("c",)


def test_a_text_that_is_told_after_the_next_one_stood_is_not_ours() -> None:
    known = after(about(2, "b"), about(3, "c"), done(3, "c"))
    assert known.with_write(done(2, "b")) == known


def test_of_two_that_are_about_to_write_both_are_known() -> None:
    assert after(done(1, "a"), about(2, "b"), about(2, "c")).kept.digests == ("a", "b", "c")


def test_a_write_that_was_taken_back_leaves_the_text_before_it() -> None:
    known = after(done(1, "a"), about(2, "b")).without_write(about(2, "b"))
    assert known == Remembered(Kept(("a",), is_made=True))
    later = after(done(1, "a"), about(2, "b"), about(3, "c")).without_write(about(2, "b"))
    assert (later.kept.digests, later.last) == (("a", "c"), about(3, "c"))


WRITES = st.builds(Write, st.just("asked"), st.sampled_from("abcdefgh"), st.integers(2, 9), st.booleans())


@given(st.lists(WRITES, max_size=12), st.sampled_from("abcdefgh"))
def test_when_the_newest_write_is_done_nothing_else_is_ours(writes: list[Write], digest: str) -> None:
    newest = done(10, digest)
    assert after(*writes, newest).kept.digests == (digest,)
    assert after(*writes, newest, *(one for one in writes if one.is_done)).kept.digests == (digest,)
