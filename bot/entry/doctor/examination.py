"""Everything that is looked at, in the order in which one thing needs the other; then the account of it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import click

from bot.domain.rules import Rules
from bot.domain.secrets import Redactor
from bot.entry.credentials import SECRETS, secret_values
from bot.entry.doctor.check import Check
from bot.entry.doctor.database import database_checks
from bot.entry.doctor.looking import Look, looked
from bot.entry.doctor.machine import machine_checks
from bot.entry.doctor.models import import_sdks, model_checks
from bot.entry.doctor.printing import Page, in_json
from bot.entry.doctor.processes import process_checks
from bot.entry.doctor.reading import TOPIC, read_settings
from bot.entry.doctor.redis import redis_checks
from bot.entry.doctor.secrets import lacking, secret_checks
from bot.entry.doctor.settings import all_usable, settings_checks, usable_rules
from bot.entry.logs import ERRORS, start_logging
from bot.entry.progress import Progress
from bot.errors import UsageError
from bot.llm.providers import default_specs
from bot.settings import CONNECT_TOKEN, Settings, provider_environment

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
        rules = usable_rules(settings)
        looks = [*_own(settings, problems, environ), *looks, *_others(settings, rules, environ)]
    topics = dict.fromkeys(look.topic for look in looks)
    say(LOOKING.format(topics=", ".join(topics)))
    return [*problems, *looked(looks, SECONDS)]


def _own(settings: Settings, problems: list[Check], environ: Mapping[str, str]) -> Iterator[Look]:
    if not problems:
        yield Look(TOPIC, lambda: [all_usable(environ)])
    yield Look(TOPIC, partial(settings_checks, settings, environ))
    yield Look(TOPIC, partial(secret_checks, settings, environ))


def _others(settings: Settings, rules: Rules, environ: Mapping[str, str]) -> Iterator[Look]:
    """What is asked of others. Database and models are told to agents alone: elsewhere they may well be unset."""
    with_keys = provider_environment(environ)
    is_for_agents = not lacking(settings)["agents"]
    yield Look("Redis", partial(redis_checks, settings))
    if is_for_agents or settings.database_url:
        yield Look("Database", partial(database_checks, settings))
    if is_for_agents or settings.models or default_specs(with_keys):
        import_sdks(settings, with_keys)
        yield Look("Models", partial(model_checks, settings, with_keys))
    yield Look("Processes", partial(process_checks, settings))
    yield from _platforms(settings, rules)


def _platforms(settings: Settings, rules: Rules) -> Iterator[Look]:
    """Their clients are imported here, one after the other: they share libraries, which threads would race for."""
    if settings.gitlab.url:
        from bot.entry.doctor.gitlab import gitlab_checks

        yield Look("GitLab", partial(gitlab_checks, settings))
    if settings.jira.url:
        from bot.entry.doctor.jira import jira_checks

        yield Look("Jira", partial(jira_checks, settings, rules))
    if settings.confluence.url:
        from bot.entry.doctor.confluence import confluence_checks

        yield Look("Confluence", partial(confluence_checks, settings, rules))


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
    """Also those in settings that are wrong, and in files of which one cannot be read."""
    plain = [value for name in (*SECRETS, CONNECT_TOKEN) if (value := environ.get(name))]
    try:
        known = [*secret_values(environ), *(settings.own_secrets() if settings else [])]
    except (UsageError, OSError):
        known = []
    return [*plain, *known]
