"""A model's turns in which it reads. Its calls are kept; what they were told is read again for each later turn."""

from collections.abc import Sequence
from typing import Final, TypedDict

from bot.agents.keepable import LONGEST_NAME, keepable
from bot.agents.reading import MOST_CHARACTERS, answer
from bot.agents.shown import safe_text, whole
from bot.domain.secrets import Redactor
from bot.llm.messages import Called, Message, Told, ToolCall
from bot.ports import Snapshot

MOST_TURNS: Final = 6  # the last of them has to answer
MOST_CALLS: Final = 6  # of one turn that are answered
MOST_KEPT: Final = 20  # of one turn
LEAST_ROOM: Final = 2_000  # characters: with less left to be told, the answer has to come now

ANSWER_NOW = "You have no more turns for reading. Answer now, from what you have seen."
NOT_ANSWERED = "not answered: ask for at most {most} things in one turn"


class Call(TypedDict):
    """One tool call a model made: its id at the provider, the tool, the arguments."""

    id: str
    name: str
    arguments: dict[str, object]


def kept_calls(calls: Sequence[ToolCall], redactor: Redactor) -> list[Call]:
    """What is needed to answer them again."""
    return [_kept(call, redactor) for call in calls[:MOST_KEPT]]


def retold(turn: Sequence[Call], snapshot: Snapshot, redactor: Redactor, room: int) -> tuple[Message, ...]:
    """The turn and the answers to its calls, in at most so many characters together. Raises Unavailable."""
    most = min(MOST_CHARACTERS, room // min(len(turn), MOST_CALLS))
    answered = [
        answer(call["name"], dict(call["arguments"]), snapshot, redactor, most) for call in turn[:MOST_CALLS]
    ]
    others = [NOT_ANSWERED.format(most=MOST_CALLS) for _ in turn[MOST_CALLS:]]
    told = [Told(call["id"], text) for call, text in zip(turn, [*answered, *others], strict=True)]
    return (_called(turn), *told)


def _kept(call: ToolCall, redactor: Redactor) -> Call:
    """The id as it is: a provider that does not know it again refuses the turn."""
    return Call(
        id=whole(call.id[:LONGEST_NAME]),
        name=safe_text(call.name[:LONGEST_NAME], redactor),
        arguments=keepable(call.arguments, redactor),
    )


def _called(turn: Sequence[Call]) -> Called:
    return Called(tuple(ToolCall(call["id"], call["name"], dict(call["arguments"])) for call in turn))
