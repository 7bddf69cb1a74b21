"""Ctrl-C around writes."""

from collections.abc import Callable

import pytest

from bot.entry.breaks import Breaks


def write(breaks: Breaks, *steps: Callable[[], object]) -> None:
    with breaks.write():
        for step in steps:
            step()


def fail() -> None:
    raise ValueError("refused")


def test_between_writes_it_is_heard_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        Breaks().heard()


def test_a_write_that_is_under_way_is_finished_first() -> None:
    breaks = Breaks()
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        write(breaks, breaks.heard, lambda: done.append("written"))
    write(breaks, lambda: done.append("taken back"))
    assert done == ["written", "taken back"]


def test_asked_twice_it_does_not_wait() -> None:
    breaks = Breaks()
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        write(breaks, breaks.heard, breaks.heard, lambda: done.append("went on"))
    assert done == []


def test_a_write_that_was_refused_meanwhile_does_not_hide_the_wish_to_stop() -> None:
    breaks = Breaks()
    with pytest.raises(KeyboardInterrupt):
        write(breaks, breaks.heard, fail)
    with pytest.raises(ValueError, match="refused"):
        write(breaks, fail)
