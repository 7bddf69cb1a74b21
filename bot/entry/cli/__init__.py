"""The command line. Every command imports what it needs when it runs, so that `--help` answers at once."""

import sys

import click

from bot import __version__
from bot.entry.cli.agents import ask, findings, link, pages, review, triage
from bot.entry.cli.edge import outcome
from bot.entry.cli.options import EXIT_CODES
from bot.entry.cli.processes import demo, health, propose, schedule, serve, sweep, up, web, work
from bot.entry.cli.setup import config, connect, doctor, evaluate

COMMANDS = (
    *(review, link, pages, triage, findings, ask),
    *(demo, up, serve, web, work, schedule, sweep, health, propose),
    *(connect, doctor, config, evaluate),
)


@click.group(
    commands=COMMANDS,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="trivet")
def trivet() -> None:
    """A bot for GitLab, Jira and Confluence: it reviews merge requests, on the right line, once.

    Try it without any credentials: `trivet demo`.
    """


def main() -> None:
    """Of the process; what a stream cannot show is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(outcome(lambda: trivet.main(prog_name="trivet", standalone_mode=False)))
