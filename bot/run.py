"""The use case every way in shares: propose reads and decides, apply writes."""

import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from bot.domain.actions import Outcome, Proposal, Report
from bot.proposing.conversation import propose_ask
from bot.proposing.link import propose_link
from bot.proposing.means import Means
from bot.proposing.pages import propose_pages
from bot.proposing.refusal import Proposer, or_refusal
from bot.proposing.review import propose_review
from bot.proposing.triage import propose_triage
from bot.routing import JobRequest

PROPOSERS: Final[Mapping[str, Proposer]] = {
    "review": propose_review,
    "link": propose_link,
    "triage": propose_triage,
    "pages": propose_pages,
    "ask": propose_ask,
}


class Effects(Protocol):
    """Applies a proposal, idempotently."""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> Sequence[Outcome]: ...


def propose(request: JobRequest, run: str, means: Means) -> Proposal:
    """Read, let the agent work, decide. Raises Stopped where there is nothing to do, Superseded, PlatformError.

    Who commands in a note and may not is told so.
    """
    return or_refusal(PROPOSERS[request.agent], request, run, means)


def apply(
    proposal: Proposal, effects: Effects, *, acknowledged: int | None = None, attempt: int = 0
) -> Report:
    """Write what is not there yet, and close the report. Raises Superseded, PlatformError."""
    started = time.monotonic()
    outcomes = tuple(effects.apply(proposal, acknowledged=acknowledged, attempt=attempt))
    return proposal.report.model_copy(
        update={
            "state": "done",
            "outcomes": outcomes,
            "seconds": round(proposal.report.seconds + time.monotonic() - started, 3),
        }
    )
