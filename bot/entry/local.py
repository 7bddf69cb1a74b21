"""`trivet review --local`: this checkout against its base, with no GitLab, no network and no token at all."""

from pathlib import Path

from bot.agents.table import AGENTS
from bot.domain.actions import Report
from bot.domain.markdown import counted
from bot.entry.logs import ERRORS, start_logging
from bot.entry.models import shell_model
from bot.entry.own_secrets import redactor
from bot.entry.progress import Progress, narrated
from bot.entry.unqueued import RUN, propose_here
from bot.gateways.local import DryRun, LocalReader
from bot.ports import MergeRequestReader
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import apply
from bot.settings import Settings

COMPARING = "comparing with {base}"
TARGET = "{name}: the changes since {base}"
UNTRACKED = "{files} not reviewed: `git add` makes a file part of the change"


def review_local(settings: Settings, base: str | None) -> Report:
    """Review the working directory's checkout. Raises UsageError."""
    start_logging("human", redactor(settings).redact, level=ERRORS)
    reader = LocalReader(Path.cwd(), base)
    request = JobRequest(agent="review", project="", project_id=0, iid=0, trigger=RUN, key="review:local")
    with Progress() as progress:
        progress.say(COMPARING.format(base=reader.base))
        report = review_through(settings, reader, request, progress)
    return report.model_copy(update=_local(report, reader))


def review_through(
    settings: Settings, reader: MergeRequestReader, request: JobRequest, progress: Progress
) -> Report:
    """Review what a reader shows, in this process, and write nowhere."""
    means = Means(
        reader=reader, agent=AGENTS[request.agent], redactor=redactor(settings), model=shell_model(settings)
    )
    made = propose_here(request, narrated(means, progress.say))
    return made if isinstance(made, Report) else apply(made, DryRun())


def _local(report: Report, reader: LocalReader) -> dict[str, object]:
    """What a report of a checkout says otherwise."""
    target = TARGET.format(name=reader.name, base=reader.base)
    unseen = (
        (UNTRACKED.format(files=counted(reader.untracked, "untracked file")),) if reader.untracked else ()
    )
    return {"target": target, "complaints": (*report.complaints, *unseen)}
