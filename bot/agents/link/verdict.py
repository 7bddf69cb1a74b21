"""What an issue is told of the review: as it is known now, else as our comment on the issue remembers it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bot.agents.link.stage import is_open
from bot.agents.spec import LinkContext, Mentioned, Verdict
from bot.domain.change import MergeRequest
from bot.domain.markdown import counted

NOT_YET = "not reviewed yet"
NEVER = "not reviewed"
REVIEWED = "reviewed at {head}: {state}"
OPEN_FINDINGS = "{findings} open"
NOTHING_OPEN = "nothing open"
RESOLVED = ", {count} resolved"


def verdict_told(context: LinkContext, one: Mentioned) -> Verdict | None:
    """None: nothing is known. That this head was reviewed stays true, whoever has no record of it."""
    known, head = context.verdict, context.request.head
    if known and known.head == head:
        return known
    told = _told_before(one.memory)
    return told if told and told.head == head else known


def verdict_kept(verdict: Verdict | None) -> dict[str, Any] | None:
    """As a comment's memory holds it."""
    return asdict(verdict) if verdict else None


def in_words(verdict: Verdict, request: MergeRequest) -> str:
    if not verdict.head:
        return NOT_YET if is_open(request) else NEVER
    state = OPEN_FINDINGS.format(findings=counted(verdict.open, "finding")) if verdict.open else NOTHING_OPEN
    resolved = RESOLVED.format(count=verdict.resolved) if verdict.resolved else ""
    return REVIEWED.format(head=verdict.head[:8], state=state + resolved)


def _told_before(memory: Mapping[str, Any] | None) -> Verdict | None:
    """Anybody who may edit our comments may have changed it."""
    match memory:
        case {"verdict": {"head": str(head), "open": int(open_findings), "resolved": int(resolved)}}:
            return Verdict(head, open_findings, resolved)
        case _:
            return None
