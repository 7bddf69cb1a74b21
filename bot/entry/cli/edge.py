"""The process edge: whatever becomes of a command is a sentence and an exit code, never a traceback."""

import os
from collections.abc import Callable

import click

from bot.entry.cli.told import tell
from bot.errors import TrivetError, UsageError

DONE, USAGE, FAILED, STOPPED = 0, 2, 3, 130
BROKEN = "internal error: {name}: {text} (TRIVET_DEBUG=1 shows where)"


def outcome(command: Callable[[], object]) -> int:
    """The exit code; why it is not 0 is told."""
    try:
        command()
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return complain("stopped", STOPPED)
    except TrivetError as error:
        return complain(error, USAGE if isinstance(error, UsageError) else FAILED)
    except OSError as error:
        return complain(f"{error.filename or 'standard output'}: {error.strerror}", FAILED)
    except Exception as error:  # noqa: BLE001 - the edge of the process
        if os.environ.get("TRIVET_DEBUG"):
            tell(_traceback(), "error")
        _report_defect(error)
        return complain(BROKEN.format(name=type(error).__name__, text=error), FAILED)
    return DONE


def complain(error: object, code: int) -> int:
    tell(str(error), "error")
    return code


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def _report_defect(error: Exception) -> None:
    from bot.entry.error_tracking import report_error

    report_error(error)
