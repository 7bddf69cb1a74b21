"""One step of connecting: what was done or found, and where a person has to act, what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import click

from bot.domain.visible import on_one_line
from bot.errors import PlatformError

State = Literal["done", "unchanged", "wrong", "todo"]

SIGNS: Final[dict[State, str]] = {"done": "done", "unchanged": "as it was", "wrong": "wrong", "todo": "to do"}
WIDTH: Final = max(map(len, SIGNS.values()))
DONE: Final = 0
NOT_SET_UP: Final = 2
NOT_CONNECTED: Final = 3

TRY_AGAIN = "run this again when that is put right: what is done stays done"


@dataclass(frozen=True)
class Step:
    """`said` is one sentence; `cure` says what to do about a step that is "wrong", or left "todo" for a person.

    `fresh`: a secret just made, that nobody has yet, shown behind the cure: a setting is missing, and this is one.
    """

    said: str
    state: State
    cure: str = ""
    fresh: str = ""


def todo(said: str) -> Step:
    return Step(said, "todo")


def told(steps: Iterable[Step], redact: Callable[[str], str]) -> int:
    """Prints each step as it happens. The exit code: 0, 2 where a setting is missing, 3 where something is wrong.

    What is left to do for a person is not wrong.
    """
    code = DONE
    for step in steps:
        click.echo(shown(_safe(step, redact)))
        if step.state == "wrong":
            code = NOT_SET_UP if step.fresh else NOT_CONNECTED
    return code


def shown(step: Step) -> str:
    """The lines a person sees."""
    line = f"{SIGNS[step.state]:>{WIDTH}}  {step.said}"
    return f"{line}\n{'':>{WIDTH}}  {step.cure}{step.fresh}" if step.cure else line


def guarded(steps: Iterable[Step]) -> Iterator[Step]:
    """A fault of the platform ends the steps with one that says so."""
    try:
        yield from steps
    except PlatformError as error:
        yield Step(str(error), "wrong", TRY_AGAIN)


def _safe(step: Step, redact: Callable[[str], str]) -> Step:
    """No secret of ours, nothing that moves a terminal's cursor: platforms quote what they like, us too.

    A secret may come to light only where characters in between were taken out, or be one that has such characters.
    """
    said, cure = (redact(on_one_line(redact(text))) for text in (step.said, step.cure))
    return replace(step, said=said, cure=cure)
