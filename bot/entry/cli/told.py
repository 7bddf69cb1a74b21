"""What a command tells: its result on standard output, all else on standard error with secrets covered."""

import os
import sys

import click

from bot.errors import UsageError

LOG_FORMAT = "TRIVET_LOG_FORMAT"


def show(text: str) -> None:
    """To standard output; where nobody reads it any more, as after `| head -1`, what was to be done goes on."""
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(sentence: str, level: str) -> None:
    """On standard error; where the logs are JSON, a process that cannot start says so in their form."""
    as_json = os.environ.get(LOG_FORMAT) == "json"
    click.echo(_log_line(sentence, level) if as_json else f"trivet: {_redacted(sentence)}", err=True)


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
