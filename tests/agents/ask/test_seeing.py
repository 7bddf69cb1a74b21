"""What is explained is shown where a review shows it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.agents.ask.seeing import at_head, seen
from bot.agents.review.standing import moved, places
from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import Known, around
from tests.agents.ask.asked import context
from tests.agents.review.pushes import Files, change_between, lines
from tests.doubles import DictSnapshot

CODE = ["one()", "two()", "bad()", "four()", "five()", "six()", "seven()", "bad()", "nine()"]
PATH = "a.py"


def known(line: int, key: str = "k") -> Known:
    made = Finding(
        rule="wrong", severity=Severity.MAJOR, path=PATH, line=line, anchor="bad()", title="It breaks",
        fingerprint=key,
    )  # fmt: skip
    return Known(key, made, thread=key, around=around(dict(enumerate(CODE, 1)), line))


def asked(head: Files, about: Known, *others: Known, **other: Any) -> Any:
    there = {"change": lambda: change_between({}, head), "snapshot": lambda: DictSnapshot(head)}
    return context(None, "explain", about=about, known=others, **{**there, **other})


def test_a_finding_is_where_its_line_has_moved_to() -> None:
    view = seen(asked({PATH: lines("# new", "# new", CODE)}, known(3)))
    assert at_head(known(3).finding, view).line == 5


def test_a_finding_in_a_file_of_another_name_is_followed_by_its_line() -> None:
    there = at_head(known(3).finding, seen(asked({"b.py": lines(CODE[:4]), "c.py": "c()\n"}, known(3))))
    assert (there.path, there.line) == ("b.py", 3)


def test_what_is_gone_is_told_where_it_was() -> None:
    there = at_head(known(3).finding, seen(asked({PATH: "other()\n"}, known(3))))
    assert (there.path, there.line) == (PATH, 3)


@pytest.mark.parametrize(("nth", "line"), [(0, 3), (1, 7)])
def test_of_lines_that_read_alike_it_is_the_one_that_a_review_shows(nth: int, line: int) -> None:
    """The first one's is gone: it is not on the other's."""
    both = [known(3, "first"), known(8, "second")]
    view = seen(asked({PATH: lines(CODE[:2], CODE[3:])}, both[nth], *both))
    review = places(replace(view, known=both))
    assert at_head(both[nth].finding, view) == moved(both[nth].finding, review[both[nth].key])
    assert at_head(both[nth].finding, view).line == line
    assert review["first"]["stands"] is False


def test_a_finding_that_nobody_asked_about_has_its_place_too() -> None:
    view = replace(seen(asked({PATH: lines("# new", CODE)}, known(3))), known=())
    assert at_head(known(3).finding, view).line == 4
