"""Lines of a comment: what is a list's mark goes, what is the sentence's own stays, however often they are shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.link.lines import shown
from bot.domain.secrets import Redactor

PIECES = [
    "- ",
    "10. ",
    "3) ",
    "* ",
    "[x] ",
    "• ",
    "a",
    "Guests",
    " ",
    "\n",
    "\u200b",
    "👩\u200d",
    "…",
    "x" * 158,
]
TEXTS = st.text(max_size=170) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize(
    "line",
    [
        "It refuses carts above 10. Guests get 5.",
        "Totals - rounded once - are shown",
        "Cart - limits",
        "Rules 1) and 2) are one",
        "3.5 is rounded up",
        "-5 is no price",
        "100. Not a list's number",
        "a * b is counted",
        "[x] alone marks nothing",
    ],
)
def test_a_sentence_keeps_its_dashes_and_numbers(line: str) -> None:
    assert shown([line], Redactor()) == (line,)


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("- It refuses carts above 10. Guests get 5.", "It refuses carts above 10. Guests get 5."),
        ("  * [x] Totals - rounded", "Totals - rounded"),
        ("1. 2) - Done", "Done"),
        ("10. - Done", "Done"),
        ("•\tDone", "Done"),
    ],
)
def test_the_marks_of_a_list_go_from_the_very_start(line: str, bare: str) -> None:
    assert shown([line], Redactor()) == (bare,)


@pytest.mark.parametrize("line", ["", " \n", "-", "- ", "* [ ]", "- 1."])
def test_a_mark_without_words_is_no_line(line: str) -> None:
    assert shown([line, "Done"], Redactor()) == ("Done",)


@given(st.lists(TEXTS, max_size=8))
@settings(max_examples=200, deadline=None)
def test_what_was_shown_once_is_shown_the_same_again(texts: list[str]) -> None:
    once = shown(texts, Redactor())
    assert shown(once, Redactor()) == once
    assert all(0 < len(line) <= 160 for line in once)
