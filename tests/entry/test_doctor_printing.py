"""How doctor's account looks: aligned, as wide as the terminal, coloured on one only, and as JSON."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import __version__
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.printing import Page, in_json, summed_up
from tests.rig import clean_environment

CHECKS = [
    fine("Redis", "durability", "keeps what it acknowledged (AOF on, noeviction)"),
    wrong("Models", "openai:gpt", "the provider does not accept the key (401)", "check OPENAI_API_KEY"),
    note("GitLab", "token", "expires in 6 days", "make a new one before that"),
]
GOLDEN = """\
fine   Redis   durability  keeps what it acknowledged (AOF on, noeviction)
wrong  Models  openai:gpt  the provider does not accept the key (401)
                           -> check OPENAI_API_KEY
note   GitLab  token       expires in 6 days
                           -> make a new one before that

1 thing is wrong, 1 to know"""
NARROW = """\
wrong  Models, openai:gpt
       the provider does not accept the
       key (401)
       -> check OPENAI_API_KEY

1 thing is wrong"""

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
sentences = st.lists(words, min_size=1, max_size=30).map(" ".join)


def checks() -> st.SearchStrategy[Check]:
    return st.builds(Check, words, words, st.sampled_from(["fine", "note", "wrong"]), sentences, sentences)


def test_each_thing_is_one_line_and_its_cure_stands_below_what_is_said() -> None:
    assert Page().shown(CHECKS) == GOLDEN


def test_on_a_narrow_terminal_what_is_said_stands_below_its_name() -> None:
    assert Page(40).shown(CHECKS[1:2]) == NARROW


@given(st.lists(checks(), max_size=5), st.integers(min_value=30, max_value=160))
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(found: list[Check], width: int) -> None:
    shown = Page(width).shown(found)
    assert max(map(len, shown.splitlines())) <= width
    assert {word for check in found for word in f"{check.said} {check.cure}".split()} <= set(shown.split())


def test_colour_changes_nothing_else() -> None:
    coloured = Page(colour=True).shown(CHECKS)
    assert coloured != GOLDEN
    assert click.unstyle(coloured) == GOLDEN


@pytest.mark.parametrize(
    ("states", "sum"),
    [
        ("", "all is fine"),
        ("fine fine", "all is fine"),
        ("note", "1 to know"),
        ("wrong note wrong", "2 things are wrong, 1 to know"),
    ],
)
def test_the_last_line_sums_up(states: str, sum: str) -> None:
    kinds = {"fine": fine("a", "b", "c"), "note": note("a", "b", "c"), "wrong": wrong("a", "b", "c", "d")}
    assert summed_up([kinds[state] for state in states.split()]) == sum


def test_as_json_it_has_every_check_and_whether_all_is_well() -> None:
    said = json.loads(in_json(CHECKS))
    assert said["version"] == __version__
    assert said["ok"] is False
    assert said["checks"][1] == {
        "topic": "Models",
        "name": "openai:gpt",
        "state": "wrong",
        "said": "the provider does not accept the key (401)",
        "cure": "check OPENAI_API_KEY",
    }
    assert json.loads(in_json(CHECKS[::2]))["ok"] is True


def on_a_terminal(tmp_path: Path, **settings: str) -> str:
    """What the command shows on a terminal where the settings cannot be read, so that it ends soon."""
    ours, theirs = pty.openpty()
    environment = clean_environment() | {
        "TRIVET_SECRETS_DIR": str(tmp_path / "nowhere"),
        "TERM": "xterm",
        **settings,
    }
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "doctor"], stdout=theirs, stderr=subprocess.DEVNULL, env=environment
        )
        os.close(theirs)
        shown = b""
        try:
            while part := screen.read(4096):
                shown += part
        except OSError:  # how Linux says that nobody holds the other end any more
            pass
        assert process.wait(30) == 2
    return shown.decode()


def test_a_terminal_gets_colours_unless_it_wants_none(tmp_path: Path) -> None:
    assert "\x1b[31mwrong" in on_a_terminal(tmp_path)
    assert "\x1b" not in on_a_terminal(tmp_path, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(tmp_path, TERM="dumb")
