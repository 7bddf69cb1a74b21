"""The commands that run an agent: for a person at a shell, or for a GitLab CI job."""

import re
import sys
from typing import Any

import click

from bot.entry.cli.given import given_settings
from bot.entry.cli.options import (
    EXIT_CODES,
    MODES,
    READING_CODES,
    WORK_MODES,
    ReportFile,
    Reports,
    dry_run_option,
    format_option,
    in_a_job,
    work_reports_option,
)
from bot.entry.cli.runs import (
    ONE_OF_BOTH,
    account,
    addressed,
    answered,
    job_report,
    local_report,
    release_report,
    report_on,
)
from bot.entry.cli.told import show
from bot.errors import UsageError

SEVERITIES = ("info", "minor", "major", "critical", "blocker")
NO_SEVERITY = "none"
REPORTS = ("codequality", "sarif", "json", "markdown", "junit")
ISSUE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,254}-[1-9][0-9]{0,17}", re.ASCII)

NOT_A_KEY = "{key!r} is no issue key, which is like SHOP-12"
ONLY_IN_A_JOB = "--mode and --server are for a GitLab CI job, with neither an address nor --local"
RELEASE_ALONE = "give the address of a merge request, or --release TAG with --project PATH"
BASE_IS_LOCAL = "--base goes with --local; a merge request has its own target branch"


@click.command(
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
@in_a_job(MODES)
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
        report = local_report(base)
    elif url:
        report = report_on("review", url, dry_run)
    else:
        report = job_report(agent="review", mode=mode, server=server, minutes=minutes, dry_run=dry_run)
    account(report, form, reports, None if fail_on == NO_SEVERITY else fail_on)


@click.command(
    epilog="Examples: trivet link https://gitlab.example.com/group/project/-/merge_requests/7 --dry-run; "
    f"in a GitLab CI job: trivet link\n\n{EXIT_CODES}"
)
@click.argument("url", required=False, metavar="[MR_URL]")
@dry_run_option
@format_option
@work_reports_option
@in_a_job(WORK_MODES)
def link(url: str | None, dry_run: bool, form: str, reports: Reports, **wishes: Any) -> None:
    """Tie a merge request to the Jira issues that it names.

    Each gets one link and one comment, and is moved along. What is told to whom, and which issues are moved, is said
    by TRIVET_RULES and .trivet.yml.
    """
    report = report_on("link", url, dry_run) if url else job_report(agent="link", dry_run=dry_run, **wishes)
    account(report, form, reports)


@click.command(
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
@in_a_job(WORK_MODES)
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
        report = release_report(release, project, dry_run, **wishes)
    elif url:
        report = report_on("pages", url, dry_run)
    else:
        report = job_report(agent="pages", dry_run=dry_run, **wishes)
    account(report, form, reports)


@click.command(epilog=f"Example: trivet triage SHOP-12 --dry-run\n\n{EXIT_CODES}")
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
    settings = given_settings()
    from bot.entry.lifeline import stoppable
    from bot.entry.shell import triage_issue

    stoppable()
    account(triage_issue(settings, key.upper(), dry_run=dry_run), form, reports)


@click.command(
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
    settings, project, iid = addressed(url)
    from bot.domain.finding_list import FORMATS as WRITERS
    from bot.entry.findings import findings_of
    from bot.entry.lifeline import stoppable

    stoppable()
    show(WRITERS[form](findings_of(settings, project, iid)).removesuffix("\n"))


@click.command(
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
    settings, project, iid = addressed(url)
    from bot.entry.lifeline import stoppable
    from bot.entry.shell import ask_about
    from bot.entry.verdict import exit_code

    stoppable()
    report = ask_about(settings, project, iid, question)
    show(answered(report, form))
    sys.exit(exit_code(report, None))
