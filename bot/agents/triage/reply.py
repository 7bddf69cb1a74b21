"""What we answer to a comment that asks: a question's answer, the list of commands, or why there is nothing to say."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from bot.agents.spec import TriageContext
from bot.agents.triage.comment import places_list
from bot.agents.triage.places import verified
from bot.agents.triage.prompting import QUESTION
from bot.agents.triage.schema import AnswerBlock, Part, QuestionAnswer
from bot.agents.triage.wanted import COMMANDS
from bot.agents.triage.words import block, line
from bot.domain.actions import Decision
from bot.domain.document import Block, BulletList, Code, Document, Text, inlines, paragraph
from bot.domain.rules import Doing

MOST_BLOCKS: Final = 12
MOST_ITEMS: Final = 12
LONGEST_PARAGRAPH: Final = 1_500  # characters
LONGEST_ITEM: Final = 500
LONGEST_CODE: Final = 3_000
MOST_TEXT: Final = 20_000  # characters of all blocks together

NOT_KNOWN = "This issue and what it leads to do not answer the question."
NOT_KNOWN_FROM_CODE = "Neither this issue nor the repository answers the question."
RESTS_ON = "This rests on:"
NO_MODEL = "No model is configured here, so this cannot be done; {help} says what can."
NO_ANSWER = "The model gave no answer this time. Ask again later."
NOTHING = "There is nothing to say to this."
NOT_DONE = "This cannot be done here: {reason}."
RESTRICTED = "A restricted comment is not answered: more people would read the answer. Ask in an open one."
HELP = "Begin a comment with a mention of this account, and one of these words:"
ELSE = "Anything else is a question, answered from this issue and the repository that belongs to it."
DOES: Final[Mapping[Doing, str]] = {
    "summarize": "says in short what the issue wants",
    "missing": "asks what stops work from starting, proposes acceptance criteria",
    "labels": "adds labels that the issue's text supports",
    "component": "sets a component, where the text supports one",
    "priority": "sets the priority, where the text supports one",
    "branch": "makes a branch for the issue",
    "draft_merge_request": "makes a branch and a draft merge request, linked to the issue",
    "comment": "says where in the repository the work is",
}


def said(*sentences: str) -> Document:
    return Document(blocks=tuple(paragraph(one) for one in sentences))


def help_text() -> Document:
    items = tuple(inlines(Text(text=name, code=True), f": {DOES[name]}") for name in COMMANDS)
    return Document(blocks=(paragraph(HELP), BulletList(items=items), paragraph(ELSE)))


def answered(answer: QuestionAnswer, context: TriageContext) -> tuple[Document, list[Decision]]:
    """With the places that exist; what is not known is said first. Raises Unavailable."""
    places, missing = verified(answer.places, context.code, context.redactor)
    blocks = _fitting([one for said in answer.blocks[:MOST_BLOCKS] for one in _block(said, context)])
    if not answer.known or not blocks:
        blocks = [paragraph(NOT_KNOWN_FROM_CODE if context.code else NOT_KNOWN), *blocks]
    if context.code and places:
        part = Part(places=places, commit=context.code.snapshot.commit)
        blocks += [paragraph(RESTS_ON), places_list(part, context, context.code)]
    decisions = [Decision(key=QUESTION, allowed=False, reason=reason) for reason in missing]
    return Document(blocks=tuple(blocks)), decisions


def _fitting(blocks: Sequence[Block]) -> list[Block]:
    """The first of them that are short enough together."""
    sizes = accumulate(sum(map(len, Document(blocks=(one,)).texts())) for one in blocks)
    return [one for one, size in zip(blocks, sizes, strict=True) if size <= MOST_TEXT]


def _block(said: AnswerBlock, context: TriageContext) -> Iterator[Block]:
    """Nothing where it says nothing."""
    items = [line(one, context.redactor, LONGEST_ITEM) for one in said.items[:MOST_ITEMS]]
    if said.kind == "code":
        text = block(said.text, context.redactor, LONGEST_CODE)
        yield from [Code(text=text)] if text.strip() else []
        return
    if text := line(said.text, context.redactor, LONGEST_PARAGRAPH):
        yield paragraph(text)
    if any(items):
        yield BulletList(items=tuple(inlines(one) for one in items if one))
