"""A review in a CI job that holds no token: the job's checkout against the pipeline's base, written nowhere."""

from functools import partial
from pathlib import Path
from typing import Final

from bot.domain.actions import Report
from bot.domain.change import MergeRequest, Target
from bot.entry.cienv import Job, clone_access
from bot.entry.local import review_through
from bot.entry.logs import WARNINGS, start_logging
from bot.entry.own_secrets import redactor
from bot.entry.progress import Progress
from bot.gateways.git.process import Remote
from bot.gateways.job_checkout import Clone, Commits, job_reader
from bot.routing import JobRequest
from bot.settings import Settings

TRIGGER: Final = "pipeline"


def report_only(settings: Settings, job: Job) -> Report:
    """Review what the pipeline is of. Raises UsageError, PlatformError."""
    start_logging("human", redactor(settings).redact, level=WARNINGS)
    with Progress() as progress:
        clone = Clone(Path.cwd(), partial(_remote, job), progress.tell)
        reader = job_reader(clone, _merge_request(job), _commits(job), is_fork=job.from_fork)
        report = review_through(settings, reader, _request(job), progress)
    return report.model_copy(update={"complaints": (*report.complaints, *reader.complaints)})


def _remote(job: Job, origin: str) -> Remote | None:
    """Where the runner cloned from, as the job itself."""
    found = clone_access(origin, job.token) or clone_access(job.repository, job.token)
    return Remote(found.url, found.password, found.user) if found else None


def _commits(job: Job) -> Commits:
    """A train's target holds what is to be merged before, which is no target branch yet: no rules come from there."""
    target_tip = "" if job.kind == "merge_train" else job.target_tip
    return Commits(job.commit, job.head, job.base, target_tip)


def _request(job: Job) -> JobRequest:
    key = f"review:{job.target}:{TRIGGER}"
    return JobRequest(
        agent="review",
        project=job.project,
        project_id=job.project_id,
        iid=job.iid,
        trigger=TRIGGER,
        key=key,
        head=job.head,
    )


def _merge_request(job: Job) -> MergeRequest:
    return MergeRequest(
        target=Target(job.project, job.iid, job.project_id),
        title=job.title,
        description=job.description,
        state="opened",
        draft=job.draft,
        author="",
        source_branch=job.source_branch,
        target_branch=job.target_branch,
        head=job.head,
        refs=None,
        web_url=job.url,
        labels=job.labels,
    )
