"""Which process holds which secret: the one who reads people's text cannot write, the one who writes asks no model."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from bot.errors import UsageError
from bot.settings import Settings, environment, given, known_settings
from bot.settings.addresses import key_of, password_of
from bot.settings.names import CONNECT_TOKEN, PREFIX, PROVIDER_KEYS, SECRETS_DIR
from bot.sources.signatures import check_plain_secret, check_secret

WRITE: Final = "TRIVET_GITLAB__TOKEN"
READ: Final = "TRIVET_GITLAB__READ_TOKEN"
HOOKS: Final = "TRIVET_GITLAB__WEBHOOK_SECRETS"
JIRA_WRITE: Final = "TRIVET_JIRA__TOKEN"
JIRA_READ: Final = "TRIVET_JIRA__READ_TOKEN"
JIRA_HOOKS: Final = "TRIVET_JIRA__WEBHOOK_SECRETS"
CONFLUENCE_WRITE: Final = "TRIVET_CONFLUENCE__TOKEN"
CONFLUENCE_READ: Final = "TRIVET_CONFLUENCE__READ_TOKEN"
CONFLUENCE_HOOKS: Final = "TRIVET_CONFLUENCE__WEBHOOK_SECRETS"
MARKS: Final = "TRIVET_MARK_SECRETS"
DATABASE: Final = "TRIVET_DATABASE_URL"
WRITING: Final = frozenset({WRITE, JIRA_WRITE, CONFLUENCE_WRITE})
READING: Final = frozenset({READ, JIRA_READ, CONFLUENCE_READ})
RECEIVING: Final = frozenset({HOOKS, JIRA_HOOKS, CONFLUENCE_HOOKS})
SECRETS: Final = WRITING | READING | RECEIVING | {MARKS, DATABASE, *PROVIDER_KEYS}
REDIS: Final = "TRIVET_REDIS_URL"
SENTRY: Final = "TRIVET_SENTRY_DSN"
OPEN: Final = frozenset({SENTRY, CONNECT_TOKEN})  # secrets too, that belong to no role alone
FALLBACKS: Final[Mapping[str, str]] = {
    READ: WRITE,
    JIRA_READ: JIRA_WRITE,
    CONFLUENCE_READ: CONFLUENCE_WRITE,
}

# The secrets of each process; every other setting is for all of them.
HOLDS: Final[Mapping[str, frozenset[str]]] = {
    "serve": RECEIVING,
    "web": frozenset({READ}),
    "agents": READING | {MARKS, DATABASE, *PROVIDER_KEYS},
    "effects": WRITING | {MARKS},
    "schedule": READING,
}
SHORTEST: Final = 8  # characters: anything shorter may stand in a variable by chance

UNMISTAKABLE: Final = 16  # characters: no path or name holds such a secret by chance

Source = TypeVar("Source")


def stripped(environ: Mapping[str, str], role: str) -> dict[str, str]:
    """The environment for a process of this role, secret files read into it: what other roles hold is not in it."""
    mine = _shared(environ, role) | held(environment(environ), role)
    return _without_copies(mine, _foreign(environ, mine))


def split(environ: Mapping[str, str], role: str, folder: Path) -> dict[str, str]:
    """The same, with secrets that are files left in files: `folder` gets links to the role's own."""
    sources = held(given(environ), role)
    texts = {name: source for name, source in sources.items() if isinstance(source, str)}
    files = {name: source for name, source in sources.items() if isinstance(source, Path)}
    mine = _shared(environ, role) | texts
    if SECRETS_DIR in environ:
        expected = _expected(Path(environ[SECRETS_DIR]).absolute(), role)
        mine[SECRETS_DIR] = str(_linked(folder, expected | files))
    return _without_copies(mine, _foreign(environ, stripped(environ, role)))


def held(sources: Mapping[str, Source], role: str) -> dict[str, Source]:
    """What of these settings a role may have. A token that serves for both, readers get under the reading name."""
    all_of_them = dict(sources)
    for reading, writing in FALLBACKS.items():
        if reading not in all_of_them and writing in all_of_them:
            all_of_them[reading] = all_of_them[writing]
    gone = SECRETS - HOLDS[role]
    return {name: source for name, source in all_of_them.items() if name not in gone}


def check_hooks(settings: Settings) -> None:
    """Raises UsageError for a webhook secret that no delivery could ever match."""
    for name, secrets, problem_of in (
        (HOOKS, settings.gitlab.webhook_secrets, check_secret),
        (JIRA_HOOKS, settings.jira.webhook_secrets, check_plain_secret),
        (CONFLUENCE_HOOKS, settings.confluence.webhook_secrets, check_plain_secret),
    ):
        problems = (problem_of(secret.get_secret_value()) for secret in secrets)
        if problem := next(filter(None, problems), None):
            raise UsageError(f"{name}: {problem}")


def secret_values(environ: Mapping[str, str]) -> list[str]:
    """Every secret that is given, for redaction; of a list each one."""
    values = {**environ, **environment(environ)}
    named = [
        part for name, value in values.items() if name.upper() in SECRETS | OPEN for part in value.split(",")
    ]
    addresses = [values[name] for name in (REDIS, DATABASE) if name in values]
    return [
        *named,
        *filter(None, map(password_of, addresses)),
        *filter(None, [key_of(values.get(SENTRY, ""))]),
    ]


def _shared(environ: Mapping[str, str], role: str) -> dict[str, str]:
    """What is not a setting of ours, provider keys only for who holds them."""
    gone = SECRETS - HOLDS[role]
    return {
        name: value
        for name, value in environ.items()
        if name not in gone and not name.upper().startswith(PREFIX)
    }


def _foreign(environ: Mapping[str, str], mine: Mapping[str, str]) -> set[str]:
    """The values of the secrets that are not for this process."""
    own = set(secret_values(mine))
    return {value for value in secret_values(environ) if len(value) >= SHORTEST} - own


def _without_copies(environ: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """Without the variables that hold such a secret under another name, a CI job's `GITLAB_TOKEN` say.

    Settings of ours stay, whatever they hold: which of them a role may have is decided by name. A short secret may
    stand in a path by chance, so only a variable that is nothing else goes.
    """
    gone = tuple(secrets)
    return {
        name: value
        for name, value in environ.items()
        if name.upper().startswith(PREFIX) or not any(_is_copy(value, secret) for secret in gone)
    }


def _is_copy(value: str, secret: str) -> bool:
    return secret in value if len(secret) >= UNMISTAKABLE else secret == value


def _expected(folder: Path, role: str) -> dict[str, Path]:
    """Files that may be added while we run: their links lead nowhere until then."""
    return {name: folder / name for name in (known_settings() | set(PROVIDER_KEYS)) - (SECRETS - HOLDS[role])}


def _linked(folder: Path, files: Mapping[str, Path]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    for name, file in files.items():
        os.symlink(file, folder / name)
    return folder
