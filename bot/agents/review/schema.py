"""The review graph's state: what goes in, what is kept between nodes, what comes out."""

from typing import TypedDict

from bot.domain.actions import Action, Coverage, Decision
from bot.domain.findings import Finding


class ReviewInput(TypedDict):
    started: bool


class ReviewOutput(TypedDict):
    """`shown` are the findings that passed the gates, worst first."""

    actions: list[Action]
    shown: list[Finding]
    coverage: list[Coverage]
    decisions: list[Decision]
    complaints: list[str]


class ReviewState(ReviewInput, ReviewOutput):
    """`found` are all findings, each with its fingerprint."""

    found: list[Finding]
