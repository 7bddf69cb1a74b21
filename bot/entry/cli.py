"""The command line. Every command imports what it needs when it runs, so that `--help` answers at once."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bot import __version__
from bot.errors import PlatformError, TrivetError, UsageError

DONE, FOUND, USAGE, FAILED = 0, 1, 2, 3
EXIT_CODES = (
    "Exit codes: 0 done; 1 findings at or above --fail-on; 2 usage or configuration; 3 a platform failed."
)
BROKEN = "internal error: {name}: {text} (TRIVET_DEBUG=1 shows where)"
SEVERITIES = ("info", "minor", "major", "critical", "blocker")
FORMATS = ("text", "json", "markdown")
REPORTS = ("codequality", "sarif", "json", "markdown", "junit")


class ReportFile(click.ParamType[tuple[str, Path]]):
    """`KIND=FILE`, as in `codequality=gl-code-quality-report.json`."""

    name = "kind=file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        kind, _, file = str(value).partition("=")
        if kind not in REPORTS or not file:
            self.fail(f"{value!r} is not KIND=FILE with KIND one of {', '.join(REPORTS)}", param, ctx)
        return kind, Path(file)


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
@click.option("--port", default=0, show_default="a free one", help="Port of the sandbox page.")
def demo(once: bool, port: int) -> None:
    """The whole loop on a sandbox GitLab, no credentials needed: watch a review appear."""
    from bot.entry.demo import run_demo

    run_demo(once=once, port=port)


@trivet.command(epilog="Example: trivet up")
@click.option("--host", help="Address to listen on (TRIVET_HOST, 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (TRIVET_PORT, 8080).")
def up(host: str | None, port: int | None) -> None:
    """All processes on this machine, with an embedded Redis where TRIVET_REDIS_URL is unset."""
    from bot.entry.up import run_up

    run_up(_settings(host=host, port=port))


@trivet.command(epilog="Example: trivet serve --port 8080")
@click.option("--host", help="Address to listen on (TRIVET_HOST, 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (TRIVET_PORT, 8080).")
def serve(host: str | None, port: int | None) -> None:
    """The receiver: takes webhooks, records them, answers."""
    from bot.entry.serve import run_receiver

    run_receiver(_settings(host=host, port=port))


@trivet.command(epilog="Example: trivet work agents --processes 2")
@click.argument("queue", type=click.Choice(["agents", "effects"]))
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="How many workers."
)
def work(queue: str, processes: int) -> None:
    """A worker: `agents` reads and proposes, `effects` writes what was proposed."""
    from bot.entry.roles import run_worker

    run_worker(_settings(), queue, processes)


@trivet.command(epilog="Example: trivet schedule")
def schedule() -> None:
    """Retries that are due, and the sweep for what no webhook told us."""
    from bot.entry.roles import run_schedule

    run_schedule(_settings())


@trivet.command(epilog="Example: trivet sweep")
def sweep() -> None:
    """One sweep now: queue a review of every merge request that missed one."""
    from bot.entry.roles import run_sweep

    click.echo(f"{run_sweep(_settings())} runs queued")


@trivet.command(epilog=f"Example: trivet review --local --base main --fail-on major\n\n{EXIT_CODES}")
@click.argument("url", required=False, metavar="[MR_URL]")
@click.option("--local", is_flag=True, help="Review this checkout: no GitLab, no token.")
@click.option("--base", metavar="REF", help="With --local: compare with this ref (the default branch).")
@click.option("--dry-run", is_flag=True, help="Read and report, write nothing.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Standard output."
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=ReportFile(),
    help="Also write a report: codequality, sarif, json, markdown or junit=FILE. May be repeated.",
)
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help="Exit 1 when a finding is this severe or worse."
)
def review(
    url: str | None,
    local: bool,
    base: str | None,
    dry_run: bool,
    form: str,
    reports: tuple[tuple[str, Path], ...],
    fail_on: str | None,
) -> None:
    """Review a merge request by its address, or the local checkout with no GitLab at all."""
    if local == bool(url):
        raise UsageError("give either the address of a merge request, or --local to review this checkout")
    if base and not local:
        raise UsageError("--base goes with --local")
    from bot.entry.shell import review_local, review_merge_request, show

    report = (
        review_local(_settings(), base) if local else review_merge_request(_settings(), url or "", dry_run)
    )
    sys.exit(FOUND if show(report, form, reports, fail_on) else DONE)


@trivet.command("propose", hidden=True)
def propose() -> None:
    """The reading half of a review, in a process without the write token: request in, proposal out."""
    from bot.entry.shell import propose_from_stdin

    propose_from_stdin(_settings())


@trivet.group()
def config() -> None:
    """The repository's configuration, .trivet.yml."""


@config.command("check", epilog="Example: trivet config check .trivet.yml")
@click.argument("file", default=".trivet.yml", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say whether a .trivet.yml is right, and if not, where."""
    from bot.domain.repo_config import load

    if not file.is_file():
        raise UsageError(f"{file} does not exist")
    _, complaint = load(file.read_bytes())
    if complaint:
        raise UsageError(complaint)
    click.echo(f"{file} is fine")


@config.command("schema", epilog="Example: trivet config schema > trivet.schema.json")
def schema() -> None:
    """Print the JSON schema of .trivet.yml, for editors."""
    import json

    from bot.domain.repo_config import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


def _settings(**overrides: Any) -> Any:
    from bot.settings import load_settings

    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def main() -> None:
    """The process edge: an error becomes a sentence and an exit code, never a traceback."""
    sys.exit(_outcome(lambda: trivet.main(standalone_mode=False)))


def _outcome(command: Callable[[], object]) -> int:
    try:
        command()
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except PlatformError as error:
        return _complain(error, FAILED)
    except TrivetError as error:
        return _complain(error, USAGE if isinstance(error, UsageError) else FAILED)
    except BrokenPipeError:
        sys.stderr.close()
        return DONE
    except Exception as error:
        if os.environ.get("TRIVET_DEBUG"):
            raise
        return _complain(BROKEN.format(name=type(error).__name__, text=error), FAILED)
    return DONE


def _complain(error: object, code: int) -> int:
    click.echo(f"trivet: {error}", err=True)
    return code
