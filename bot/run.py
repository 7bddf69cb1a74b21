"""The use case every way in shares: propose reads and decides, apply writes."""

import time
from collections.abc import Sequence
from typing import Protocol

from bot.domain.actions import Outcome, Proposal, Report
from bot.proposing.means import Means
from bot.routing import JobRequest


class Effects(Protocol):
    """Applies a proposal, idempotently."""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> Sequence[Outcome]: ...


def propose(request: JobRequest, run: str, means: Means) -> Proposal:
    """Read, let the agent work, decide. Raises Stopped where there is nothing to do, Superseded, PlatformError.

    Who commands in a note and may not is told so.
    """
    from bot.proposing.refusal import or_refusal  # both with LangGraph, which who only writes does without
    from bot.proposing.table import PROPOSERS

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
