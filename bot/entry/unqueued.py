"""A proposal made outside of the queue, in this process: where the diff is not ready yet, it waits here."""

import time
from typing import Final

from bot.domain.actions import Proposal, Report
from bot.errors import NotReady, Stopped
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import propose

RUN: Final = "shell"
READY_SECONDS: Final = 60.0
ASK_SECONDS: Final = 2.0


def propose_here(request: JobRequest, means: Means) -> Proposal | Report:
    """A proposal, or the report of a run that had nothing to do. Waits while GitLab prepares the diff."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return propose(request, RUN, means)
        except NotReady as error:
            pause = error.retry_after or ASK_SECONDS
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
        except Stopped as stop:
            return _nothing_to_do(request, stop)


def _nothing_to_do(request: JobRequest, stop: Stopped) -> Report:
    return Report(
        run=RUN,
        agent=request.agent,
        target=request.about,
        trigger=request.trigger,
        state="done",
        message=str(stop),
    )
