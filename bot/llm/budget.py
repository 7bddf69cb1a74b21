"""Tokens are reserved before each request and settled after it, so that parallel requests stay under the limit.

A request is let through while what is spent, what others have reserved and its own estimate fit. The estimate is the
model's: an upper guess of all it may have to send and receive for one turn.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Final, Protocol

from pydantic import BaseModel

from bot.errors import OverBudget
from bot.llm.messages import Called, Message, Prompt, estimated_tokens

# What is limited -> (how a person calls it, the setting that raises it)
SCOPES: Final = {
    "run": ("this run", "TRIVET_BUDGET__RUN_TOKENS"),
    "merge_request": ("this merge request today", "TRIVET_BUDGET__MR_TOKENS"),
    "day": ("all runs together today", "TRIVET_BUDGET__DAY_TOKENS"),
}
OVER = "the budget of {whose} is used up: of {limit:,} tokens too few are left for another request; {setting} raises it"


class Reservation(Protocol):
    """Tokens that are set aside for one request."""

    def settle(self, tokens: int) -> None:
        """Count what was really paid, 0 for nothing, and free the rest. A second time changes nothing."""


class Budget(Protocol):
    """What one run may spend."""

    def reserve(self, tokens: int) -> Reservation:
        """Set aside what a request may take. Raises OverBudget."""


def over_budget(scope: str, limit: int, spent: int, tokens: int) -> OverBudget:
    """Without figures that change from one request to the next: what is said of many is said once."""
    whose, setting = SCOPES[scope]
    said = OVER.format(whose=whose, limit=limit, setting=setting)
    return OverBudget(said, is_passing=spent + tokens <= limit)


class RunBudget:
    """The tokens of one run, kept in this process: for a review from a shell or a CI job."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0
        self._reserved = 0
        self._lock = Lock()

    def reserve(self, tokens: int) -> "RunReservation":
        with self._lock:
            if self._spent + self._reserved + tokens > self._limit:
                raise over_budget("run", self._limit, self._spent, tokens)
            self._reserved += tokens
        return RunReservation(self, tokens)

    def settle(self, reserved: int, spent: int) -> None:
        with self._lock:
            self._reserved -= reserved
            self._spent += spent


@dataclass
class RunReservation:
    budget: RunBudget
    tokens: int
    settled: bool = False

    def settle(self, tokens: int) -> None:
        if not self.settled:
            self.settled = True
            self.budget.settle(self.tokens, tokens)


def most_tokens(prompt: Prompt) -> int:
    """What one request may take: everything that is sent, and the longest answer."""
    return prompt_tokens(prompt) + prompt.most_output


def prompt_tokens(prompt: Prompt) -> int:
    return sum(map(estimated_tokens, prompt_texts(prompt)))


def prompt_texts(prompt: Prompt) -> Iterator[str]:
    """Every text that goes out, the answer's schema and the tools included."""
    yield from (prompt.system, prompt.shared, _schema(prompt.answer))
    for tool in prompt.tools:
        yield from (tool.name, tool.description, json.dumps(tool.parameters))
    for message in prompt.messages:
        yield from _said(message)


@cache
def _schema(answer: type[BaseModel]) -> str:
    """Made once: it takes 7 ms."""
    return json.dumps(answer.model_json_schema())


def _said(message: Message) -> Iterator[str]:
    if isinstance(message, Called):
        for call in message.calls:
            yield from (call.name, json.dumps(call.arguments))
    else:
        yield message.text
