"""What Trivet runs on: its own version and those of what it needs, git, and the folder it keeps its data in."""

import os
import platform
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from bot import __version__
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.sentences import taken_apart
from bot.errors import UsageError
from bot.settings import Settings
from bot.settings.data_folder import own_folder

TOPIC: Final = "Machine"
DISTRIBUTION: Final = "trivet"
OLDEST_GIT: Final = (2, 31)  # `rev-parse --path-format` came with it (git's RelNotes/2.31.0)
GIT_SECONDS: Final = 5
REPOSITORIES: Final = "repositories"  # bot/entry/wiring.py
ROOMY: Final = 6_000_000_000  # bytes: the copies of repositories take five at most, the rest is little
ROOMY_PERCENT: Final = 80  # of a smaller volume: the copies take three fifths of it
CRAMPED: Final = 200_000_000

VERSION = "{version}, on Python {python}"
LIBRARIES = "{count} libraries as this version needs them"
NOT_INSTALLED = "this Trivet runs from its sources: which libraries it needs is not recorded"
MISFITS = "not what this version needs: {misfits}"
MISFIT = "{name} {found} ({wanted})"
INSTALL = "install Trivet anew, with its lock file: `pip install -r requirements.lock`"
NO_GIT = "git cannot be run: {reason}"
NO_GIT_CURE = "install git {oldest} or newer: agents read repositories with it"
OLD_GIT = "git {found} is too old"
FOLDER = "{folder}, {room} free"
TO_BE_MADE = "{folder} will be made at the first start, {room} free"
OPEN_FOLDER = "{folder} can be read by other users of this machine"
OPEN_FOLDER_CURE = "close it: `chmod 700 {folder}`; it holds copies of repositories"
LITTLE_ROOM = "{folder} has only {room} free"
LITTLE_ROOM_CURE = (
    "make room, or choose a larger volume with TRIVET_DATA_DIR: repositories are copied there, up to 5 GB"
)
CLOSED = "the data folder {folder} cannot be made in {parent}"
CLOSED_CURE = "choose another with TRIVET_DATA_DIR"


def machine_checks(settings: Settings | None) -> Iterator[Check]:
    """`settings`: None where they cannot be read; what needs none of them is looked at all the same."""
    yield fine(TOPIC, "Trivet", VERSION.format(version=__version__, python=platform.python_version()))
    yield _libraries()
    yield _git()
    if settings:
        yield from _data_folder(settings.data_dir, is_everything_here=not settings.redis_url)


def _libraries() -> Check:
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return note(TOPIC, "libraries", NOT_INSTALLED)
    needed = [one for one in map(Requirement, lines) if not one.marker or one.marker.evaluate({"extra": ""})]
    misfits = [said for one in needed if (said := _misfit(one))]
    if misfits:
        return wrong(TOPIC, "libraries", MISFITS.format(misfits=", ".join(misfits)), INSTALL)
    return fine(TOPIC, "libraries", LIBRARIES.format(count=len(needed)))


def _misfit(needed: Requirement) -> str:
    """What is installed in place of what is needed; "" where it fits."""
    try:
        found = metadata.version(needed.name)
    except metadata.PackageNotFoundError:
        return MISFIT.format(name=needed.name, found="is missing", wanted=needed.specifier)
    if needed.specifier.contains(found, prereleases=True):
        return ""
    return MISFIT.format(name=needed.name, found=found, wanted=needed.specifier)


def _git() -> Check:
    cure = NO_GIT_CURE.format(oldest=".".join(map(str, OLDEST_GIT)))
    try:
        said = subprocess.run(
            ["git", "--version"],  # noqa: S607 - whichever git the agents would find
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return wrong(TOPIC, "git", NO_GIT.format(reason=error), cure)
    found = re.search(r"(\d+)\.(\d+)[.\d]*", said)
    if found and (int(found[1]), int(found[2])) >= OLDEST_GIT:
        return fine(TOPIC, "git", found[0])
    return wrong(TOPIC, "git", OLD_GIT.format(found=found[0] if found else said.strip()), cure)


def _data_folder(folder: Path, *, is_everything_here: bool) -> Iterator[Check]:
    """Where only agents need room, that is looked at where they are, which their copies of repositories show."""
    if not folder.exists():
        yield _to_be_made(folder)
        return
    try:
        own_folder(folder)
    except UsageError as error:
        yield wrong(TOPIC, "data folder", *taken_apart(error, CLOSED_CURE), is_setting=True)
        return
    if is_everything_here or (folder / REPOSITORIES).is_dir():
        yield _room(folder)
    else:
        yield fine(TOPIC, "data folder", FOLDER.format(folder=folder, room=_free(folder)))
    if folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield note(
            TOPIC,
            "data folder",
            OPEN_FOLDER.format(folder=folder),
            OPEN_FOLDER_CURE.format(folder=folder),
        )


def _to_be_made(folder: Path) -> Check:
    """Nothing is made by looking."""
    parent = next(one for one in folder.parents if one.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        said = CLOSED.format(folder=folder, parent=parent)
        return wrong(TOPIC, "data folder", said, CLOSED_CURE, is_setting=True)
    return fine(TOPIC, "data folder", TO_BE_MADE.format(folder=folder, room=_free(parent)))


def _room(folder: Path) -> Check:
    """The copies that are there already make room for others."""
    usage = shutil.disk_usage(folder)
    said = LITTLE_ROOM.format(folder=folder, room=size(usage.free))
    if usage.free < CRAMPED:
        return wrong(TOPIC, "data folder", said, LITTLE_ROOM_CURE)
    if usage.free + _taken(folder / REPOSITORIES) < min(ROOMY, usage.total * ROOMY_PERCENT // 100):
        return note(TOPIC, "data folder", said, LITTLE_ROOM_CURE)
    return fine(TOPIC, "data folder", FOLDER.format(folder=folder, room=_free(folder)))


def _taken(folder: Path) -> int:
    """Bytes of all files in it."""
    taken = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # git moves its files while it works
                taken += os.lstat(os.path.join(place, file)).st_size
    return taken


def _free(folder: Path) -> str:
    return size(shutil.disk_usage(folder).free)


def size(count: float) -> str:
    """Bytes in words: "12.3 GB"."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
