"""The reading half of a review in a child process that has no write token, for a shell or a job that holds one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, Report
from bot.domain.events import Person
from bot.entry.credentials import MARKS, stripped
from bot.entry.lifeline import die_with_parent
from bot.entry.progress import Progress, narrated
from bot.entry.supervisor import PYTHON
from bot.entry.wiring import review_means
from bot.errors import NotReady, PlatformError, Stopped, TrivetError, UsageError
from bot.routing import JobRequest
from bot.run import Means, propose
from bot.settings import Settings

SHELL: Final = "shell"
READY_SECONDS: Final = 60.0
ASK_SECONDS: Final = 2.0
STOP_SECONDS: Final = 5.0
STOPPED: Final = 130
BROKEN_CHILD = "the process that reads the merge request ended with code {code}: its lines above say why"


def propose_here(request: JobRequest, means: Means) -> Proposal | Report:
    """A proposal, or the report of a run that had nothing to do. Waits while GitLab prepares the diff."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return propose(request, SHELL, means)
        except NotReady as error:
            pause = error.retry_after or ASK_SECONDS
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
        except Stopped as stop:
            return _nothing_to_do(request, stop)


def propose_apart(request: JobRequest, me: Person | None, settings: Settings) -> Proposal | Report:
    """The same in a child process whose environment holds no write token."""
    marks = ",".join(secret.get_secret_value() for secret in settings.mark_secrets)
    environment = stripped({**os.environ, MARKS: marks} if marks else os.environ, "agents")
    order = json.dumps({"request": request.model_dump(), "me": me.model_dump() if me else None})
    code, answer = _asked([*PYTHON, "propose"], environment, order)
    if code:
        raise PlatformError(BROKEN_CHILD.format(code=code))
    [(kind, content)] = json.loads(answer).items()
    return ANSWERS[kind](content)


def propose_from_stdin(settings: Settings) -> None:
    """The child's half of `propose_apart`: its answer, an error too, is one JSON object on standard output."""
    die_with_parent()
    stoppable()
    try:
        sys.stdout.write(json.dumps(_answer(json.load(sys.stdin), settings)))
    except KeyboardInterrupt:
        sys.exit(STOPPED)


def stoppable() -> None:
    """What ends a job or a terminal is treated like Ctrl-C: there may be something to take back."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _answer(order: Any, settings: Settings) -> dict[str, Any]:
    request = JobRequest.model_validate(order["request"])
    me = Person.model_validate(order["me"]) if order["me"] else None
    try:
        with Progress() as progress:
            means = narrated(review_means(settings, AGENTS[request.agent], me), progress.say)
            made = propose_here(request, means)
    except TrivetError as error:
        return {"UsageError" if isinstance(error, UsageError) else "PlatformError": str(error)}
    return {type(made).__name__: made.model_dump(mode="json")}


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


def _nothing_to_do(request: JobRequest, stop: Stopped) -> Report:
    return Report(
        run=SHELL,
        agent=request.agent,
        target=f"{request.project}!{request.iid}",
        trigger=SHELL,
        state="done",
        message=str(stop),
    )
