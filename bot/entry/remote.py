"""A run by the company's Trivet: a CI job asks its runs API for one, and waits for the report."""

import time
from typing import Any, Final

from pydantic import ValidationError

from bot.domain.actions import Report
from bot.entry.progress import Progress
from bot.entry.runs_client import ODD, Look, RunsApi, Seen, Ticket, one_line
from bot.errors import PlatformError

SILENCE_SECONDS: Final = 30.0  # a job log shows a sign of life no more often
BREATH_SECONDS: Final = 1.0  # between looks that found nothing new, where a server does not hold them back

NO_REPORT = "{server} says the run is {state}, and gives no report"
ENDINGS: Final = {
    "failed": "the run failed on the server",
    "superseded": "a newer commit has a run of its own",
}
LATE = (
    "no report within {minutes:g} minutes (--timeout): the run goes on at {server}, this job waits no longer"
)
GOES_ON = "the run goes on at {server}: what it finds is written to the merge request"
ACCEPTED = "run {run} is {state} at {server}"
STILL = "still {state}, after {minutes} min"


def run_on_server(
    server: RunsApi,
    id_token: str,
    project: str,
    iid: int,
    *,
    minutes: float,
    progress: Progress,
    agent: str = "review",
) -> Report:
    """The report of the server's run. Raises UsageError where it refuses, PlatformError where it fails or is late.

    Interrupted, it leaves the run to the server.
    """
    deadline = time.monotonic() + minutes * 60
    ticket = server.start(id_token, project, iid, deadline, agent)
    progress.tell(ACCEPTED.format(run=one_line(ticket.run), state=one_line(ticket.state), server=server.url))
    try:
        seen = _awaited(server, ticket, deadline, Narrator(progress))
    except KeyboardInterrupt:
        progress.tell(GOES_ON.format(server=server.url))
        raise
    if seen is None:
        raise PlatformError(LATE.format(minutes=minutes, server=server.url))
    return _report(seen, _empty(ticket, agent, f"{project}!{iid}"), server.url)


def _awaited(server: RunsApi, ticket: Ticket, deadline: float, narrator: "Narrator") -> Seen | None:
    """The run when it has ended; None where it had not by then."""
    last = Look(None, "")
    while (now := time.monotonic()) < deadline:
        news = server.look(ticket, last.etag, deadline)
        if news and news.seen and news.seen.has_ended:
            return news.seen
        if news is None or news == last:
            time.sleep(max(0.0, now + BREATH_SECONDS - time.monotonic()))
        last = news or last
        narrator.tell(last.seen)
    return None


class Narrator:
    """One line a change, and a sign of life in between."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = self._spoke = time.monotonic()
        self._said = ""

    def tell(self, seen: Seen | None) -> None:
        now = time.monotonic()
        line = ": ".join(filter(None, (seen.state, seen.progress))) if seen else ""
        if line and line != self._said:
            self._said, self._spoke = line, now
            self._progress.say(one_line(line))
        elif now - self._spoke >= SILENCE_SECONDS:
            self._spoke = now
            state = one_line(seen.state) if seen else "waiting"
            self._progress.say(STILL.format(state=state, minutes=round((now - self._began) / 60)))


def _report(seen: Seen, empty: Report, server: str) -> Report:
    """The run's own report, in the state the run is in; one that says how it ended where it has none."""
    if seen.report is None and seen.state not in ENDINGS:
        raise PlatformError(NO_REPORT.format(server=server, state=seen.state))
    report = empty if seen.report is None else _parsed(seen.report, server)
    message = report.message or one_line(seen.message or "") or ENDINGS.get(seen.state, "")
    return report.model_copy(update={"state": seen.state, "message": message})


def _empty(ticket: Ticket, agent: str, target: str) -> Report:
    return Report(run=ticket.run, agent=agent, target=target, trigger="pipeline")


def _parsed(data: dict[str, Any], server: str) -> Report:
    """A newer server's report may have fields that we do not know: they are left out."""
    try:
        return Report.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    if any(one["type"] != "extra_forbidden" for one in problems):
        raise PlatformError(ODD.format(server=server))
    for one in problems:
        _remove(data, one["loc"])
    return Report.model_validate(data)


def _remove(data: Any, place: tuple[int | str, ...]) -> None:
    for step in place[:-1]:
        data = data[step]
    del data[place[-1]]
