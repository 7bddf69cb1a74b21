"""A finished agent run as a proposal: what policy allows of it, and the report so far."""

import time
from dataclasses import dataclass
from typing import Any, Final

from bot.agents.spec import AgentResult
from bot.domain.actions import Proposal, Report
from bot.domain.change import Seen
from bot.policy import Ground, decide
from bot.proposing.means import Means
from bot.routing import JobRequest

NOT_SEEN: Final = Seen("")


@dataclass(frozen=True)
class Bound:
    """What every action of a proposal is bound to.

    `url` and `name` are for people, `seen` is the merge request as it was read; `shared`, `pages` and `tag` as in
    `Proposal`.
    """

    name: str
    url: str
    project: str
    project_id: int
    iid: int = 0
    head: str = ""
    issue: str = ""
    seen: Seen = NOT_SEEN
    shared: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    tag: str = ""


def proposal(
    request: JobRequest,
    run: str,
    means: Means,
    bound: Bound,
    result: AgentResult,
    ground: Ground,
    started: float,
) -> Proposal:
    allowed, decided = decide(result.actions, ground)
    return Proposal(
        run=run,
        agent=means.agent.name,
        project=bound.project,
        project_id=bound.project_id,
        iid=bound.iid,
        head=bound.head,
        issue=bound.issue,
        state=bound.seen.state,
        target_branch=bound.seen.target_branch,
        wording=bound.seen.wording,
        shared=bound.shared,
        pages=bound.pages,
        tag=bound.tag,
        note=request.note if request.trigger in ("command", "reply") else 0,
        reviewed=result.reviewed,
        actions=tuple(allowed),
        report=Report(
            run=run,
            agent=means.agent.name,
            target=bound.name,
            url=bound.url,
            trigger=request.trigger,
            head=bound.head,
            state="applying",
            decisions=(*result.decisions, *decided),
            seconds=round(time.monotonic() - started, 3),
            **_told(result, means),
        ),
    )


def _told(result: AgentResult, means: Means) -> dict[str, Any]:
    usage = result.usage
    return {
        "findings": result.findings,
        "ledger": result.ledger,
        "answer": result.answer,
        "coverage": result.coverage,
        "files_in_all": result.files_in_all,
        "complaints": result.complaints,
        "failures": result.failures,
        "model": result.model or (means.model.name if means.model else ""),
        "model_calls": usage.calls,
        "tokens": usage.tokens,
        "cached_tokens": usage.cached,
        "cost_usd": usage.cost_usd,
    }
