"""Every changed line is in exactly one unit, whatever the change looks like."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.agents.review.units import (
    MOST_CLAIMS,
    MOST_FILES,
    NUMBERS,
    REACH,
    around,
    excerpt,
    halves,
    related,
    second_looks,
    spans,
    unit_tokens,
    units,
)
from bot.domain.change import ChangeSet
from bot.domain.findings import Finding, Severity
from bot.llm.messages import estimated_tokens
from tests.doubles import added_file, change_of, edited_file

names = st.sampled_from(
    [
        "a.py",
        "test_a.py",
        "b/a.py",
        "index.ts",
        "web/index.ts",
        "c.go",
        "c_test.go",
        "d.md",
        "e.spec.ts",
        "e.ts",
    ]
)
texts = st.lists(st.text("xy ", max_size=90), min_size=1, max_size=60).map("\n".join)


def change(files: dict[str, str]) -> ChangeSet:
    return change_of(*(added_file(path, text) for path, text in files.items()))


def lines_of(unit: list[tuple[int, int, int]]) -> Counter[tuple[int, int]]:
    return Counter((place, line) for place, first, last in unit for line in range(first, last))


@given(st.dictionaries(names, texts, min_size=1), st.integers(20, 2_000))
def test_an_excerpt_fits_and_has_no_line_twice(files: dict[str, str], room: int) -> None:
    of = change(files)
    shown = excerpt(of, range(len(of.files)), room)
    assert max(lines_of(shown).values(), default=1) == 1
    assert shown == sorted(shown)
    sizes = (size_of(of, segment) for segment in shown)
    assert sum(sizes) <= room
    whole = sum(size_of(of, (place, 0, 10**6)) for place in range(len(of.files)))
    if whole <= room:
        assert sum(lines_of(shown).values()) == sum(1 for file in of.files for _ in file.lines())


def size_of(of: ChangeSet, segment: tuple[int, int, int]) -> int:
    place, first, last = segment
    lines = list(of.files[place].lines())[first:last]
    return sum(estimated_tokens(line.text) + NUMBERS for line in lines)


def test_an_excerpt_has_some_of_every_file_before_more_of_any() -> None:
    of = change({f"f{number}.py": "value = one + two\n" * 300 for number in range(6)})
    shown = excerpt(of, range(6), 3_000)
    assert {place for place, _, _ in shown} == set(range(6))
    assert len(shown) == 6, "what follows on another is one segment with it"
    assert all(last - first < 300 for _, first, last in shown)


@given(st.dictionaries(names, texts, min_size=1), st.integers(20, 400), st.booleans())
def test_every_line_is_in_one_unit_and_no_unit_is_too_large(
    files: dict[str, str], room: int, backwards: bool
) -> None:
    of = change(files)
    made = units(of, range(len(of.files)), room, backwards=backwards)
    everything = sum((lines_of(unit) for unit in made), Counter())
    assert everything == Counter(
        (place, line) for place, file in enumerate(of.files) for line, _ in enumerate(file.lines())
    )
    for unit in made:
        sizes = [
            len(list(of.files[place].lines())[line].text) // 3 + NUMBERS for place, line in lines_of(unit)
        ]
        assert sum(sizes) <= room or len(sizes) == 1


@given(st.dictionaries(names, texts, min_size=1), st.integers(20, 400))
def test_halves_are_the_whole_until_it_is_too_small_to_cut(files: dict[str, str], room: int) -> None:
    of = change(files)
    for unit in units(of, range(len(of.files)), room):
        parts = halves(of, unit)
        if parts:
            assert sum((lines_of(part) for part in parts), Counter()) == lines_of(unit)
            assert all(parts)
        else:
            assert len(unit) == 1


def test_a_test_is_read_with_what_it_tests_though_its_folder_is_another() -> None:
    of = change(
        {"app/orders.py": "x", "app/users.py": "x", "tests/test_orders.py": "x", "tests/test_users.py": "x"}
    )
    assert related(of, range(4)) == [[0, 2], [1, 3]]


def test_names_that_say_nothing_do_not_relate_files() -> None:
    of = change({"a/index.ts": "x", "b/index.ts": "x", "c/__init__.py": "x", "d/__init__.py": "x"})
    assert related(of, range(4)) == [[0], [1], [2], [3]]


def test_a_unit_has_few_enough_files_to_be_read_with_care() -> None:
    of = change({f"f{number}.py": "x = 1" for number in range(30)})
    made = units(of, range(30), 100_000)
    assert [len(unit) for unit in made] == [MOST_FILES, MOST_FILES, 6]


def test_a_small_window_gets_small_units_and_a_huge_one_no_huge_ones() -> None:
    assert unit_tokens(8_000) < unit_tokens(32_000) <= unit_tokens(1_000_000) == 10_000


def test_long_lines_count_as_they_are_shown() -> None:
    of = change({"a.py": "\n".join(["x" * 10_000] * 20)})
    assert len(units(of, [0], 5_000)) == 1


def claim(line: int, path: str = "a.py") -> Finding:
    return Finding(rule="r", severity=Severity.MAJOR, path=path, line=line, title="t")


def test_a_second_look_sees_the_lines_around_each_claim_and_not_what_lies_between() -> None:
    of = change({"a.py": "x\n" * 1_000})
    assert around(of, [claim(10), claim(40), claim(900)]) == [
        (0, 0, 40 + REACH),
        (0, 900 - 1 - REACH, 900 + REACH),
    ]


def test_a_claim_outside_the_diff_is_shown_with_the_change_nearest_to_it() -> None:
    (hunk,) = edited_file("a.py", "x\n" * 500, added=[400]).hunks
    near = replace(edited_file("a.py", "", added=[]), hunks=(replace(hunk, lines=hunk.lines[390:410]),))
    assert around(change_of(near), [claim(7)]) == [(0, 0, 20)]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40), st.integers(20, 100_000))
def test_every_claim_has_its_second_look_in_groups_that_fit(numbers: list[int], room: int) -> None:
    of = change({"a.py": "x = 1\n" * 200, "b.py": "y = 2\n" * 200})
    claims = [claim(number % 200 + 1, "a.py" if number < 200 else "b.py") for number in numbers]
    groups = second_looks(of, claims, room)
    assert Counter(one for group in groups for one in group) == Counter(claims)
    for group in groups:
        lines = sum(last - first for _, first, last in around(of, group))
        assert len(group) <= MOST_CLAIMS
        assert len(group) == 1 or lines * NUMBERS <= room


@given(
    st.lists(st.integers(0, 5_000), min_size=1, max_size=60).map(sorted),
    st.integers(0, 60),
    st.integers(1, 300),
)
def test_spans_hold_every_number_and_do_not_overlap(numbers: list[int], reach: int, most: int) -> None:
    found = list(spans(numbers, reach, most))
    assert all(any(first <= number <= last for first, last in found) for number in numbers)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(last - first + 1 <= max(most, 2 * reach + 1) for first, last in found)
