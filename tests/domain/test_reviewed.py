"""A file's change is read once: what a rebase does to it does not make it another, a line does."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.change import FileChange, FileStatus, Hunk, Line, Side
from bot.domain.reviewed import CONTENT_DIGITS, PATH_DIGITS, Reviewed, is_same, unit, unread, whole

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), max_size=12)
SIDES = st.sampled_from([Side.ADDED, Side.REMOVED, Side.CONTEXT])
DRAFTS = st.lists(st.tuples(SIDES, TEXTS), min_size=1, max_size=8)


def changed(lines: list[tuple[Side, str]], path: str = "app/shop.py", start: int = 1) -> FileChange:
    """One hunk that begins at line `start` on both sides."""
    old = new = start
    made = []
    for side, text in lines:
        made.append(
            Line(side, None if side is Side.ADDED else old, None if side is Side.REMOVED else new, text)
        )
        old, new = old + (side is not Side.ADDED), new + (side is not Side.REMOVED)
    hunk = Hunk(start, old - start, start, new - start, tuple(made))
    return FileChange(path, path, FileStatus.MODIFIED, hunks=(hunk,))


def read(*files: FileChange) -> Reviewed:
    return Reviewed(head="a" * 40, units=tuple(map(unit, files)))


ONE = changed([(Side.ADDED, "x = 1")])
TWO = changed([(Side.REMOVED, "y = 2")], "app/cart.py")


def test_without_a_model_a_change_is_the_same_when_all_of_it_is() -> None:
    files = [changed([(Side.ADDED, "one")], "a.py"), changed([(Side.ADDED, "two")], "b.py")]
    by_checks = Reviewed(head="a" * 40, whole=whole(files))
    assert is_same(reversed(files), by_checks, has_model=False)
    assert not is_same(files, by_checks)
    assert not is_same(files[:1], by_checks, has_model=False)


def test_a_unit_tells_the_path_from_the_content() -> None:
    elsewhere = replace(ONE, new_path="app/moved.py", status=FileStatus.RENAMED)
    assert len(unit(ONE)) == PATH_DIGITS + CONTENT_DIGITS
    assert unit(ONE)[PATH_DIGITS:] == unit(elsewhere)[PATH_DIGITS:]
    assert unit(ONE)[:PATH_DIGITS] != unit(elsewhere)[:PATH_DIGITS]


@settings(max_examples=80, deadline=None)
@given(DRAFTS, st.integers(2, 900), st.lists(TEXTS, max_size=3))
def test_a_rebase_changes_nothing(lines: list[tuple[Side, str]], start: int, before: list[str]) -> None:
    """Line numbers move, what is around the change reads otherwise, and one hunk may become two."""
    moved = [(Side.CONTEXT, text) for text in before] + [one for one in lines if one[0] is not Side.CONTEXT]
    rebased = changed(moved, start=start)
    halves = [changed(lines[:1]).hunks[0], changed(lines[1:] or [(Side.CONTEXT, "")], start=start).hunks[0]]
    for after in (rebased, replace(rebased, hunks=tuple(halves))):
        assert unit(after) == unit(changed(lines))
        assert is_same([after], read(changed(lines)))
        assert unread([after], read(changed(lines))) == []


@settings(max_examples=80, deadline=None)
@given(DRAFTS, st.data())
def test_a_line_that_is_added_removed_or_swapped_is_another_change(
    lines: list[tuple[Side, str]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(lines)))
    other = data.draw(st.tuples(st.sampled_from([Side.ADDED, Side.REMOVED]), TEXTS))
    after = changed([*lines[:at], other, *lines[at:]])
    assert unit(after) != unit(changed(lines))
    assert not is_same([after], read(changed(lines)))
    assert unread([after], read(changed(lines))) == [after]


def test_adding_a_line_is_not_removing_it_and_order_counts() -> None:
    assert unit(changed([(Side.ADDED, "x")])) != unit(changed([(Side.REMOVED, "x")]))
    lines = [(Side.ADDED, "x"), (Side.ADDED, "y")]
    assert unit(changed(lines)) != unit(changed(lines[::-1]))


def test_a_mode_counts_however_git_writes_that_there_is_no_file() -> None:
    assert unit(replace(ONE, new_mode="100755")) != unit(ONE)
    assert unit(replace(ONE, old_mode="0")) == unit(replace(ONE, old_mode="000000"))


def test_only_what_was_not_read_is_unread() -> None:
    after = changed([(Side.ADDED, "x = 2")])
    assert unread([after, TWO], read(ONE, TWO)) == [after]
    assert unread([ONE, TWO], None) == [ONE, TWO]
    assert unread([ONE, TWO], Reviewed()) == [ONE, TWO]


def test_what_moved_with_its_content_was_read() -> None:
    moved = replace(ONE, new_path="app/moved.py", status=FileStatus.RENAMED)
    assert unread([moved], read(ONE)) == []
    assert not is_same([moved], read(ONE))


def test_a_copy_beside_what_was_read_is_unread() -> None:
    copy = replace(ONE, old_path="app/copy.py", new_path="app/copy.py", status=FileStatus.ADDED)
    assert unread([ONE, copy], read(ONE)) == [copy]


def test_a_change_is_the_same_only_with_every_file() -> None:
    assert is_same([TWO, ONE], read(ONE, TWO))
    assert not is_same([ONE], read(ONE, TWO))
    assert not is_same([ONE, TWO], read(ONE))
    assert not is_same([ONE], None)
