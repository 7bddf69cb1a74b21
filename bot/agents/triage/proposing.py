"""What is proposed for the issue: the work that begins, values for its fields, and one comment that tells of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.agents.spec import AgentResult, Asked, TriageContext
from bot.agents.triage.comment import comment
from bot.agents.triage.fields import written
from bot.agents.triage.keeping import kept
from bot.agents.triage.memory import bounded, digest, remembered
from bot.agents.triage.planning import Plan, is_hidden, missing, reused
from bot.agents.triage.reply import (
    NO_ANSWER,
    NO_MODEL,
    NOT_DONE,
    NOTHING,
    RESTRICTED,
    answered,
    help_text,
    said,
)
from bot.agents.triage.schema import Heard, Kept, Part, QuestionAnswer, TriageAnswer
from bot.agents.triage.wanted import HELP, answer_key, is_answered, wanted
from bot.agents.triage.work import Begun, begun
from bot.domain.actions import Action, CommentIssue, Decision
from bot.domain.document import Document

COMMENT: Final = "triage"
ALREADY = "answered already: a comment of ours answers this one"


@dataclass(frozen=True)
class Results:
    """What came of the wanted parts: what is said now, and what is done."""

    parts: Mapping[str, Part]
    work: Begun
    actions: tuple[Action, ...]
    decisions: tuple[Decision, ...]

    @property
    def made(self) -> frozenset[str]:
        return frozenset(one.key for one in self.work.actions)


def proposed(plan: Plan, heard: Heard, context: TriageContext) -> AgentResult:
    """Raises Unavailable where the repository cannot be read for the moment."""
    result = _proposed(plan, heard, context)
    return replace(
        result,
        decisions=(*reused(plan), *result.decisions),
        complaints=(*context.complaints, *missing(plan, context), *result.complaints),
    )


def _proposed(plan: Plan, heard: Heard, context: TriageContext) -> AgentResult:
    if context.asked is None:
        return _by_rules(plan, heard, context)
    if is_answered(context):
        decision = Decision(key=answer_key(context), allowed=False, reason=ALREADY)
        return AgentResult(actions=(), decisions=(decision,))
    return _replied(plan, heard, context, context.asked)


def _by_rules(plan: Plan, heard: Heard, context: TriageContext) -> AgentResult:
    """One comment, which keeps what earlier rules said."""
    before = remembered(context)
    results = _results(plan, heard, context, before)
    whole = Kept(parts={**before.parts, **results.parts}, work=results.work.work or before.work)
    body = comment(whole, results.made, context)
    return _result(results, [_comment(COMMENT, body, context, bounded(whole))] if body else [])


def _replied(plan: Plan, heard: Heard, context: TriageContext, asked: Asked) -> AgentResult:
    if asked.name == HELP:
        return _answer(help_text(), context)
    if is_hidden(context):
        return _answer(said(RESTRICTED), context)
    if isinstance(heard.answer, QuestionAnswer):
        body, decisions = answered(heard.answer, context)
        return _answer(body, context, decisions)
    results = _results(plan, heard, context, remembered(context))
    told = comment(Kept(parts=dict(results.parts), work=results.work.work), results.made, context)
    reply = told or said(_why_not(plan, heard, context, results))
    return _result(results, [_comment(answer_key(context), reply, context)])


def _results(plan: Plan, heard: Heard, context: TriageContext, before: Kept) -> Results:
    want, answer = wanted(context), heard.answer
    work = begun(want.parts, context, before)
    new, decisions = dict[str, Part](), list[Decision]()
    if isinstance(answer, TriageAnswer):
        new, decisions = kept(answer, plan.asks, context, digest(context))
    known = {name: before.parts[name] for name in plan.known}
    fields, edit = written({**known, **new}, want, context.issue.key)
    return Results({**new, **fields}, work, (*work.actions, *edit), (*work.decisions, *decisions))


def _result(results: Results, comments: Sequence[CommentIssue]) -> AgentResult:
    return AgentResult(
        actions=(*results.actions, *comments),
        decisions=results.decisions,
        complaints=tuple(dict.fromkeys(one.reason for one in results.work.decisions if not one.allowed)),
    )


def _answer(body: Document, context: TriageContext, decisions: Sequence[Decision] = ()) -> AgentResult:
    return AgentResult(
        actions=(_comment(answer_key(context), body, context),),
        decisions=tuple(decisions),
    )


def _comment(
    key: str, body: Document, context: TriageContext, memory: dict[str, Any] | None = None
) -> CommentIssue:
    return CommentIssue(key=key, issue=context.issue.key, body=body, memory=memory or {}, internal=True)


def _why_not(plan: Plan, heard: Heard, context: TriageContext, results: Results) -> str:
    """One sentence for who asked and gets nothing."""
    if heard.failures:
        return NO_ANSWER
    if plan.asks and context.model is None:
        return NO_MODEL.format(help=HELP)
    reasons = [one.reason for one in results.work.decisions if not one.allowed] + list(plan.hindered)
    return NOT_DONE.format(reason=reasons[0].partition(": ")[2]) if reasons else NOTHING
