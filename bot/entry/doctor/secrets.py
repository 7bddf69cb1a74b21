"""The secrets that this environment holds: enough for which processes, usable, and readable by whom."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bot.entry import credentials as names
from bot.entry.credentials import RECEIVING, check_hooks
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.reading import READABLE, TOPIC
from bot.entry.doctor.roles import able, lacking, makes_marks
from bot.entry.doctor.sentences import taken_apart
from bot.errors import UsageError
from bot.settings import NO_MARKS, NO_READ_TOKEN, NO_TOKEN, Settings
from bot.settings.data_folder import kept_secret
from bot.settings.files import secret_files
from bot.settings.names import SECRETS_DIR

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
HOOKS_WRONG_CURE = (
    "take a new one (`openssl rand -hex 32`; a signing token of GitLab's is whsec_ and `openssl rand -base64 32`) "
    "and give it to the platform's webhook as well"
)
MARKS = "{count} set: the first signs, all are accepted"
MADE = "`trivet up` makes one in the data folder at its first start"
KEPT = "the one that `trivet up` made in the data folder"
UNREADABLE = "{file} cannot be read: {reason}"
FILES = "{count} in {folder}"
OPEN = "{files} in {folder} can be read by every user of this machine"
OPEN_CURE = "take that right away: chmod o-r"
SHOWN: Final = 3
WHY: Final = {
    names.WRITE: NO_TOKEN,
    names.READ: NO_READ_TOKEN,
    names.MARKS: NO_MARKS,
}

PLATFORMS: Final = {"gitlab": "GitLab", "jira": "Jira", "confluence": "Confluence"}
OF_A_CONTAINER: Final = Path("/run/secrets")  # docs.docker.com/compose/how-tos/use-secrets


def secret_checks(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Whose secrets there are and what is wrong with them. No line holds one."""
    if settings.gitlab.url:
        yield _roles(settings, environ)
    for platform in PLATFORMS:
        if getattr(settings, platform).webhook_secrets:
            yield _hooks(settings, platform)
    yield from _marks(settings)
    if environ.get(SECRETS_DIR):
        yield _files(environ)


def _roles(settings: Settings, environ: Mapping[str, str]) -> Check:
    lacks, working = lacking(settings, environ), ", ".join(able(settings, environ))
    missing = {name for ones in lacks.values() for name in ones}
    if not missing:
        return fine(TOPIC, "secrets", ENOUGH.format(roles=working))
    said = (SOME if working else NONE).format(roles=working, missing=_by_name(lacks))
    if working and missing <= RECEIVING:
        return note(TOPIC, "secrets", said, HOOKS_CURE)
    if working and settings.redis_url:
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
    elif makes_marks(settings):
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
    folder, files = Path(environ[SECRETS_DIR]), secret_files(environ)
    open_ones = _open(folder, files)
    if not open_ones:
        return fine(TOPIC, "secret files", FILES.format(count=len(files), folder=folder))
    shown = ", ".join(open_ones[:SHOWN]) + (" …" if len(open_ones) > SHOWN else "")
    return note(TOPIC, "secret files", OPEN.format(files=shown, folder=folder), OPEN_CURE)


def _open(folder: Path, files: list[Path]) -> list[str]:
    """Those that everybody may read, in a folder that everybody may enter.

    A container has no other users; and what is somebody else's file is open so that we can read it, not ours to close.
    """
    if folder == OF_A_CONTAINER or not _allows(folder, stat.S_IXOTH):
        return []
    return [file.name for file in files if _is_ours(file) and _allows(file, stat.S_IROTH)]


def _is_ours(path: Path) -> bool:
    return path.stat().st_uid == os.getuid()


def _allows(path: Path, right: int) -> bool:
    return bool(path.stat().st_mode & right)
