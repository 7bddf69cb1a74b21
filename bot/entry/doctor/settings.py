"""What the settings say, taken together: which platforms there are, what they allow, what is missing."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from bot.domain.rules import Rules
from bot.entry.cienv import OF_A_JOB
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.reading import TOPIC
from bot.entry.doctor.sentences import taken_apart
from bot.entry.error_tracking import NOT_DSN
from bot.entry.rules_file import read_rules
from bot.errors import UsageError
from bot.settings import NO_GITLAB, NO_PUBLIC_URL, Settings, given
from bot.settings.spelling import unknown_settings

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
LOGS: Final = {
    "json": "one JSON object a line",
    "human": "lines for people",
    None: "lines for people on a terminal, else one JSON object a line",
}

GIVEN = "{count} given, all usable"
NOT_READ_CURE = "correct the name, or take it away"
ABSENT = "{present}; no {absent}"
NO_PROJECTS = "TRIVET_GITLAB__PROJECTS is not set: no project is allowed, so that nothing is reviewed"
NO_PROJECTS_CURE = "name the projects, as paths or globs: TRIVET_GITLAB__PROJECTS=group/**"
SET_IT = "set it: {why}"
PLAIN = "{url} is not encrypted: tokens and webhook secrets can be read on their way"
PLAIN_CURE = "put a proxy with TLS in front, and set TRIVET_PUBLIC_URL to its https address"
RULES = "{jira} for Jira, {spaces} for spaces"
NO_RULES = "TRIVET_RULES is not set: no issue starts anything, and no text goes from one platform to another"
NEEDS_NO_RULES = "none, and without Jira and Confluence none is needed"
NO_RULES_CURE = "name a rules file in TRIVET_RULES which ties Jira projects and spaces to GitLab projects"
REPORTED = "those that nobody foresaw are told to {host}"
RULES_CURE = "correct the file that TRIVET_RULES names"


def settings_checks(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Everything that the settings alone tell."""
    yield from _unknown(environ)
    yield _platforms(settings)
    if settings.gitlab.url:
        yield _projects(settings)
    yield _public_url(settings)
    yield _rules(settings)
    yield fine(TOPIC, "logs", LOGS[settings.log_format])
    if settings.sentry_dsn:
        yield _errors(settings.sentry_dsn.get_secret_value())


def all_usable(environ: Mapping[str, str]) -> Check:
    return fine(TOPIC, "values", GIVEN.format(count=len(given(environ))))


def usable_rules(settings: Settings) -> Rules:
    """The operator's rules; none where the file is wrong, which has a line of its own."""
    try:
        return read_rules(settings.rules)
    except UsageError:
        return Rules()


def _unknown(environ: Mapping[str, str]) -> Iterator[Check]:
    own = {name: value for name, value in environ.items() if name not in OF_A_JOB}
    for sentence in unknown_settings(own):
        said, cure = taken_apart(sentence, NOT_READ_CURE)
        name, _, rest = said.partition(" ")
        yield note(TOPIC, name, rest, cure)


def _platforms(settings: Settings) -> Check:
    if not settings.gitlab.url:
        return wrong(TOPIC, "platforms", *taken_apart(NO_GITLAB, ""), is_setting=True)
    urls = {"GitLab": settings.gitlab.url, "Jira": settings.jira.url, "Confluence": settings.confluence.url}
    present = " and ".join(name for name, url in urls.items() if url)
    absent = " and no ".join(name for name, url in urls.items() if not url)
    return fine(TOPIC, "platforms", ABSENT.format(present=present, absent=absent) if absent else present)


def _projects(settings: Settings) -> Check:
    if not settings.gitlab.projects:
        return wrong(TOPIC, "projects", NO_PROJECTS, NO_PROJECTS_CURE, is_setting=True)
    return fine(TOPIC, "projects", ", ".join(settings.gitlab.projects))


def _public_url(settings: Settings) -> Check:
    url = settings.public_url
    if not url:
        said, why = taken_apart(NO_PUBLIC_URL, "")
        return note(TOPIC, "our address", said, SET_IT.format(why=why))
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return note(TOPIC, "our address", PLAIN.format(url=url), PLAIN_CURE)
    return fine(TOPIC, "our address", url)


def _errors(dsn: str) -> Check:
    from sentry_sdk.utils import BadDsn, Dsn

    try:
        host = Dsn(dsn).host
    except (BadDsn, ValueError):  # of a port that is none
        return wrong(TOPIC, "errors", *taken_apart(NOT_DSN, ""), is_setting=True)
    return fine(TOPIC, "errors", REPORTED.format(host=host))


def _rules(settings: Settings) -> Check:
    try:
        rules = read_rules(settings.rules)
    except UsageError as error:
        return wrong(TOPIC, "rules", str(error), RULES_CURE, is_setting=True)
    if settings.rules:
        return fine(TOPIC, "rules", RULES.format(jira=len(rules.jira), spaces=len(rules.spaces)))
    if settings.jira.url or settings.confluence.url:
        return note(TOPIC, "rules", NO_RULES, NO_RULES_CURE)
    return fine(TOPIC, "rules", NEEDS_NO_RULES)
