"""The reading half of a review outside the queue, and the child process it runs in."""

import json
import sys
import time
from typing import Any, Final

from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, Report
from bot.entry.accounts import Accounts
from bot.entry.lifeline import die_with_parent, stoppable
from bot.entry.logs import ERRORS, start_logging
from bot.entry.progress import Progress, narrated
from bot.entry.rules_file import read_rules
from bot.entry.wiring import redactor, run_means, shell_model
from bot.errors import NotReady, Stopped, TrivetError, UsageError
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import propose
from bot.settings import Settings

RUN: Final = "shell"
READY_SECONDS: Final = 60.0
ASK_SECONDS: Final = 2.0
STOPPED: Final = 130


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


def propose_from_stdin(settings: Settings) -> None:
    """The child's half of `propose_apart`: its answer, an error too, is one JSON object on standard output."""
    die_with_parent()
    stoppable()
    start_logging("human", redactor(settings).redact, level=ERRORS)
    try:
        sys.stdout.write(json.dumps(_answer(json.load(sys.stdin), settings)))
    except KeyboardInterrupt:
        sys.exit(STOPPED)


def _answer(order: Any, settings: Settings) -> dict[str, Any]:
    request = JobRequest.model_validate(order["request"])
    accounts = Accounts.heard(order["accounts"])
    try:
        with Progress() as progress:
            rules = read_rules(settings.rules)
            means = run_means(settings, AGENTS[request.agent], accounts, shell_model(settings), rules)
            made = propose_here(request, narrated(means, progress.say))
    except TrivetError as error:
        return {"UsageError" if isinstance(error, UsageError) else "PlatformError": str(error)}
    return {type(made).__name__: made.model_dump(mode="json")}


def _nothing_to_do(request: JobRequest, stop: Stopped) -> Report:
    return Report(
        run=RUN,
        agent=request.agent,
        target=request.about,
        trigger=request.trigger,
        state="done",
        message=str(stop),
    )
