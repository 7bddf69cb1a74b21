"""The reading half of a review in a child process without the write token, for a shell or a job that holds one."""

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bot.domain.actions import Proposal, Report
from bot.entry.accounts import Accounts
from bot.entry.credentials import MARKS, stripped
from bot.entry.supervisor import PYTHON
from bot.errors import PlatformError, TrivetError, UsageError
from bot.routing import JobRequest
from bot.settings import Settings

STOP_SECONDS: Final = 5.0
BROKEN_CHILD = "the process that reads the merge request ended with code {code}: its lines above say why"


def propose_apart(request: JobRequest, accounts: Accounts, settings: Settings) -> Proposal | Report:
    """A proposal, or the report of a run that had nothing to do. Raises UsageError, PlatformError."""
    marks = ",".join(secret.get_secret_value() for secret in settings.mark_secrets)
    environment = stripped({**os.environ, MARKS: marks} if marks else os.environ, "agents")
    order = json.dumps({"request": request.model_dump(), "accounts": accounts.told()})
    code, answer = _asked([*PYTHON, "propose"], environment, order)
    if code:
        raise PlatformError(BROKEN_CHILD.format(code=code))
    [(kind, content)] = json.loads(answer).items()
    return ANSWERS[kind](content)


def _failed(kind: type[TrivetError]) -> Callable[[Any], Proposal | Report]:
    def failed(sentence: Any) -> Proposal | Report:
        raise kind(sentence)

    return failed


ANSWERS: Final[dict[str, Callable[[Any], Proposal | Report]]] = {
    "Proposal": Proposal.model_validate,
    "Report": Report.model_validate,
    "UsageError": _failed(UsageError),
    "PlatformError": _failed(PlatformError),
}


def _asked(command: list[str], environment: dict[str, str], order: str) -> tuple[int, str]:
    """The child's exit code and what it printed. In a session of its own, so that Ctrl-C is ours to pass on."""
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, stdin=pipe, stdout=pipe, text=True, encoding="utf-8", start_new_session=True
    ) as child:
        try:
            answer, _ = child.communicate(order)
        except BaseException:
            _ended(child)
            raise
    return child.returncode, answer


def _ended(child: subprocess.Popen[str]) -> None:
    """Time to stop git in good order, then no more."""
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(STOP_SECONDS)
    child.kill()
