"""One step of connecting: what was done or found, and where a person has to act, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import click

State = Literal["done", "unchanged", "wrong", "todo"]

SIGNS: Final[dict[State, str]] = {"done": "done", "unchanged": "as it was", "wrong": "wrong", "todo": "to do"}
WIDTH: Final = max(map(len, SIGNS.values()))
DONE: Final = 0
NOT_CONNECTED: Final = 3


@dataclass(frozen=True)
class Step:
    """`said` is one sentence; `cure` says what to do about a step that is "wrong", or left "todo" for a person.

    No text holds a secret.
    """

    said: str
    state: Literal["done", "unchanged", "wrong", "todo"]
    cure: str = ""


def shown(step: Step) -> str:
    """The lines a person sees."""
    line = f"{SIGNS[step.state]:>{WIDTH}}  {step.said}"
    return f"{line}\n{'':>{WIDTH}}  {step.cure}" if step.cure else line


def told(steps: Iterable[Step]) -> int:
    """Prints each step as it happens. The exit code: 0, or 3 where something is wrong."""
    code = DONE
    for step in steps:
        click.echo(shown(step))
        if step.state == "wrong":
            code = NOT_CONNECTED
    return code
