"""An agent in a GitLab CI job: by the server, here with tokens, or reporting only, by what the job is given."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal

from bot.domain.actions import Report
from bot.entry.cienv import ID_TOKEN, SERVER, Job, merge_request_job
from bot.errors import UsageError
from bot.settings import NO_MARKS, NO_TOKEN, Settings, load_settings, provider_environment

Mode = Literal["auto", "server", "direct", "report"]

GITLAB: Final = "TRIVET_GITLAB__URL"
TRIGGER: Final = "pipeline"
JWT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

NO_MERGE_REQUEST = (
    "this pipeline is of no merge request, so there is nothing to do: "
    'run the job where $CI_PIPELINE_SOURCE == "merge_request_event"'
)
BY_SERVER = "server mode: {server} reviews {target}, this job waits for the report and holds no secret"
LINK_BY_SERVER = (
    "server mode: {server} ties {target} to its issues, this job waits for the report and holds no secret"
)
LINK_HERE = "direct mode: this job ties {target} to its issues by TRIVET_GITLAB__TOKEN and TRIVET_JIRA__TOKEN"
NO_LINK_OF_FORK = (
    "{target} comes from a fork, whose pipelines write nothing: the server links it by its webhook"
)
PAGES_BY_SERVER = "server mode: {server} holds the pages against {target}, this job waits for the report"
PAGES_HERE = (
    "direct mode: this job holds the pages against {target} by TRIVET_GITLAB__TOKEN and "
    "TRIVET_CONFLUENCE__TOKEN"
)
NO_PAGES_OF_FORK = (
    "{target} comes from a fork, whose pipelines write nothing: the server holds the pages against it by its "
    "webhook"
)
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
    "aud: {server}`, or choose --mode {others}"
)
WITHOUT_SERVER: Final = {"review": "direct or report", "link": "direct", "pages": "direct"}
NOTES: Final = "release notes {tag} of {project}"
NOTES_BY_SERVER = (
    "the server {server} writes the release notes of {tag} by its webhook, so there is nothing to do; "
    "--mode direct writes them here"
)
NO_ID_TOKEN = "TRIVET_ID_TOKEN is not an ID token as GitLab makes them"  # noqa: S105


@dataclass(frozen=True)
class Wishes:
    """An agent and its options in a job. `server` None: what TRIVET_SERVER says. `minutes` to wait for one."""

    agent: str = "review"
    mode: Mode = "auto"
    server: str | None = None
    minutes: float = 30.0
    dry_run: bool = False


@dataclass(frozen=True)
class Plan:
    """How a job does it: `sentence` says it. `reads_settings`: not where the server does everything."""

    sentence: str
    run: Callable[[], Report]
    reads_settings: bool


def planned(environ: Mapping[str, str], wishes: Wishes) -> Plan | None:
    """None where the pipeline is of no merge request. Raises UsageError."""
    job = merge_request_job(environ)
    if job is None:
        return None
    _keep_gitlab(job)
    if wishes.agent in WRITERS:
        return _writing_plan(environ, job, wishes)
    if job.from_fork or wishes.dry_run or wishes.mode == "report":
        return _report_only(job, FORK if job.from_fork else DRY_RUN if wishes.dry_run else ASKED)
    server = _server(environ, wishes)
    if _is_servers(wishes, server):
        return _by_server(job, server, environ.get(ID_TOKEN, "").strip(), wishes)
    return _in_this_job(job, wishes.mode)


def left_to_server(
    environ: Mapping[str, str], wishes: Wishes, settings: Settings, project: str, tag: str
) -> Report | None:
    """The report of a tag's job whose notes a server writes; None where the job is to write them.

    The runs API has no release notes: a server learns of a tag by its webhook. A job that is given a Confluence of its
    own writes them, unless it is told that a server does. Raises UsageError.
    """
    server = _server(environ, wishes)
    is_given = wishes.mode == "auto" and bool(settings.confluence.url)
    if wishes.dry_run or is_given or not _is_servers(wishes, server):
        return None
    from bot.entry.runs_client import server_address

    if not server:
        raise UsageError(NO_SERVER)
    return Report(
        run=TRIGGER,
        agent="pages",
        target=NOTES.format(tag=tag, project=project),
        trigger=TRIGGER,
        state="done",
        message=NOTES_BY_SERVER.format(server=server_address(server), tag=tag),
    )


def _server(environ: Mapping[str, str], wishes: Wishes) -> str:
    return wishes.server or environ.get(SERVER, "").strip()


def _is_servers(wishes: Wishes, server: str) -> bool:
    return wishes.mode == "server" or (wishes.mode == "auto" and bool(server))


@dataclass(frozen=True)
class Words:
    """How a job says what it does, for an agent that does nothing but write."""

    by_server: str
    here: str
    of_fork: str


WRITERS: Final = {
    "link": Words(LINK_BY_SERVER, LINK_HERE, NO_LINK_OF_FORK),
    "pages": Words(PAGES_BY_SERVER, PAGES_HERE, NO_PAGES_OF_FORK),
}


def nothing_to_do(agent: str) -> Report:
    return Report(
        run=TRIGGER, agent=agent, target="", trigger=TRIGGER, state="done", message=NO_MERGE_REQUEST
    )


def _by_server(job: Job, server: str, id_token: str, wishes: Wishes) -> Plan:
    from bot.entry.runs_client import RunsApi, server_address

    if not server:
        raise UsageError(NO_SERVER)
    address = server_address(server)
    if not id_token:
        raise UsageError(UNIDENTIFIED.format(server=address, others=WITHOUT_SERVER[wishes.agent]))
    if not JWT.fullmatch(id_token):
        raise UsageError(NO_ID_TOKEN)

    def run() -> Report:
        from bot.entry.progress import Progress
        from bot.entry.remote import run_on_server

        with Progress() as progress, closing(RunsApi(address)) as api:
            return run_on_server(
                api,
                id_token,
                job.project,
                job.iid,
                minutes=wishes.minutes,
                progress=progress,
                agent=wishes.agent,
            )

    sentence = WRITERS[wishes.agent].by_server if wishes.agent in WRITERS else BY_SERVER
    return Plan(sentence.format(server=address, target=job.target), run, reads_settings=False)


def _writing_plan(environ: Mapping[str, str], job: Job, wishes: Wishes) -> Plan:
    """By the server, or here with tokens for all platforms; there is nothing between, as all it does is write."""
    server = _server(environ, wishes)
    words = WRITERS[wishes.agent]
    if job.from_fork:
        why = words.of_fork.format(target=job.target)
        return Plan(why, lambda: _of_fork(job, wishes.agent, why), reads_settings=False)
    if not wishes.dry_run and _is_servers(wishes, server):
        return _by_server(job, server, environ.get(ID_TOKEN, "").strip(), wishes)
    settings = load_settings()
    _require_access(settings, wishes)

    def run() -> Report:
        from bot.entry.shell import link_merge_request, pages_of_merge_request

        here = link_merge_request if wishes.agent == "link" else pages_of_merge_request
        return here(settings, job.project, job.iid, dry_run=wishes.dry_run, trigger=TRIGGER)

    return Plan(words.here.format(target=job.target), run, reads_settings=True)


def _require_access(settings: Settings, wishes: Wishes) -> None:
    """What cannot be is not announced. Nothing is asked of a platform yet. Raises UsageError."""
    from bot.entry import access

    is_link = wishes.agent == "link"
    (access.reading_jira if is_link else access.reading_confluence)(settings)
    if wishes.dry_run:
        access.reading_api(settings)
        return
    access.writing_api(settings)
    (access.writing_jira if is_link else access.writing_confluence)(settings)
    if not is_link and not settings.mark_secrets:
        raise UsageError(NO_MARKS)


def _of_fork(job: Job, agent: str, why: str) -> Report:
    target = f"{job.project}!{job.iid}"
    return Report(run=TRIGGER, agent=agent, target=target, trigger=TRIGGER, state="done", message=why)


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

    specs = [parse_spec(text) for text in settings.models] or default_specs(provider_environment(os.environ))
    named = [str(spec).rstrip(":") for spec in specs]
    return WITH_MODEL.format(models=", ".join(named)) if named else CHECKS_ONLY


def _keep_gitlab(job: Job) -> None:
    """The job's own GitLab, where no other is configured: for this process and those it starts."""
    if not os.environ.get(GITLAB):
        os.environ[GITLAB] = job.gitlab
