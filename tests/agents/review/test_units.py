"""Every changed line is in exactly one unit, whatever the change looks like."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bot.agents.review.units import MOST_FILES, NUMBERS, halves, related, unit_tokens, units
from bot.domain.change import ChangeSet
from tests.doubles import added_file, change_of

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
