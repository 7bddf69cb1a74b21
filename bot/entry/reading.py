"""The reading half of a review outside the queue, and the child process it runs in."""

import json
import sys
from typing import Any, Final

from bot.agents.table import AGENTS
from bot.entry.accounts import Accounts
from bot.entry.lifeline import die_with_parent, stoppable
from bot.entry.logs import ERRORS, start_logging
from bot.entry.models import shell_model
from bot.entry.own_secrets import redactor
from bot.entry.progress import Progress, narrated
from bot.entry.rules_file import read_rules
from bot.entry.unqueued import propose_here
from bot.entry.wiring import run_means
from bot.errors import TrivetError, UsageError
from bot.routing import JobRequest
from bot.settings import Settings

STOPPED: Final = 130


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
