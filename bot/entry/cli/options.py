"""Options that several commands have, their values, and what their help says of exit codes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

EXIT_CODES = (
    "Exit codes: 0 done; 1 findings at or above --fail-on, whatever else failed; 2 usage or configuration; "
    "3 a platform or a model failed."
)
READING_CODES = "Exit codes: 0 done; 2 usage or configuration; 3 a platform or a model failed."
MODES = ("auto", "server", "direct", "report")
WORK_MODES = ("auto", "server", "direct")
FORMATS = ("text", "json", "markdown")
WORK_REPORTS = ("json", "markdown")

NOT_A_REPORT = "{value!r} is not KIND=FILE with KIND one of {kinds}"
NO_FOLDER = "the folder of {file} does not exist: make it first"
NO_FILE = "{file} cannot be written"


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


timeout_option = click.option(
    "--timeout",
    "minutes",
    metavar="MINUTES",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="In a CI job: how long to wait for the server.",
)
server_option = click.option(
    "--server", metavar="URL", help="In a CI job: the company's Trivet (TRIVET_SERVER)."
)


def in_a_job(modes: tuple[str, ...]) -> Callable[[Command], Command]:
    """The options of an agent that a GitLab CI job calls."""

    def with_options(command: Command) -> Command:
        return _mode_option(modes)(server_option(timeout_option(command)))

    return with_options


def _mode_option(modes: tuple[str, ...]) -> Callable[[Command], Command]:
    said = "ask a server, do it here, or only report" if "report" in modes else "ask a server, or do it here"
    return click.option(
        "--mode",
        type=click.Choice(modes),
        default="auto",
        show_default=True,
        help=f"In a CI job: {said}.",
    )
