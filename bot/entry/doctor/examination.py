"""Everything that is looked at, in the order in which one thing needs the other; then the account of it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import click

from bot.domain.secrets import Redactor
from bot.entry.credentials import OPEN, SECRETS, secret_values
from bot.entry.doctor.check import Check
from bot.entry.doctor.database import database_checks
from bot.entry.doctor.looking import Look, looked
from bot.entry.doctor.machine import machine_checks
from bot.entry.doctor.models import import_sdks, model_checks
from bot.entry.doctor.printing import Page, in_json
from bot.entry.doctor.processes import process_checks
from bot.entry.doctor.reading import TOPIC, read_settings
from bot.entry.doctor.redis import redis_checks
from bot.entry.doctor.roles import is_elsewhere
from bot.entry.doctor.secrets import secret_checks
from bot.entry.doctor.settings import all_usable, settings_checks, usable_rules
from bot.entry.logs import ERRORS, start_logging
from bot.entry.progress import Progress
from bot.errors import UsageError
from bot.settings import Settings, provider_environment

SECONDS: Final = 22.0  # for all that is asked of others; a whole run ends well within half a minute
DONE, SETTING_WRONG, WRONG = 0, 2, 3
LOOKING = "looking at {topics}"

Redact = Callable[[str], str]


def run_doctor(*, as_json: bool) -> int:
    """Look at everything and print what was found. The exit code: 0, 2 where a setting is wrong, else 3.

    Works with settings that are wrong and where nothing answers.
    """
    settings, problems = read_settings()
    redact = Redactor(_own_secrets(os.environ, settings)).redact
    start_logging("human", redact, level=ERRORS, role="shell")
    with Progress() as progress:
        found = _examined(settings, problems, os.environ, progress.say)
    checks = [_safe(check, redact) for check in found]
    click.echo(_printed(checks, as_json=as_json), color=_has_colour())
    return exit_code(checks)


def exit_code(checks: Sequence[Check]) -> int:
    wrong = [check for check in checks if check.state == "wrong"]
    if any(check.is_setting for check in wrong):
        return SETTING_WRONG
    return WRONG if wrong else DONE


def _examined(
    settings: Settings | None, problems: list[Check], environ: Mapping[str, str], say: Callable[[str], None]
) -> list[Check]:
    looks = [Look("Machine", partial(machine_checks, settings))]
    if settings:
        looks = [*_own(settings, problems, environ), *looks, *_others(settings, environ)]
    topics = dict.fromkeys(look.topic for look in looks)
    say(LOOKING.format(topics=", ".join(topics)))
    return [*problems, *looked(looks, SECONDS)]


def _own(settings: Settings, problems: list[Check], environ: Mapping[str, str]) -> Iterator[Look]:
    if not problems:
        yield Look(TOPIC, lambda: [all_usable(environ)])
    yield Look(TOPIC, partial(settings_checks, settings, environ))
    yield Look(TOPIC, partial(secret_checks, settings, environ))


def _others(settings: Settings, environ: Mapping[str, str]) -> Iterator[Look]:
    yield Look("Redis", partial(redis_checks, settings))
    yield Look("Database", partial(_database, settings, environ))
    yield Look("Models", partial(_models, settings, environ))
    yield Look("Processes", partial(process_checks, settings))
    if settings.gitlab.url:
        yield Look("GitLab", partial(_gitlab, settings))
    if settings.jira.url:
        yield Look("Jira", partial(_jira, settings))
    if settings.confluence.url:
        yield Look("Confluence", partial(_confluence, settings))


def _database(settings: Settings, environ: Mapping[str, str]) -> Iterable[Check]:
    """Its address is told to agents alone."""
    if is_elsewhere("agents", settings, environ) and not settings.database_url:
        return []
    return database_checks(settings)


def _models(settings: Settings, environ: Mapping[str, str]) -> Iterable[Check]:
    """Their keys are told to agents alone, their names perhaps to all."""
    if is_elsewhere("agents", settings, environ):
        return []
    with_keys = provider_environment(environ)
    import_sdks(settings, with_keys)
    return model_checks(settings, with_keys)


def _gitlab(settings: Settings) -> Iterable[Check]:
    from bot.entry.doctor.gitlab import gitlab_checks

    return gitlab_checks(settings)


def _jira(settings: Settings) -> Iterable[Check]:
    from bot.entry.doctor.jira import jira_checks

    return jira_checks(settings, usable_rules(settings))


def _confluence(settings: Settings) -> Iterable[Check]:
    from bot.entry.doctor.confluence import confluence_checks

    return confluence_checks(settings, usable_rules(settings))


# --- the account ---


def _printed(checks: Sequence[Check], *, as_json: bool) -> str:
    if as_json:
        return in_json(checks)
    width = shutil.get_terminal_size().columns if _is_terminal() else None
    return Page(width, colour=_has_colour()).shown(checks)


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _has_colour() -> bool:
    """NO_COLOR as no-color.org has it: set to anything but nothing."""
    return _is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _safe(check: Check, redact: Redact) -> Check:
    """The last step before anything is shown: no secret, and nothing that moves a terminal's cursor."""
    name, said, cure = (_inert(redact(text)) for text in (check.name, check.said, check.cure))
    return replace(check, name=name, said=said, cure=cure)


def _inert(text: str) -> str:
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


def _own_secrets(environ: Mapping[str, str], settings: Settings | None) -> list[str]:
    """Each source for itself: settings that are wrong, or a file that cannot be read, hide none of the others."""
    sources: list[Callable[[], Iterable[str]]] = [
        lambda: [value for name in SECRETS | OPEN if (value := environ.get(name))],
        lambda: secret_values(environ),
        lambda: settings.own_secrets() if settings else [],
    ]
    found: set[str] = set()
    for source in sources:
        with suppress(UsageError, OSError, ValueError):
            found |= set(source())
    return sorted(found)
