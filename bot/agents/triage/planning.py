"""What a model has to be asked: what is wanted, can be had, and was not said of the same text before."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.agents.spec import TriageContext
from bot.agents.triage.memory import digest, remembered
from bot.agents.triage.prompting import QUESTION
from bot.agents.triage.wanted import OF_THE_MODEL, asking_comment, is_answered, is_question, wanted
from bot.domain.actions import Decision

SKIPPED = "no model is configured, so this is left out: {parts}"
NO_CODE = "{part}: the issue has no repository that could be looked at"
NONE_OFFERED = "{part}: the project of the issue has none to choose from"
SAME_TEXT = "reused: the issue reads as it did when this was said"


@dataclass(frozen=True)
class Plan:
    """`asks` are names of parts, or the question. `known`: what is said already. `hindered`: a reason each."""

    asks: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    hindered: tuple[str, ...] = ()


def planned(context: TriageContext) -> Plan:
    if is_answered(context) or is_hidden(context):
        return Plan()
    if is_question(context):
        return Plan(asks=(QUESTION,))
    parts = [part for part in wanted(context).parts if part in OF_THE_MODEL]
    known = _known(parts, context)
    hindered = {part: _hindrance(part, context) for part in parts if part not in known}
    return Plan(
        asks=tuple(part for part, reason in hindered.items() if not reason),
        known=known,
        hindered=tuple(filter(None, hindered.values())),
    )


def reused(plan: Plan) -> tuple[Decision, ...]:
    return tuple(Decision(key=part, allowed=True, reason=SAME_TEXT) for part in plan.known)


def missing(plan: Plan, context: TriageContext) -> tuple[str, ...]:
    """What cannot be had, a sentence each. Without a model nothing is asked."""
    no_model = context.model is None and plan.asks
    skipped = [SKIPPED.format(parts=", ".join(plan.asks))] if no_model else []
    return (*plan.hindered, *skipped)


def is_hidden(context: TriageContext) -> bool:
    """Whether fewer people may read the question than would read its answer."""
    asking = asking_comment(context)
    return is_question(context) and asking is not None and asking.restricted


def _known(parts: Sequence[str], context: TriageContext) -> tuple[str, ...]:
    """What our comment says of the same text. Who commands it wants it said anew."""
    before, now = remembered(context).parts, digest(context)
    if context.asked is not None:
        return ()
    return tuple(part for part in parts if part in before and before[part].of == now)


def _hindrance(part: str, context: TriageContext) -> str:
    offered = {"component": context.choices.components, "priority": context.choices.priorities}
    if part == "comment" and context.code is None:
        return NO_CODE.format(part=part)
    return NONE_OFFERED.format(part=part) if part in offered and not offered[part] else ""
