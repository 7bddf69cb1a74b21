"""What of a model's answer is kept: bounded plain lines, values that a field can hold, places that exist."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from bot.agents.spec import TriageContext
from bot.agents.triage.places import verified
from bot.agents.triage.schema import Choice, KeptChoice, Part, TriageAnswer
from bot.agents.triage.words import line
from bot.domain.actions import Decision

MOST: Final = {"summary": 4, "questions": 6, "criteria": 8, "labels": 5}
LONGEST_LINE: Final = 400  # characters
LONGEST_NOTE: Final = 500
LONGEST_LABEL: Final = 255  # Jira's limit
SAFE_LABEL = re.compile(r"[^\W_][\w.+#:/-]*")

NO_LABEL = "no label: {value} is not one word of at most 255 characters"
NOT_OFFERED = "not offered: {value} is none that the project has"
HAS_IT = "the issue has it: {value}"

Held = tuple[Part, list[str]]
"""The part without what it is about, and why some of it was left out."""


def kept(
    answer: TriageAnswer, asks: Sequence[str], context: TriageContext, of: str
) -> tuple[dict[str, Part], list[Decision]]:
    """The parts that were asked for, by name. Raises Unavailable."""
    parts: dict[str, Part] = {}
    decisions: list[Decision] = []
    for name in asks:
        part, reasons = HOLD[name](answer, context)
        parts[name] = part.model_copy(update={"of": of})
        decisions += [Decision(key=name, allowed=False, reason=reason) for reason in reasons]
    return parts, decisions


def _lines(texts: Iterable[str], most: int, context: TriageContext) -> tuple[str, ...]:
    """Those that say something, each once."""
    said = (line(text, context.redactor, LONGEST_LINE) for text in texts)
    return tuple(dict.fromkeys(filter(None, said)))[:most]


def _summary(answer: TriageAnswer, context: TriageContext) -> Held:
    return Part(lines=_lines(answer.summary, MOST["summary"], context)), []


def _missing(answer: TriageAnswer, context: TriageContext) -> Held:
    """Criteria that the issue has already are not proposed."""
    has = {one.text.casefold() for one in context.criteria}
    criteria = (
        one for one in _lines(answer.criteria, MOST["criteria"], context) if one.casefold() not in has
    )
    return Part(lines=_lines(answer.questions, MOST["questions"], context), criteria=tuple(criteria)), []


def _labels(answer: TriageAnswer, context: TriageContext) -> Held:
    """Those that the tracker knows in its spelling, others as they are."""
    known = {one.casefold(): one for one in context.choices.labels}
    reasons: list[str] = []
    choices: dict[str, KeptChoice] = {}
    for one in answer.labels[:20]:
        value = known.get(one.value.strip().casefold(), one.value.strip())
        safe = line(value, context.redactor, LONGEST_LABEL + 1)
        if safe != value or len(value) > LONGEST_LABEL or not SAFE_LABEL.fullmatch(value):
            reasons.append(NO_LABEL.format(value=line(one.value, context.redactor, 100)))
        elif value.casefold() in {label.casefold() for label in context.issue.labels}:
            reasons.append(HAS_IT.format(value=value))
        else:
            choices.setdefault(value.casefold(), _choice(value, one, context))
    return Part(choices=tuple(choices.values())[: MOST["labels"]]), reasons


def _component(answer: TriageAnswer, context: TriageContext) -> Held:
    return _offered(answer.component, context.choices.components, context.issue.components, context)


def _priority(answer: TriageAnswer, context: TriageContext) -> Held:
    return _offered(answer.priority, context.choices.priorities, (context.issue.priority,), context)


def _offered(
    one: Choice | None, offered: Sequence[str], present: Sequence[str], context: TriageContext
) -> Held:
    if one is None or not one.value.strip():
        return Part(), []
    value = next((name for name in offered if name.casefold() == one.value.strip().casefold()), None)
    if value is None:
        return Part(), [NOT_OFFERED.format(value=line(one.value, context.redactor, 100))]
    if value in present:
        return Part(), [HAS_IT.format(value=value)]
    return Part(choices=(_choice(value, one, context),)), []


def _choice(value: str, one: Choice, context: TriageContext) -> KeptChoice:
    return KeptChoice(value=value, reason=line(one.reason, context.redactor, LONGEST_LINE))


def _note(answer: TriageAnswer, context: TriageContext) -> Held:
    note = line(answer.note, context.redactor, LONGEST_NOTE)
    places, missing = verified(answer.places, context.code, context.redactor)
    commit = context.code.snapshot.commit if context.code and places else ""
    return Part(lines=(note,) if note else (), places=places, commit=commit), missing


HOLD: Mapping[str, Callable[[TriageAnswer, TriageContext], Held]] = {
    "summarize": _summary,
    "missing": _missing,
    "labels": _labels,
    "component": _component,
    "priority": _priority,
    "comment": _note,
}
