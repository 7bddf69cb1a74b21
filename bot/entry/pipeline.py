"""`trivet review` in a GitLab CI job: by the server, here with a token, or reporting only, by what the job is given."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal

from bot.domain.actions import Report
from bot.entry.cienv import ID_TOKEN, SERVER, Job, merge_request_job
from bot.errors import UsageError
from bot.settings import NO_TOKEN, Settings, load_settings

Mode = Literal["auto", "server", "direct", "report"]

GITLAB: Final = "TRIVET_GITLAB__URL"
TRIGGER: Final = "pipeline"
JWT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

NO_MERGE_REQUEST = (
    "this pipeline is of no merge request, so there is nothing to review: "
    'run the job where $CI_PIPELINE_SOURCE == "merge_request_event"'
)
BY_SERVER = "server mode: {server} reviews {target}, this job waits for the report and holds no secret"
DIRECT = "direct mode: this job reviews {target} {model} and comments on it by TRIVET_GITLAB__TOKEN"
REPORT_ONLY = "report only ({reason}): this job reviews {target} {model} and writes nothing to GitLab"
WITH_MODEL = "with {models}"
CHECKS_ONLY = "by its checks alone, without a model,"
FORK = "the merge request comes from a fork"
DRY_RUN = "--dry-run"
ASKED = "--mode report"
NOTHING_GIVEN = "neither TRIVET_SERVER nor TRIVET_GITLAB__TOKEN is set"
NO_SERVER = "--mode server needs the server's address: --server or TRIVET_SERVER"
UNIDENTIFIED = (
    "the server {server} is named, but the job has no TRIVET_ID_TOKEN: give the job `id_tokens: TRIVET_ID_TOKEN: "
    "aud: {server}`, or choose --mode direct or report"
)
NO_ID_TOKEN = "TRIVET_ID_TOKEN is not an ID token as GitLab makes them"  # noqa: S105


@dataclass(frozen=True)
class Wishes:
    """The options of `trivet review` in a job. `server` None: what TRIVET_SERVER says. `minutes` to wait for one."""

    mode: Mode = "auto"
    server: str | None = None
    minutes: float = 30.0
    dry_run: bool = False


@dataclass(frozen=True)
class Plan:
    """How a job reviews: `sentence` says it. `reads_settings`: not where the server does everything."""

    sentence: str
    review: Callable[[], Report]
    reads_settings: bool


def planned(environ: Mapping[str, str], wishes: Wishes) -> Plan | None:
    """None where the pipeline is of no merge request. Raises UsageError."""
    job = merge_request_job(environ)
    if job is None:
        return None
    _keep_gitlab(job)
    if job.from_fork or wishes.dry_run or wishes.mode == "report":
        return _report_only(job, FORK if job.from_fork else DRY_RUN if wishes.dry_run else ASKED)
    server = wishes.server or environ.get(SERVER, "").strip()
    if wishes.mode == "server" or (wishes.mode == "auto" and server):
        return _by_server(job, server, environ.get(ID_TOKEN, "").strip(), wishes.minutes)
    return _in_this_job(job, wishes.mode)


def nothing_to_review() -> Report:
    return Report(
        run=TRIGGER, agent="review", target="", trigger=TRIGGER, state="done", message=NO_MERGE_REQUEST
    )


def _by_server(job: Job, server: str, id_token: str, minutes: float) -> Plan:
    from bot.entry.runs_client import RunsApi, server_address

    if not server:
        raise UsageError(NO_SERVER)
    address = server_address(server)
    if not id_token:
        raise UsageError(UNIDENTIFIED.format(server=address))
    if not JWT.fullmatch(id_token):
        raise UsageError(NO_ID_TOKEN)

    def review() -> Report:
        from bot.entry.progress import Progress
        from bot.entry.remote import review_on_server

        with Progress() as progress, closing(RunsApi(address)) as api:
            return review_on_server(api, id_token, job.project, job.iid, minutes=minutes, progress=progress)

    return Plan(BY_SERVER.format(server=address, target=job.target), review, reads_settings=False)


def _in_this_job(job: Job, mode: Mode) -> Plan:
    settings = load_settings()
    if not settings.gitlab.token:
        if mode == "direct":
            raise UsageError(NO_TOKEN)
        return _report_only(job, NOTHING_GIVEN)

    def review() -> Report:
        from bot.entry.direct import review_in_job

        return review_in_job(settings, job.project, job.iid, job.head)

    sentence = DIRECT.format(target=job.target, model=_model(settings))
    return Plan(sentence, review, reads_settings=True)


def _report_only(job: Job, reason: str) -> Plan:
    settings = load_settings()
    sentence = REPORT_ONLY.format(reason=reason, target=job.target, model=_model(settings))

    def review() -> Report:
        from bot.entry.report_only import report_only

        return report_only(settings, job)

    return Plan(sentence, review, reads_settings=True)


def _model(settings: Settings) -> str:
    from bot.llm.providers import default_specs, parse_spec

    specs = [parse_spec(text) for text in settings.models] or default_specs(os.environ)
    named = [str(spec).rstrip(":") for spec in specs]
    return WITH_MODEL.format(models=", ".join(named)) if named else CHECKS_ONLY


def _keep_gitlab(job: Job) -> None:
    """The job's own GitLab, where no other is configured: for this process and those it starts."""
    if not os.environ.get(GITLAB):
        os.environ[GITLAB] = job.gitlab
