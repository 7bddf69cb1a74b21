"""A log line on a terminal."""

from traceback import TracebackException
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.entry.readable import readable


def said(role: str = "", *, colors: bool = False, **event: Any) -> str:
    """The line without its clock."""
    clock, _, rest = readable({"level": "info", "event": "said"} | event, role, colors=colors).partition(" ")
    assert len(clock) == len("12:00:00")
    return rest


def test_a_person_reads_time_level_process_and_message_first() -> None:
    assert said("agents", event="proposed", run="r1", actions=2) == (
        "info    agents   proposed  run=r1 actions=2"
    )


def test_why_comes_with_the_message() -> None:
    assert said(level="warning", event="put back", reason="GitLab is down", pause=2.0) == (
        "warning put back: GitLab is down  pause=2.0"
    )


def test_what_is_needed_only_when_something_is_wrong_is_shown_only_then() -> None:
    delivery: dict[str, Any] = {
        "event": "delivery",
        "source": "gitlab",
        "code": 202,
        "ms": 0.4,
        "delivery": "d1",
        "kind": "",
    }
    assert said(**delivery) == "info    delivery  source=gitlab"
    assert said(level="warning", **delivery) == "warning delivery  source=gitlab code=202 ms=0.4 delivery=d1"


def test_a_value_of_several_words_is_held_together() -> None:
    assert said(account="Ada Lovelace") == 'info    said  account="Ada Lovelace"'


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_only_what_is_wrong_has_a_color(level: str) -> None:
    assert said(level=level, colors=True).startswith("\x1b[")
    assert "\x1b" not in said(colors=True) + said(level=level)


texts = (
    st.text(st.characters(), max_size=30) | st.just("a\n12:00:00 info    all is well") | st.just("\x1b[31m")
)


@given(texts, texts, texts)
def test_text_of_others_forges_no_line_and_moves_no_cursor(event: str, reason: str, value: str) -> None:
    line = said(event=event, reason=reason, value=value)
    assert all(char.isprintable() for char in line)


@given(texts)
def test_an_errors_text_forges_no_line_either(text: str) -> None:
    first, *trace = said(event="broke", exc_info=TracebackException.from_exception(ValueError(text))).split(
        "\n"
    )
    assert first == "info    broke"
    assert trace
    assert all(line.startswith("    ") and line.isprintable() for line in trace)
