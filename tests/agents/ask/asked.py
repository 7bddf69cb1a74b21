"""A merge request of two files, a finding on it, and people who ask about them."""

from dataclasses import replace
from typing import Any

from bot.agents.ask import SPEC
from bot.agents.ask.schema import Answer, ReplyAnswer
from bot.agents.review.schema import QuotedLine
from bot.agents.spec import AgentResult, AskContext
from bot.agents.triage.schema import AnswerBlock
from bot.domain.actions import React, Reply
from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import Known
from bot.domain.notes import Note
from bot.domain.secrets import Redactor
from bot.testing import ScriptedModel
from tests.doubles import REQUEST, DictSnapshot, change_of, edited_file

ME, ADA, BEN = 99, 5, 6
CART = """\
def total(items):
    first = items[0].price
    return first + sum(item.price for item in items[1:])
"""
CALLER = """\
def checkout(order):
    if not order.items:
        raise EmptyOrder
    return total(order.items)
"""
PATH, CALLER_PATH = "shop/cart.py", "shop/checkout.py"
SNAPSHOT = DictSnapshot({PATH: CART, CALLER_PATH: CALLER, "README.md": "# Shop\n"})
CHANGE = change_of(edited_file(PATH, CART, [2, 3]), edited_file(CALLER_PATH, CALLER, [2, 3]))
HOST = "https://gitlab.example/acme/shop"
MERGE_REQUEST = replace(
    REQUEST, web_url=f"{HOST}/-/merge_requests/7", author_id=ADA, description="Sums up a cart."
)
KEY = "a1" * 16
FINDING = Finding(
    rule="index-error",
    severity=Severity.MAJOR,
    path=PATH,
    line=2,
    anchor="first = items[0].price",
    title="An empty cart raises IndexError",
    detail="It does so whenever items is empty.",
    fingerprint=KEY,
)
KNOWN = Known(key=KEY, finding=FINDING, thread="thread-1", note=70)
GUARD = QuotedLine(path=CALLER_PATH, line=2, quote="    if not order.items:")
INVENTED = QuotedLine(path=PATH, line=2, quote="    if not items: return 0")


def note(number: int, author: int, body: str, **other: Any) -> Note:
    names = {ME: "trivet", ADA: "ada", BEN: "ben"}
    return Note(number, author, body, "thread-1", author=names[author], threaded=True, **other)


OURS = note(70, ME, "**Major: An empty cart raises IndexError**")


def context(model: ScriptedModel | None, name: str, text: str = "", **other: Any) -> AskContext:
    """Asked by ada in note 77; `about` the finding unless told otherwise."""
    asking = note(77, ADA, text if name == "reply" else f"@trivet {name} {text}".strip())
    given: dict[str, Any] = {
        "request": MERGE_REQUEST,
        "redactor": Redactor(),
        "change": lambda: CHANGE,
        "snapshot": lambda: SNAPSHOT,
        "note": 77,
        "thread": "thread-1",
        "said": (OURS, asking),
        "me": ME,
        "bot": "trivet",
        "about": KNOWN,
        "model": model,
    }
    return AskContext(name=name, text=text, **given | other)


def ask(model: ScriptedModel | None, name: str, text: str = "", **other: Any) -> AgentResult:
    return SPEC.run(context(model, name, text, **other))


def shell(model: ScriptedModel, text: str, **other: Any) -> AgentResult:
    alone: dict[str, Any] = {"note": 0, "thread": "", "said": (), "about": None}
    return ask(model, "ask", text, **alone | other)


def says(*texts: str) -> list[AnswerBlock]:
    return [AnswerBlock(kind="paragraph", text=text, items=[]) for text in texts]


def answers(*texts: str, known: bool = True, places: tuple[QuotedLine, ...] = ()) -> Answer:
    return Answer(known=known, blocks=says(*texts), places=list(places))


def replies(verdict: str, *texts: str, proof: QuotedLine | None = None, **other: Any) -> ReplyAnswer:
    said = {"verdict": verdict, "proof": proof, "blocks": says(*texts), "places": []}
    return ReplyAnswer.model_validate(said | other)


def the_reply(result: AgentResult) -> Reply:
    (reply,) = of_kind(result, Reply)
    assert isinstance(reply, Reply)
    return reply


def outcome(result: AgentResult) -> str | None:
    """The one reaction, on the note that asks."""
    (reaction,) = of_kind(result, React)
    assert isinstance(reaction, React)
    assert (reaction.key, reaction.note) == ("outcome", 77)
    return reaction.emoji


def of_kind(result: AgentResult, kind: type[Any]) -> list[Any]:
    return [action for action in result.actions if isinstance(action, kind)]


def reasons(result: AgentResult) -> list[str]:
    return [decision.reason for decision in result.decisions if not decision.allowed]


def never(*_: object) -> Any:
    raise AssertionError("nobody reads this here")


UNREAD: dict[str, Any] = {"change": never, "snapshot": never}
