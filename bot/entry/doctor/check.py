"""What one look found out: a line that says so, and where something is wrong what to do about it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["fine", "note", "wrong"]


@dataclass(frozen=True)
class Check:
    """`topic` and `name` say what was looked at ("GitLab", "token that writes"), `said` what is so, in one line.

    "note": it works, and something should be known, a token that expires next week say. "wrong": something does not
    work, and doctor exits with 3, or with 2 where a setting is wrong (`is_setting`). `cure` is never empty then. No
    text holds a secret.
    """

    topic: str
    name: str
    state: State
    said: str
    cure: str = ""
    is_setting: bool = False


def fine(topic: str, name: str, said: str) -> Check:
    return Check(topic, name, "fine", said)


def note(topic: str, name: str, said: str, cure: str = "") -> Check:
    return Check(topic, name, "note", said, cure)


def wrong(topic: str, name: str, said: str, cure: str, *, is_setting: bool = False) -> Check:
    return Check(topic, name, "wrong", said, cure, is_setting)
