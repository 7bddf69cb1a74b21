"""The command line. Every command imports what it needs when it runs, so that `--help` answers at once."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from bot import __version__
from bot.errors import TrivetError, UsageError

DONE, USAGE, FAILED, STOPPED = 0, 2, 3, 130
EXIT_CODES = (
    "Exit codes: 0 done; 1 findings at or above --fail-on, whatever else failed; 2 usage or configuration; "
    "3 a platform or a model failed."
)
DOCTOR_CODES = "Exit codes: 0 nothing is wrong; 2 a setting is; 3 something else is."
BROKEN = "internal error: {name}: {text} (TRIVET_DEBUG=1 shows where)"
LOG_FORMAT = "TRIVET_LOG_FORMAT"
PARTS = frozenset({"serve", "web", "work", "schedule"})
SEVERITIES = ("info", "minor", "major", "critical", "blocker")
NO_SEVERITY = "none"
MODES = ("auto", "server", "direct", "report")
FORMATS = ("text", "json", "markdown")
REPORTS = ("codequality", "sarif", "json", "markdown", "junit")
WORK_REPORTS = ("json", "markdown")
READING_CODES = "Exit codes: 0 done; 2 usage or configuration; 3 a platform or a model failed."
ISSUE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,254}-[1-9][0-9]{0,17}", re.ASCII)

NOT_A_REPORT = "{value!r} is not KIND=FILE with KIND one of {kinds}"
NOT_A_KEY = "{key!r} is no issue key, which is like SHOP-12"
NO_FOLDER = "the folder of {file} does not exist: make it first"
NO_FILE = "{file} cannot be written"
ONE_OF_BOTH = "give either the address of a merge request, or --local to review this checkout"
NO_ADDRESS = "give the address of a merge request; only a GitLab CI job knows its own"
ONLY_IN_A_JOB = "--mode and --server are for a GitLab CI job, with neither an address nor --local"
RELEASE_ALONE = "give the address of a merge request, or --release TAG with --project PATH"
NO_PROJECT = "--release needs --project PATH: the project whose tag it is"
BASE_IS_LOCAL = "--base goes with --local; a merge request has its own target branch"
NO_CONFIG = "{file} does not exist; without one the defaults apply (trivet config schema shows them)"
FINE = "{file} is fine"
QUEUED = "{count} runs queued"


class ReportFile(click.ParamType[tuple[str, Path]]):
    """`KIND=FILE`, as in `codequality=gl-code-quality-report.json`; a file that can be written."""

    name = "kind=file"

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        kind, _, name = str(value).partition("=")
        if kind not in self._kinds or not name:
            self.fail(NOT_A_REPORT.format(value=value, kinds=", ".join(self._kinds)), param, ctx)
        file = Path(name).absolute()
        if not file.parent.is_dir():
            self.fail(NO_FOLDER.format(file=name), param, ctx)
        if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
            self.fail(NO_FILE.format(file=name), param, ctx)
        return kind, file


Reports = tuple[tuple[str, Path], ...]
Command = Callable[..., None]

dry_run_option = click.option("--dry-run", is_flag=True, help="Read and report, write nothing.")
format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Standard output."
)
work_reports_option = click.option(
    "--report",
    "reports",
    multiple=True,
    type=ReportFile(WORK_REPORTS),
    help="Also write a report: json or markdown=FILE. May be repeated.",
)


def in_a_job(command: Command, modes: tuple[str, ...] = MODES) -> Command:
    """The options of an agent that a GitLab CI job calls."""
    options = (
        click.option(
            "--timeout",
            "minutes",
            metavar="MINUTES",
            default=30.0,
            show_default=True,
            type=click.FloatRange(min=0, min_open=True),
            help="In a CI job: how long to wait for the server.",
        ),
        click.option("--server", metavar="URL", help="In a CI job: the company's Trivet (TRIVET_SERVER)."),
        click.option(
            "--mode",
            type=click.Choice(modes),
            default="auto",
            show_default=True,
            help="In a CI job: ask a server, do it here, or only report."
            if "report" in modes
            else "In a CI job: ask a server, or do it here.",
        ),
    )
    for option in options:
        command = option(command)
    return command


@click.group(
    epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="trivet")
def trivet() -> None:
    """A bot for GitLab, Jira and Confluence: it reviews merge requests, on the right line, once.

    Try it without any credentials: `trivet demo`.
    """


@trivet.command(epilog="Example: trivet demo --once")
@click.option("--once", is_flag=True, help="Print the review and exit.")
@click.option(
    "--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Port of the page."
)
def demo(once: bool, port: int) -> None:
    """See a review appear on a sandbox GitLab, no credentials needed."""
    from bot.entry.demo import run_demo

    run_demo(once=once, port=port)


@trivet.command(epilog="Example: trivet up")
@click.option("--host", help="Address to listen on (TRIVET_HOST, 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (TRIVET_PORT, 8080).")
@click.option("--fd", type=int, hidden=True, help="A listening socket that the caller opened.")
def up(host: str | None, port: int | None, fd: int | None) -> None:
    """Run all processes on this machine, with a Redis of its own.

    The Redis is kept in the data folder; TRIVET_REDIS_URL names another.
    """
    _heed_stop()
    from bot.entry.up import run_up

    run_up(_settings(host=host, port=port), fd)


@trivet.command(epilog="Example: trivet serve --port 8080")
@click.option("--host", help="Address to listen on (TRIVET_HOST, 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (TRIVET_PORT, 8080).")
@click.option("--fd", type=int, hidden=True, help="A listening socket that the caller opened.")
@click.option("--web", type=int, hidden=True, help="The loopback port of `trivet web`, as `up` has it.")
def serve(host: str | None, port: int | None, fd: int | None, web: int | None) -> None:
    """The receiver: takes webhooks, records them, answers."""
    _heed_stop()
    from bot.entry.serve import run_receiver

    run_receiver(_settings(host=host, port=port), fd, web)


@trivet.command(epilog="Example: trivet web --port 8081")
@click.option("--host", help="Address to listen on (TRIVET_HOST, 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (TRIVET_WEB_PORT, 8081).")
@click.option("--fd", type=int, hidden=True, help="A listening socket that the caller opened.")
def web(host: str | None, port: int | None, fd: int | None) -> None:
    """The runs API: pipelines ask for reviews and wait for them.

    A pipeline proves who it is with an ID token whose audience is TRIVET_PUBLIC_URL.
    """
    _heed_stop()
    from bot.entry.web import run_web

    run_web(_settings(host=host, web_port=port), fd)


@trivet.command(epilog="Example: trivet work agents --processes 2")
@click.argument("queue", type=click.Choice(["agents", "effects"]))
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="How many workers."
)
def work(queue: str, processes: int) -> None:
    """A worker: `agents` reads and proposes, `effects` writes."""
    _heed_stop()
    from bot.entry.roles import run_worker

    run_worker(_settings(), queue, processes)


@trivet.command(epilog="Example: trivet schedule")
def schedule() -> None:
    """Retries that are due, and the sweep for what was missed."""
    _heed_stop()
    from bot.entry.roles import run_schedule

    run_schedule(_settings())


@trivet.command(epilog="Example: trivet sweep")
def sweep() -> None:
    """One sweep now: queue the reviews that were missed.

    Beside `trivet up`, by its own Redis; elsewhere TRIVET_REDIS_URL names one.
    """
    settings = _settings()
    from bot.entry.embedded import running_url
    from bot.entry.roles import run_sweep

    found = settings.redis_url or running_url(settings.data_dir)
    _print(QUEUED.format(count=run_sweep(settings.model_copy(update={"redis_url": found}))))


@trivet.command(
    epilog="Examples: trivet review --local --base main --fail-on major; "
    "in a GitLab CI job: trivet review --report codequality=gl-code-quality-report.json; "
    f"trivet review https://gitlab.example.com/group/project/-/merge_requests/7 --dry-run\n\n{EXIT_CODES}"
)
@click.argument("url", required=False, metavar="[MR_URL]")
@click.option("--local", is_flag=True, help="Review this checkout: no GitLab, no token.")
@click.option("--base", metavar="REF", help="With --local: compare with this ref (the default branch).")
@dry_run_option
@format_option
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=ReportFile(REPORTS),
    help="Also write a report: codequality, sarif, json, markdown or junit=FILE. May be repeated.",
)
@click.option(
    "--fail-on",
    type=click.Choice((NO_SEVERITY, *SEVERITIES)),
    help="Exit 1 when a finding is this severe or worse.",
)
@in_a_job
def review(
    url: str | None,
    local: bool,
    base: str | None,
    dry_run: bool,
    form: str,
    reports: Reports,
    fail_on: str | None,
    mode: str,
    server: str | None,
    minutes: float,
) -> None:
    """Review a merge request, or the local checkout without GitLab.

    In a GitLab CI job it takes the merge request and the way to review it from what the job is given.
    """
    if local and url:
        raise UsageError(ONE_OF_BOTH)
    if (local or url) and (server or mode != MODES[0]):
        raise UsageError(ONLY_IN_A_JOB)
    if base and not local:
        raise UsageError(BASE_IS_LOCAL)
    if local:
        report = _local_report(base)
    elif url:
        report = _report("review", url, dry_run)
    else:
        report = _job_report(agent="review", mode=mode, server=server, minutes=minutes, dry_run=dry_run)
    _account(report, form, reports, None if fail_on == NO_SEVERITY else fail_on)


def _local_report(base: str | None) -> Any:
    settings = _settings()
    from bot.entry.local import review_local

    return review_local(settings, base)


def _report(agent: str, url: str, dry_run: bool) -> Any:
    settings, project, iid = _addressed(url)
    from bot.entry.lifeline import stoppable
    from bot.entry.shell import link_merge_request, pages_of_merge_request, review_merge_request

    stoppable()
    runs = {"review": review_merge_request, "link": link_merge_request, "pages": pages_of_merge_request}
    return runs[agent](settings, project, iid, dry_run=dry_run)


def _job_report(**wishes: Any) -> Any:
    """In a GitLab CI job, whose log begins with what is done."""
    from bot.entry.cienv import in_gitlab_ci

    if not in_gitlab_ci(os.environ):
        raise UsageError(ONE_OF_BOTH if wishes["agent"] == "review" else NO_ADDRESS)
    from bot.entry.lifeline import stoppable
    from bot.entry.pipeline import Wishes, nothing_to_do, planned

    plan = planned(os.environ, Wishes(**wishes))
    if plan is None:
        return nothing_to_do(wishes["agent"])
    _tell(plan.sentence, "info")
    if plan.reads_settings:
        _name_unknown_settings()
    stoppable()
    return plan.run()


@trivet.command(
    epilog="Examples: trivet link https://gitlab.example.com/group/project/-/merge_requests/7 --dry-run; "
    f"in a GitLab CI job: trivet link\n\n{EXIT_CODES}"
)
@click.argument("url", required=False, metavar="[MR_URL]")
@dry_run_option
@format_option
@work_reports_option
@partial(in_a_job, modes=("auto", "server", "direct"))
def link(url: str | None, dry_run: bool, form: str, reports: Reports, **wishes: Any) -> None:
    """Tie a merge request to the Jira issues that it names.

    Each gets one link and one comment, and is moved along. What is told to whom, and which issues are moved, is said
    by TRIVET_RULES and .trivet.yml.
    """
    report = _report("link", url, dry_run) if url else _job_report(agent="link", dry_run=dry_run, **wishes)
    _account(report, form, reports)


@trivet.command(
    epilog="Examples: trivet pages https://gitlab.example.com/group/project/-/merge_requests/7 --dry-run; "
    "trivet pages --release v1.4.0 --project group/project; in a GitLab CI job of a merge request: trivet pages; "
    f"of a tag: trivet pages --release $CI_COMMIT_TAG\n\n{EXIT_CODES}"
)
@click.argument("url", required=False, metavar="[MR_URL]")
@click.option("--release", metavar="TAG", help="Write the release notes of this tag instead.")
@click.option("--project", metavar="PATH", help="With --release: the project (in a CI job its own).")
@dry_run_option
@format_option
@work_reports_option
@partial(in_a_job, modes=("auto", "server", "direct"))
def pages(
    url: str | None,
    release: str | None,
    project: str | None,
    dry_run: bool,
    form: str,
    reports: Reports,
    **wishes: Any,
) -> None:
    """Keep Confluence pages true, write release notes.

    Sections that .trivet.yml ties to the changed paths are held against the change; what is merged goes into the notes
    of the next release. --dry-run prints what would change. Which space belongs to which project says TRIVET_RULES.
    """
    if (url and release) or (project and not release):
        raise UsageError(RELEASE_ALONE)
    if release:
        report = _release_report(release, project, dry_run)
    elif url:
        report = _report("pages", url, dry_run)
    else:
        report = _job_report(agent="pages", dry_run=dry_run, **wishes)
    _account(report, form, reports)


def _release_report(release: str, project: str | None, dry_run: bool) -> Any:
    """In a job the project is its own, and so is GitLab."""
    from bot.entry.cienv import in_gitlab_ci
    from bot.entry.lifeline import stoppable

    if in_gitlab_ci(os.environ):
        project = project or os.environ.get("CI_PROJECT_PATH")
        os.environ.setdefault("TRIVET_GITLAB__URL", os.environ.get("CI_SERVER_URL", ""))
    if not project:
        raise UsageError(NO_PROJECT)
    settings = _settings()
    from bot.entry.shell import notes_of_release

    stoppable()
    return notes_of_release(settings, project, release, dry_run=dry_run)


@trivet.command(epilog=f"Example: trivet triage SHOP-12 --dry-run\n\n{EXIT_CODES}")
@click.argument("issue", metavar="ISSUE_KEY")
@dry_run_option
@format_option
@work_reports_option
def triage(issue: str, dry_run: bool, form: str, reports: Reports) -> None:
    """Do for a Jira issue, as it is now, what the rules start for it.

    ISSUE_KEY is its key or its address. Without a rule for its project it is summed up, and what is missing is named,
    in one comment.
    """
    key = issue.partition("?")[0].rstrip("/").rpartition("/")[2]
    if not ISSUE_KEY.fullmatch(key):
        raise UsageError(NOT_A_KEY.format(key=issue))
    settings = _settings()
    from bot.entry.lifeline import stoppable
    from bot.entry.shell import triage_issue

    stoppable()
    _account(triage_issue(settings, key.upper(), dry_run=dry_run), form, reports)


@trivet.command(
    epilog="Example: trivet findings https://gitlab.example.com/group/project/-/merge_requests/7 --format markdown"
    f"\n\n{READING_CODES}"
)
@click.argument("url", metavar="MR_URL")
@format_option
def findings(url: str, form: str) -> None:
    """Print the findings of a merge request and their states.

    Where each stands now, which commit fixed it, who dismissed it and why. Nothing is written. They are told from
    notes by the secret that the bot signs them with: TRIVET_MARK_SECRETS, or the one kept in the data folder.
    """
    settings, project, iid = _addressed(url)
    from bot.domain.finding_list import FORMATS as WRITERS
    from bot.entry.findings import findings_of
    from bot.entry.lifeline import stoppable

    stoppable()
    _print(WRITERS[form](findings_of(settings, project, iid)).removesuffix("\n"))


@trivet.command(
    epilog='Example: trivet ask https://gitlab.example.com/group/project/-/merge_requests/7 "Why two loops?"'
    f"\n\n{READING_CODES}"
)
@click.argument("url", metavar="MR_URL")
@click.argument("question")
@format_option
def ask(url: str, question: str, form: str) -> None:
    """Ask a model about a merge request; the answer is printed.

    It reads the merge request, its diff and the repository at its newest commit, and writes nothing.
    """
    settings, project, iid = _addressed(url)
    from bot.entry.lifeline import stoppable
    from bot.entry.shell import ask_about
    from bot.entry.verdict import exit_code

    stoppable()
    report = ask_about(settings, project, iid, question)
    _print(_answered(report, form))
    sys.exit(exit_code(report, None))


def _answered(report: Any, form: str) -> str:
    """The answer itself, which is Markdown; for a program, and where there is none, the account of the run."""
    from bot.domain.reports import FORMATS as WRITERS

    is_plain = bool(report.answer) and not report.failures and form != "json"
    text: str = report.answer if is_plain else WRITERS[form](report)
    return text.rstrip("\n")


def _addressed(url: str) -> tuple[Any, str, int]:
    """What is wrong with the address or the settings is said before anything heavy is imported."""
    settings = _settings()
    from bot.entry.address import parse_address

    return settings, *parse_address(url, settings.gitlab.url)


def _account(report: Any, form: str, reports: Reports, fail_on: str | None = None) -> None:
    """Print what became of a run, write its report files, end with its exit code."""
    from bot.domain.reports import FORMATS as WRITERS
    from bot.entry.verdict import exit_code, write

    _print(WRITERS[form](report).removesuffix("\n"))
    for kind, file in reports:
        write(file, WRITERS[kind](report))
    sys.exit(exit_code(report, fail_on))


@trivet.group(epilog="Example: trivet connect gitlab group/shop")
def connect() -> None:
    """Create or repair webhooks, check tokens, roles and scopes.

    Where the bot's own token may not, give one that may for this call alone: TRIVET_CONNECT_TOKEN, for Atlassian Cloud
    with TRIVET_CONNECT_EMAIL. It is not kept.
    """


url_option = click.option(
    "--url", metavar="URL", help="Our own address, as the platform reaches it (TRIVET_PUBLIC_URL)."
)


@connect.command("gitlab", epilog=f"Example: trivet connect gitlab group/shop\n\n{EXIT_CODES}")
@click.argument("target", metavar="GROUP_OR_PROJECT")
@url_option
def connect_gitlab_command(target: str, url: str | None) -> None:
    """Webhooks of a GitLab project or group, tried with a test event."""
    settings = _settings()
    from bot.entry.connect.gitlab import connect_gitlab

    sys.exit(connect_gitlab(settings, target, url))


@connect.command("jira", epilog=f"Example: trivet connect jira\n\n{EXIT_CODES}")
@url_option
def connect_jira_command(url: str | None) -> None:
    """The webhook of Jira, or the exact steps to it."""
    settings = _settings()
    from bot.entry.connect.jira import connect_jira

    sys.exit(connect_jira(settings, url))


@connect.command("confluence", epilog=f"Example: trivet connect confluence\n\n{EXIT_CODES}")
@url_option
def connect_confluence_command(url: str | None) -> None:
    """The webhook of Confluence, or the exact steps to it."""
    settings = _settings()
    from bot.entry.connect.confluence import connect_confluence

    sys.exit(connect_confluence(settings, url))


@trivet.command(epilog=f"Example: trivet doctor --json\n\n{DOCTOR_CODES}")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Look at all that Trivet needs; a line each, with the cure.

    Settings, Redis, database, tokens with their roles and scopes, webhooks, models, processes, clocks.
    """
    from bot.entry.doctor.examination import run_doctor

    sys.exit(run_doctor(as_json=as_json))


@trivet.command(epilog="Example: trivet health")
def health() -> None:
    """Say whether this container's processes work: for health checks."""
    from bot.entry.pulse import health as heard

    sys.exit(heard())


@trivet.command("propose", hidden=True)
def propose() -> None:
    """The reading half of a run, in a process without the write token: request in, proposal out."""
    from bot.entry.reading import propose_from_stdin

    propose_from_stdin(_settings())


@trivet.command(
    "eval",
    epilog="Examples: trivet eval --model openai:NAME --runs 3 --format markdown; "
    f"trivet eval ledger --model scripted --case basket-limit-late-by-one\n\n{EXIT_CODES}",
)
@click.argument(
    "what",
    type=click.Choice(["review", "ledger", "drift"]),
    default="review",
    metavar="[review|ledger|drift]",
)
@click.option(
    "--model",
    metavar="PROVIDER:NAME",
    help="The model to measure (TRIVET_MODELS); `scripted` asks none: it tries the plumbing.",
)
@click.option(
    "--case", "slugs", multiple=True, metavar="SLUG", help="Only this change of the set. May be repeated."
)
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1, 100), help="How often.")
@click.option(
    "--parallel", default=4, show_default=True, type=click.IntRange(1, 32), help="Reviews at a time."
)
@format_option
def evaluate(
    what: str, model: str | None, slugs: tuple[str, ...], runs: int, parallel: int, form: str
) -> None:
    """Measure a model on known changes: reviews, ledgers, pages.

    For reviews these are changes with planted defects, and clean ones that look suspicious; for ledgers changes with
    acceptance criteria, some of which look met and are not; for drift changes of what a wiki page describes, some of
    which leave it true. What a model failed on is named, and in no figure.
    """
    scripted = model == "scripted"
    settings = _settings(models=None if scripted else model)
    evaluated, writers = _evaluation(what)
    account = evaluated(settings, scripted=scripted, slugs=slugs, runs=runs, parallel=parallel)
    _print(writers[form](account).removesuffix("\n"))
    sys.exit(FAILED if account.unmeasured else DONE)


def _evaluation(what: str) -> tuple[Callable[..., Any], Mapping[str, Callable[..., str]]]:
    """How this set is measured, and the ways to write that down."""
    if what == "ledger":
        from bot.entry.evaluate_ledger import evaluate_ledger
        from bot.evaluation.ledger_writers import LEDGER_FORMATS

        return evaluate_ledger, LEDGER_FORMATS
    if what == "drift":
        from bot.entry.evaluate_drift import evaluate_drift
        from bot.evaluation.drift_writers import DRIFT_FORMATS

        return evaluate_drift, DRIFT_FORMATS
    from bot.entry.evaluate import evaluate
    from bot.evaluation.writers import FORMATS as REVIEW_FORMATS

    return evaluate, REVIEW_FORMATS


@trivet.group(epilog="Example: trivet config check")
def config() -> None:
    """The repository's configuration, .trivet.yml."""


@config.command("check", epilog="Example: trivet config check .trivet.yml")
@click.argument("file", default=".trivet.yml", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say whether a .trivet.yml is right, and if not, where."""
    from bot.domain.repo_config import LIMIT, load

    if not file.is_file():
        raise UsageError(NO_CONFIG.format(file=file))
    with file.open("rb") as stream:
        _, complaint = load(stream.read(LIMIT + 1))
    if complaint:
        raise UsageError(complaint)
    _print(FINE.format(file=file))


@config.command("schema", epilog="Example: trivet config schema > trivet.schema.json")
def schema() -> None:
    """Print the JSON schema of .trivet.yml, for editors."""
    import json

    from bot.domain.repo_config import json_schema

    _print(json.dumps(json_schema(), indent=2))


def _heed_stop() -> None:
    """From here on SIGTERM is heard, though what is heavy is still to be imported."""
    from bot.entry.lifeline import heed_stop

    heed_stop()


def _settings(**overrides: Any) -> Any:
    """The settings of this process; what looks like one and is none is named on standard error."""
    from bot.settings import load_settings

    _name_unknown_settings()
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def _name_unknown_settings() -> None:
    from bot.entry.cienv import OF_A_JOB
    from bot.settings import unknown_settings

    for sentence in unknown_settings({name: os.environ[name] for name in os.environ.keys() - OF_A_JOB}):
        _tell(sentence, "warning")


def main() -> None:
    """The process edge: an error becomes a sentence and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(_outcome(lambda: trivet.main(prog_name="trivet", standalone_mode=False)))


def _outcome(command: Callable[[], object]) -> int:
    try:
        command()
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _complain("stopped", STOPPED)
    except TrivetError as error:
        return _complain(error, USAGE if isinstance(error, UsageError) else FAILED)
    except OSError as error:
        return _complain(f"{error.filename or 'standard output'}: {error.strerror}", FAILED)
    except Exception as error:  # noqa: BLE001 - the edge of the process
        if os.environ.get("TRIVET_DEBUG"):
            _tell(_traceback(), "error")
        _report_defect(error)
        return _complain(BROKEN.format(name=type(error).__name__, text=error), FAILED)
    return DONE


def _report_defect(error: Exception) -> None:
    from bot.entry.error_tracking import report_error

    report_error(error)


def _print(text: str) -> None:
    """To standard output; where nobody reads it any more, as after `| head -1`, what was to be done goes on."""
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(error: object, code: int) -> int:
    _tell(str(error), "error")
    return code


def _tell(sentence: str, level: str) -> None:
    """On standard error; where the logs are JSON, a process that cannot start says so in their form."""
    as_json = os.environ.get(LOG_FORMAT) == "json"
    click.echo(_log_line(sentence, level) if as_json else f"trivet: {_redacted(sentence)}", err=True)


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def _log_line(sentence: str, level: str) -> str:
    from bot.entry.logs import json_line

    return json_line(sentence, level, _redacted)


def _redacted(text: str) -> str:
    """An error may quote what a platform, a library or a person wrote, and that may quote anything."""
    from bot.domain.secrets import Redactor
    from bot.entry.credentials import secret_values

    try:
        own = secret_values(os.environ)
    except UsageError:
        own = []
    return Redactor(own).redact(text)
