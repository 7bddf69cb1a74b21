"""What is proposed for a note that asks: a reply in its thread, threads to close, and how it ended as a reaction.

A model only says. Which thread may be closed is decided here: the one asked in, if it began with a finding of ours, and
only with a line at head to show for it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bot.agents.ask.prompting import EXPLAIN, REPLY
from bot.agents.ask.schema import Answer, ReplyAnswer
from bot.agents.ask.seeing import mended_by, seen
from bot.agents.ask.words import (
    AS_IT_WAS,
    GONE,
    HOW_TO_ASK,
    HOW_TO_EXPLAIN,
    NO_ANSWER,
    NO_MODEL,
    NOT_KNOWN,
    NOT_PROVEN,
    NOT_SHOWN,
    OF_A_CHECK,
    RIGHT,
    help_text,
    not_understood,
    quoted,
    rests_on,
    spoken,
)
from bot.agents.review.ledger_proof import Head
from bot.agents.review.schema import QuotedLine
from bot.agents.spec import AgentContext, AgentResult, AskContext
from bot.domain.actions import Action, Decision, React, Reply
from bot.domain.findings import normalised
from bot.domain.ledger import Proof
from bot.domain.lifecycle import ANSWER, DISMISSED, FIXED, Known
from bot.domain.markdown import by_model, code
from bot.domain.reactions import DONE, FAULTY, NOT_UNDERSTOOD, OUTCOME, Ending

CLOSED: Final = "closed:{note}:{finding}"
"""The key of a reply without words that closes the thread of one of all findings."""
REMARK: Final = re.compile(r"\s*(?:#|//|/\*|\*|--|<!--|;|%)")
"""A line that is a comment in most languages: what somebody says of the code, not the code."""
MOST_LOOKED_AT: Final = 20  # of a model's places

NO_LINE = "not closed: no line at head shows that it is {verdict}"
ONLY_ASKED = "not closed: the person only asked"
UNCHANGED = "not closed: neither its line nor what is around it has changed"
THEIRS = "not closed: a person opened the thread again"
CHECKED = "not closed: only the check that found it can tell that it is gone"
OVER = "not closed: its thread is closed"


# --- without a model ---


def commanded(context: AskContext) -> AgentResult | None:
    """The result of what needs no model; None where one has to be asked."""
    if context.name in BY_NAME:
        return BY_NAME[context.name](context)
    if context.name == REPLY or context.text or (context.name == EXPLAIN and context.about):
        return None
    return _told(context, HOW_TO_EXPLAIN if context.name == EXPLAIN else HOW_TO_ASK, NOT_UNDERSTOOD)


def no_model(context: AskContext) -> AgentResult:
    return _told(context, NO_MODEL, FAULTY)


def _unknown(context: AskContext) -> AgentResult:
    return _told(context, not_understood(context.word, context.meant), NOT_UNDERSTOOD)


def _help(context: AskContext) -> AgentResult:
    return _told(context, help_text(context.bot, has_pages=context.has_pages))


def _noted(context: AskContext) -> AgentResult:
    """The note itself is what a later run reads."""
    return _result(context, [])


def _resolved(context: AskContext) -> AgentResult:
    """The finding whose thread it stands in, else all whose threads are open; never a thread of people's."""
    if context.about:
        return _dismissed(context)
    every = [known for known in context.known if known.thread and known.is_open]
    return _result(context, [_closing(known, context) for known in every])


def _dismissed(context: AskContext) -> AgentResult:
    """The person's own words say it all."""
    key = DISMISSED.format(note=context.note)
    return _result(context, [_reply(context, key, "", context.about)])


def _closing(known: Known, context: AskContext) -> Reply:
    key = CLOSED.format(note=context.note, finding=known.key)
    return Reply(key=key, thread=known.thread, resolves=True, finding=known.key)


BY_NAME: Final[Mapping[str, Callable[[AskContext], AgentResult]]] = {
    "": _unknown,
    "help": _help,
    "pause": _noted,
    "resume": _noted,
    "resolve": _resolved,
    "dismissal": _dismissed,
}


# --- by a model's answer ---


def unanswered(context: AskContext) -> AgentResult:
    """The model failed."""
    return _told(context, NO_ANSWER, FAULTY)


def proposed(answer: Answer | ReplyAnswer, context: AskContext) -> AgentResult:
    """Raises PlatformError where the repository cannot be read."""
    view = seen(context)
    if isinstance(answer, ReplyAnswer) and context.about:
        return _replied(answer, context.about, view, context)
    return _answered(answer, Head(view), context)


def _answered(answer: Answer | ReplyAnswer, head: Head, context: AskContext) -> AgentResult:
    """A reply may need no answer; a question gets one, and what is not known is said first."""
    blocks = spoken(answer.blocks, context.redactor)
    if context.name == REPLY and not blocks:
        return _result(context, [])
    is_known = not isinstance(answer, Answer) or answer.known
    unknown = [] if is_known and blocks else [NOT_KNOWN]
    return _told(context, _text([*unknown, *blocks], _places(answer.places, head), context))


def _replied(answer: ReplyAnswer, about: Known, view: AgentContext, context: AskContext) -> AgentResult:
    head, blocks = Head(view), spoken(answer.blocks, context.redactor)
    if answer.verdict == "nothing" or (answer.verdict == "stands" and not blocks):
        return _result(context, [])
    proof = head.proof(answer.proof) if answer.proof else None
    places = [*([proof] if proof else []), *_places(answer.places, head)]
    if answer.verdict == "stands":
        return _told(context, _text(blocks, places, context))
    commit = mended_by(about, view, context) if answer.verdict == "fixed" else context.request.head
    objection = _objection(answer.verdict, proof, about, context) or ("" if commit else UNCHANGED)
    if objection:
        why = _told_why(answer.verdict, objection, shows_places=bool(places))
        return _kept_open(objection, (_text(blocks, places, context), why), context)
    opening, key = _closed(answer.verdict, about, commit, context)
    return _result(context, [_reply(context, key, _text([opening, *blocks], places, context), about)])


def _objection(verdict: str, proof: Proof | None, about: Known, context: AskContext) -> str:
    """Why the thread is not closed, "" where it is. Neither the finding's own line nor a remark shows anything."""
    if context.text.rstrip().endswith("?"):
        return ONLY_ASKED
    if not about.is_open:
        return OVER
    if about.is_theirs:
        return THEIRS
    if verdict == "fixed" and not by_model(about.finding):
        return CHECKED
    if (
        proof is None
        or normalised(proof.quote) == normalised(about.finding.anchor)
        or REMARK.match(proof.quote)
    ):
        return NO_LINE.format(verdict=verdict)
    return ""


def _closed(verdict: str, about: Known, commit: str, context: AskContext) -> tuple[str, str]:
    """Our first sentence, and the key of the reply."""
    if verdict == "fixed":
        return GONE.format(commit=code(commit[:8])), FIXED.format(finding=about.key, commit=commit)
    return RIGHT, DISMISSED.format(note=context.note)


def _told_why(verdict: str, objection: str, *, shows_places: bool) -> str:
    """Where the model would have closed the thread, why that is left to others; "" for what the person knows."""
    unproven = NOT_PROVEN if shows_places else NOT_SHOWN
    reasons = {NO_LINE.format(verdict=verdict): unproven, CHECKED: OF_A_CHECK, UNCHANGED: AS_IT_WAS}
    return reasons.get(objection, "")


def _kept_open(objection: str, parts: Sequence[str], context: AskContext) -> AgentResult:
    """What the model says is said."""
    body = "\n\n".join(filter(None, parts))
    decision = Decision(key=ANSWER.format(note=context.note), allowed=False, reason=objection)
    return _told(context, body, decisions=[decision]) if body else _result(context, [], [decision])


def _places(said: Sequence[QuotedLine], head: Head) -> Iterator[Proof]:
    """Those that are there."""
    return (proof for one in said[:MOST_LOOKED_AT] if (proof := head.proof(one)))


def _text(blocks: Sequence[str], places: Iterator[Proof] | Sequence[Proof], context: AskContext) -> str:
    request = context.request
    return "\n\n".join(filter(None, (*blocks, rests_on(places, request.web_url, request.head))))


# --- actions ---


def _told(
    context: AskContext, text: str, emoji: Ending = DONE, decisions: Sequence[Decision] = ()
) -> AgentResult:
    """In the thread of the note that asks, or to the shell.

    A note that stands alone is answered by another that does, which quotes it.
    """
    if not context.note:
        return AgentResult(actions=(), decisions=tuple(decisions), answer=text)
    body = text if _asks_in_thread(context) or not context.text else f"{quoted(context.text)}\n\n{text}"
    key = ANSWER.format(note=context.note)
    reply = Reply(key=key, thread=context.thread, body=body, internal=_asks_internally(context))
    return _result(context, [reply], decisions, emoji)


def _asks_in_thread(context: AskContext) -> bool:
    return any(note.threaded for note in context.said if note.id == context.note)


def _asks_internally(context: AskContext) -> bool:
    return any(note.internal for note in context.said if note.id == context.note)


def _reply(context: AskContext, key: str, text: str, about: Known | None) -> Reply:
    """One that closes the thread."""
    return Reply(
        key=key,
        thread=context.thread,
        body=text,
        resolves=True,
        finding=about.key if about else "",
        internal=_asks_internally(context),
    )


def _result(
    context: AskContext,
    replies: Sequence[Action],
    decisions: Sequence[Decision] = (),
    emoji: Ending = DONE,
) -> AgentResult:
    outcome = React(key=OUTCOME, emoji=emoji, note=context.note)
    return AgentResult(actions=(*replies, outcome), decisions=tuple(decisions))
