"""The secrets that this environment holds: enough for which processes, usable, and readable by whom."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bot.entry import credentials as names
from bot.entry.credentials import HOLDS, RECEIVING, check_hooks
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.reading import READABLE, TOPIC
from bot.entry.doctor.sentences import taken_apart
from bot.errors import UsageError
from bot.settings import (
    NO_MARKS,
    NO_READ_TOKEN,
    NO_TOKEN,
    SECRETS_DIR,
    Settings,
    kept_secret,
    secret_files,
)

KEPT_MARKS: Final = "mark-secret"

ENOUGH = "enough for every process: {roles}"
SOME = "enough for {roles}; missing: {missing}"
NONE = "enough for no process; missing: {missing}"
SOME_CURE = "right where each process has secrets of its own; where all run here, set these, too"
HOOKS_CURE = (
    "without a webhook secret deliveries are refused and only the sweep finds work: "
    "`openssl rand -hex 32` makes one"
)
SET = "set {name}: {why}"
HOOKS = "{count} for deliveries of {platform}"
HOOKS_WRONG_CURE = "take a new one (`openssl rand -hex 32`) and give it to the platform's webhook as well"
MARKS = "{count} set: the first signs, all are accepted"
MADE = "`trivet up` makes one in the data folder at its first start"
KEPT = "the one that `trivet up` made in the data folder"
UNREADABLE = "{file} cannot be read: {reason}"
FILES = "{count} in {folder}, for their owner only"
OPEN = "{files} in {folder} can be read by every user of this machine"
OPEN_CURE = "take that right away: chmod o-r, in Kubernetes defaultMode 0440"
SHOWN: Final = 3
WHY: Final = {
    names.WRITE: NO_TOKEN,
    names.READ: NO_READ_TOKEN,
    names.MARKS: NO_MARKS,
}

PLATFORMS: Final = {"gitlab": "GitLab", "jira": "Jira", "confluence": "Confluence"}
OF_PLATFORM: Final = {
    "gitlab": frozenset({names.WRITE, names.READ, names.HOOKS}),
    "jira": frozenset({names.JIRA_WRITE, names.JIRA_READ, names.JIRA_HOOKS}),
    "confluence": frozenset({names.CONFLUENCE_WRITE, names.CONFLUENCE_READ, names.CONFLUENCE_HOOKS}),
}


def secret_checks(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Whose secrets there are and what is wrong with them. No line holds one."""
    if settings.gitlab.url:
        yield _roles(settings)
    for platform in PLATFORMS:
        if getattr(settings, platform).webhook_secrets:
            yield _hooks(settings, platform)
    yield from _marks(settings)
    if environ.get(SECRETS_DIR):
        yield _files(environ)


def lacking(settings: Settings) -> dict[str, list[str]]:
    """The names of the secrets that each process needs for the platforms there are, and that are not set here."""
    needed = set() if _makes_marks(settings) else {names.MARKS}
    for platform, of_platform in OF_PLATFORM.items():
        needed |= of_platform if getattr(settings, platform).url else set()
    missing = needed - _held(settings)
    return {role: sorted(missing & own) for role, own in HOLDS.items()}


def _held(settings: Settings) -> set[str]:
    """A reading token falls back to the one that writes, as it does in the processes."""
    gitlab, jira, confluence = settings.gitlab, settings.jira, settings.confluence
    values: dict[str, object] = {
        names.WRITE: gitlab.token,
        names.READ: gitlab.reader,
        names.HOOKS: gitlab.webhook_secrets,
        names.JIRA_WRITE: jira.token,
        names.JIRA_READ: jira.reader[1],
        names.JIRA_HOOKS: jira.webhook_secrets,
        names.CONFLUENCE_WRITE: confluence.token,
        names.CONFLUENCE_READ: confluence.reader[1],
        names.CONFLUENCE_HOOKS: confluence.webhook_secrets,
        names.MARKS: settings.mark_secrets,
    }
    return {name for name, value in values.items() if value}


def _makes_marks(settings: Settings) -> bool:
    """`trivet up` on its own Redis is one machine, where a secret of its own does."""
    return not settings.redis_url


def _roles(settings: Settings) -> Check:
    lacks = lacking(settings)
    able = ", ".join(role for role, names_missing in lacks.items() if not names_missing)
    missing = {name for ones in lacks.values() for name in ones}
    if not missing:
        return fine(TOPIC, "secrets", ENOUGH.format(roles=able))
    said = (SOME if able else NONE).format(roles=able, missing=_by_name(lacks))
    if able and missing <= RECEIVING:
        return note(TOPIC, "secrets", said, HOOKS_CURE)
    if able and settings.redis_url:
        return note(TOPIC, "secrets", said, SOME_CURE)
    return wrong(TOPIC, "secrets", said, _first_cure(missing), is_setting=True)


def _by_name(lacks: Mapping[str, list[str]]) -> str:
    """Each secret that is missing, with the processes that need it."""
    missing = sorted({name for ones in lacks.values() for name in ones})
    roles = {name: ", ".join(role for role, ones in lacks.items() if name in ones) for name in missing}
    return ", ".join(f"{name} ({needed_by})" for name, needed_by in roles.items())


def _first_cure(missing: set[str]) -> str:
    known = next((name for name in WHY if name in missing), None)
    return SET.format(name=known, why=taken_apart(WHY[known], "")[1]) if known else SOME_CURE


def _hooks(settings: Settings, platform: str) -> Check:
    """Of this platform alone: the first unusable secret is named."""
    others = {name: type(getattr(settings, name))() for name in PLATFORMS if name != platform}
    try:
        check_hooks(settings.model_copy(update=others))
    except UsageError as error:
        return wrong(TOPIC, "webhook secrets", str(error), HOOKS_WRONG_CURE, is_setting=True)
    count = len(getattr(settings, platform).webhook_secrets)
    return fine(TOPIC, "webhook secrets", HOOKS.format(count=count, platform=PLATFORMS[platform]))


def _marks(settings: Settings) -> Iterator[Check]:
    if settings.mark_secrets:
        yield fine(TOPIC, "mark secrets", MARKS.format(count=len(settings.mark_secrets)))
    elif _makes_marks(settings):
        yield _kept_marks(settings.data_dir)


def _kept_marks(folder: Path) -> Check:
    if not (folder / KEPT_MARKS).exists():
        return fine(TOPIC, "mark secrets", MADE)
    try:
        kept_secret(folder, KEPT_MARKS)
    except UsageError as error:
        return wrong(TOPIC, "mark secrets", *taken_apart(error, ""))
    except OSError as error:
        said = UNREADABLE.format(file=folder / KEPT_MARKS, reason=error.strerror)
        return wrong(TOPIC, "mark secrets", said, READABLE)
    return fine(TOPIC, "mark secrets", KEPT)


def _files(environ: Mapping[str, str]) -> Check:
    """Files that everybody may read, in a folder that everybody may enter."""
    folder, files = Path(environ[SECRETS_DIR]), secret_files(environ)
    if not _allows(folder, stat.S_IXOTH):
        return fine(TOPIC, "secret files", FILES.format(count=len(files), folder=folder))
    open_ones = [file.name for file in files if _allows(file, stat.S_IROTH)]
    if not open_ones:
        return fine(TOPIC, "secret files", FILES.format(count=len(files), folder=folder))
    shown = ", ".join(open_ones[:SHOWN]) + (" …" if len(open_ones) > SHOWN else "")
    return note(TOPIC, "secret files", OPEN.format(files=shown, folder=folder), OPEN_CURE)


def _allows(path: Path, right: int) -> bool:
    return bool(path.stat().st_mode & right)
