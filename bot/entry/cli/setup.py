"""The commands that set Trivet up: webhooks, checks, the repository's configuration, which model is good enough."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from bot.entry.cli.edge import DONE, FAILED
from bot.entry.cli.given import given_settings
from bot.entry.cli.options import EXIT_CODES, format_option
from bot.entry.cli.told import show
from bot.errors import UsageError

DOCTOR_CODES = "Exit codes: 0 nothing is wrong; 2 a setting is; 3 something else is."
NO_CONFIG = "{file} does not exist; without one the defaults apply (trivet config schema shows them)"
FINE = "{file} is fine"

url_option = click.option(
    "--url", metavar="URL", help="Our own address, as the platform reaches it (TRIVET_PUBLIC_URL)."
)


@click.group(epilog="Example: trivet connect gitlab group/shop")
def connect() -> None:
    """Create or repair webhooks, check tokens, roles and scopes.

    Where the bot's own token may not, give one that may for this call alone: TRIVET_CONNECT_TOKEN, for Atlassian Cloud
    with TRIVET_CONNECT_EMAIL. It is not kept.
    """


@connect.command("gitlab", epilog=f"Example: trivet connect gitlab group/shop\n\n{EXIT_CODES}")
@click.argument("target", metavar="GROUP_OR_PROJECT")
@url_option
def connect_gitlab_command(target: str, url: str | None) -> None:
    """Webhooks of a GitLab project or group, tried with a test event."""
    settings = given_settings()
    from bot.entry.connect.gitlab import connect_gitlab

    sys.exit(connect_gitlab(settings, target, url))


@connect.command("jira", epilog=f"Example: trivet connect jira\n\n{EXIT_CODES}")
@url_option
def connect_jira_command(url: str | None) -> None:
    """The webhook of Jira, or the exact steps to it."""
    settings = given_settings()
    from bot.entry.connect.jira import connect_jira

    sys.exit(connect_jira(settings, url))


@connect.command("confluence", epilog=f"Example: trivet connect confluence\n\n{EXIT_CODES}")
@url_option
def connect_confluence_command(url: str | None) -> None:
    """The webhook of Confluence, or the exact steps to it."""
    settings = given_settings()
    from bot.entry.connect.confluence import connect_confluence

    sys.exit(connect_confluence(settings, url))


@click.command(epilog=f"Example: trivet doctor --json\n\n{DOCTOR_CODES}")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Look at all that Trivet needs; a line each, with the cure.

    Settings, Redis, database, tokens with their roles and scopes, webhooks, models, processes, clocks.
    """
    from bot.entry.doctor.examination import run_doctor

    sys.exit(run_doctor(as_json=as_json))


@click.command(
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
    settings = given_settings(models=None if scripted else model)
    evaluated, writers = _evaluation(what)
    account = evaluated(settings, scripted=scripted, slugs=slugs, runs=runs, parallel=parallel)
    show(writers[form](account).removesuffix("\n"))
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


@click.group(epilog="Example: trivet config check")
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
    show(FINE.format(file=file))


@config.command("schema", epilog="Example: trivet config schema > trivet.schema.json")
def schema() -> None:
    """Print the JSON schema of .trivet.yml, for editors."""
    import json

    from bot.domain.repo_config import json_schema

    show(json.dumps(json_schema(), indent=2))
