"""A line that has left its file is looked for where it can be, and nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.review import head_files
from bot.agents.review.sides import sides
from bot.agents.review.standing import places
from bot.domain.change import shown_path
from bot.domain.lifecycle import Known
from tests.agents.review.pushes import Files, Story, lines
from tests.agents.review.test_standing import CODE, made
from tests.doubles import DictSnapshot

SECRET = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"


def story(base: Files, head: Files, anchor: str = "bad()") -> Story:
    """Its one finding was in a file that is gone."""
    one = Known("k", made("gone.py", 4, anchor), thread="t")
    return Story(base=base, commits=[head], known=[one])


def place(base: Files, head: Files, anchor: str = "bad()", **other: Any) -> Any:
    return places(story(base, head, anchor).context(**other))["k"]


def test_files_without_the_line_are_not_read() -> None:
    old = {f"old{number}.py": "x = 1\n" for number in range(30)}
    edited = {path: text + "y = 2\n" for path, text in old.items()}
    added = {f"new{number}.py": "z = 3\n" for number in range(30)}
    snapshot = DictSnapshot({**edited, **added, "b.py": lines(CODE)})
    one = place(old, {**edited, **added, "b.py": lines(CODE)}, snapshot=snapshot)
    assert (one["path"], one["stands"]) == ("b.py", True)
    assert set(snapshot.asked) == {"b.py"}


def test_a_file_that_was_there_before_is_not_taken_for_its_new_one_but_the_line_is_not_gone() -> None:
    one = place({"b.py": "x = 1\n"}, {"b.py": "x = 1\n" + lines(CODE)})
    assert (one["path"], one["stands"], one["gone"]) == ("gone.py", False, False)


def test_a_renamed_file_has_lines_that_the_change_does_not_add() -> None:
    told = story({"o.py": lines(CODE, "x()")}, {"q.py": lines(CODE, "y()")})
    told.renamed = {"o.py": "q.py"}
    assert (places(told.context())["k"]["path"], places(told.context())["k"]["line"]) == ("q.py", 4)


def test_a_line_with_a_secret_is_found_again() -> None:
    code = f'\n\nkey = "{SECRET}"\n'
    told = story({}, {"b.py": code, "c.py": 'key = ""\n'})
    there = told.context()
    anchor = sides(there, there.change.files[0]).new[3]
    assert SECRET not in anchor
    assert place({}, {"b.py": code, "c.py": 'key = ""\n'}, anchor)["line"] == 3


def test_where_too_many_files_may_have_it_none_is_called_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    head = {f"new{number}.py": f"# bad() {number}\n" for number in range(4)}
    assert place({}, head)["gone"]
    monkeypatch.setattr(head_files, "MOST_FOLLOWED", 4)
    assert not place({}, head)["gone"]


ODD = st.text(st.sampled_from("ab(){}\\ \t\u00a0\u200b\u202eé\udc80<>:\"'x1"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(ODD.filter(lambda text: any(char.isalnum() for char in text)))
def test_a_line_of_any_characters_is_found_in_the_file_it_went_to(line: str) -> None:
    head = {"b.py": f"first()\n{line}\nlast()\n", "c.py": "other()\n"}
    there = story({}, head).context()
    (shown,) = (text for text in _shown(there))
    assert place({}, head, shown_path(shown.strip()))["path"] == "b.py"


def _shown(context: Any) -> Iterator[str]:
    yield sides(context, context.change.file("b.py")).new[2]
