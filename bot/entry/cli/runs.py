"""What the commands of agents have run, here or by a server, and what they tell of it."""

import os
import sys
from typing import Any

from bot.entry.cli.given import given_settings, name_unknown_settings
from bot.entry.cli.options import Reports
from bot.entry.cli.told import show, tell
from bot.errors import UsageError

ONE_OF_BOTH = "give either the address of a merge request, or --local to review this checkout"
NO_ADDRESS = "give the address of a merge request; only a GitLab CI job knows its own"
NO_PROJECT = "--release needs --project PATH: the project whose tag it is"


def local_report(base: str | None) -> Any:
    settings = given_settings()
    from bot.entry.local import review_local

    return review_local(settings, base)


def report_on(agent: str, url: str, dry_run: bool) -> Any:
    settings, project, iid = addressed(url)
    from bot.entry.lifeline import stoppable
    from bot.entry.shell import link_merge_request, pages_of_merge_request, review_merge_request

    stoppable()
    runs = {"review": review_merge_request, "link": link_merge_request, "pages": pages_of_merge_request}
    return runs[agent](settings, project, iid, dry_run=dry_run)


def job_report(**wishes: Any) -> Any:
    """In a GitLab CI job, whose log begins with what is done."""
    from bot.entry.cienv import in_gitlab_ci

    if not in_gitlab_ci(os.environ):
        raise UsageError(ONE_OF_BOTH if wishes["agent"] == "review" else NO_ADDRESS)
    from bot.entry.lifeline import stoppable
    from bot.entry.pipeline import Wishes, nothing_to_do, planned

    plan = planned(os.environ, Wishes(**wishes))
    if plan is None:
        return nothing_to_do(wishes["agent"])
    tell(plan.sentence, "info")
    if plan.reads_settings:
        name_unknown_settings()
    stoppable()
    return plan.run()


def release_report(release: str, project: str | None, dry_run: bool, **wishes: Any) -> Any:
    """In a job the project is its own, and so is GitLab; and where a server is named, it may have nothing to do."""
    from bot.entry.cienv import in_gitlab_ci
    from bot.entry.lifeline import stoppable

    is_job = in_gitlab_ci(os.environ)
    if is_job:
        project = project or os.environ.get("CI_PROJECT_PATH")
        os.environ.setdefault("TRIVET_GITLAB__URL", os.environ.get("CI_SERVER_URL", ""))
    if not project:
        raise UsageError(NO_PROJECT)
    settings = given_settings()
    if is_job and (report := _left_to_server(settings, project, release, dry_run=dry_run, **wishes)):
        return report
    from bot.entry.shell import notes_of_release

    stoppable()
    return notes_of_release(settings, project, release, dry_run=dry_run)


def _left_to_server(settings: Any, project: str, release: str, **wishes: Any) -> Any:
    from bot.entry.pipeline import Wishes, left_to_server

    return left_to_server(os.environ, Wishes(agent="pages", **wishes), settings, project, release)


def addressed(url: str) -> tuple[Any, str, int]:
    """What is wrong with the address or the settings is said before anything heavy is imported."""
    settings = given_settings()
    from bot.entry.address import parse_address

    return settings, *parse_address(url, settings.gitlab.url)


def account(report: Any, form: str, reports: Reports, fail_on: str | None = None) -> None:
    """Print what became of a run, write its report files, end with its exit code."""
    from bot.domain.reports import FORMATS as WRITERS
    from bot.entry.verdict import exit_code, write

    show(WRITERS[form](report).removesuffix("\n"))
    for kind, file in reports:
        write(file, WRITERS[kind](report))
    sys.exit(exit_code(report, fail_on))


def answered(report: Any, form: str) -> str:
    """The answer itself, which is Markdown; for a program, and where there is none, the account of the run."""
    from bot.domain.reports import FORMATS as WRITERS

    is_plain = bool(report.answer) and not report.failures and form != "json"
    text: str = report.answer if is_plain else WRITERS[form](report)
    return text.rstrip("\n")
