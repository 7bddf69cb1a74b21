"""What a person sees of connecting: no secret, nothing that moves the cursor; and the exit code."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bot.domain.secrets import Redactor
from bot.entry.connect.steps import Step, guarded, told
from bot.errors import Unavailable

SECRET = "pL9" + "-a hook's secret-" + "4sWd"
REDACT = Redactor([SECRET]).redact
UNSEEN = ["\x1b[2J", "\x1b]0;x\x07", "\r", "\n", "\x9b31m", "\u202e", "\u200b", "\x00"]


@given(st.lists(st.sampled_from([*UNSEEN, SECRET, "Jira ", "said "]), max_size=6).map("".join), st.booleans())
@hypothesis(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_platform_says_stays_one_line_without_our_secrets(
    capsys: pytest.CaptureFixture[str], said: str, is_cure: bool
) -> None:
    told([Step("it said", "todo", said) if is_cure else Step(said, "done")], REDACT)
    shown = capsys.readouterr().out.removesuffix("\n")
    assert SECRET not in shown
    assert [line for line in shown.split("\n") if not line.isprintable()] == []
    assert shown.count("\n") <= is_cure


def test_a_secret_that_comes_to_light_without_its_escapes_is_taken_out_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told([Step("\x1b".join(SECRET), "done")], REDACT)
    assert SECRET not in capsys.readouterr().out


def test_a_secret_just_made_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    fresh = "whsec_" + "Zq8Rt2vLm4Xc7Wn1Kd9PbG5sJ3hT6yQf" + "A0eU2iO4rMY="
    assert told([Step("there is none", "wrong", "set NAME=", fresh)], REDACT) == 2
    assert capsys.readouterr().out.endswith(f"set NAME={fresh}\n")


@pytest.mark.parametrize(
    ("states", "code"), [([], 0), (["done", "unchanged", "todo"], 0), (["done", "wrong", "done"], 3)]
)
def test_what_is_left_to_do_is_not_wrong(states: list[str], code: int) -> None:
    assert told([Step("x", state) for state in states], REDACT) == code  # type: ignore[arg-type]


def test_a_fault_of_the_platform_is_the_last_step(capsys: pytest.CaptureFixture[str]) -> None:
    def steps() -> object:
        yield Step("made", "done")
        raise Unavailable("Jira cannot be reached")

    assert told(guarded(steps()), REDACT) == 3  # type: ignore[arg-type]
    assert "wrong  Jira cannot be reached" in capsys.readouterr().out
