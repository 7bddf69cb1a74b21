"""The pulse of this container's processes: each touches a file while its loop turns, `health` looks how old they are.

A file is named for one process and holds nothing, so that a full disk stops no pulse: `agents-12-48213` is process 12,
which began 48213 ticks after the machine did. A process that was given the number of a dead one began later, and is
another. Standard library only: health checks start `trivet health` every few seconds.
"""

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# An idle worker's loop turns every 2 s (at most 17 s: worker_ttl), during a job and while Redis is away every 3 to 5 s.
# Three of the longest turns may be missed, so that nobody restarts what was merely slow.
STALE: Final = 60.0  # seconds
EVERY: Final = 1.0  # seconds
DEAD: Final = frozenset("ZX")  # proc(5): a zombie, and one that is going
FINE, FAILED = 0, 3

BEATS = "{role} (process {pid}): its pulse is {age:.0f} s old"
SILENT = (
    "{role} (process {pid}) hangs: its pulse is {age:.0f} s old, more than {limit:.0f} s; "
    "its log says what it did last, a restart loses nothing"
)
NONE = "no process of Trivet has a pulse in {folder}: none runs here, or they have another TMPDIR"
SQUATTED = "{folder} is not a folder that only we can write to: remove it, or set TMPDIR to another folder"
UNREADABLE = "{folder} cannot be read ({reason}): TMPDIR must name a folder that can be written"


class Pulse:
    """The pulse of this process. Whoever it forks has none: a job that runs on says nothing about its worker."""

    def __init__(self, role: str) -> None:
        self._pid = os.getpid()
        self._name = f"{role}-{self._pid}-{_born(self._pid)}"
        self._next = 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether this process has beaten lately, as it sees it itself."""
        return time.monotonic() - (self._next - EVERY) <= STALE

    def beat(self) -> None:
        """At most once a second. Raises nothing: where the file cannot be touched, `health` finds it old or missing."""
        if os.getpid() != self._pid or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        with suppress(OSError):
            (_own_folder() / self._name).touch(mode=0o600)


@dataclass(frozen=True)
class _Sign:
    """What a process left, as its file's name says it."""

    file: Path
    role: str
    pid: int
    born: str

    @property
    def lives(self) -> bool:
        return _born(self.pid) == self.born


def health(now: float | None = None) -> int:
    """Print a line for each process that lives. 0 when all have a pulse; 3 when one has not, or there is none.

    `now`: Unix time. Files of dead processes are removed.
    """
    moment = time.time() if now is None else now
    try:
        found = [_told(sign, moment) for sign in _living()]
    except OSError as error:
        return _said([_reason(error)], FAILED)
    if not found:
        return _said([NONE.format(folder=_folder())], FAILED)
    return _said([line for line, _ in found], FINE if all(beats for _, beats in found) else FAILED)


def tidy() -> None:
    """Take away what this process and dead ones left, and the folder with the last of it."""
    with suppress(OSError):
        for sign in filter(None, map(_sign, _own_folder().iterdir())):
            if sign.pid == os.getpid() or not sign.lives:
                sign.file.unlink(missing_ok=True)
        _folder().rmdir()


def _told(sign: _Sign, now: float) -> tuple[str, bool]:
    """Its line, and whether it has a pulse."""
    age = max(0.0, now - sign.file.stat().st_mtime)
    beats = age <= STALE
    line = (BEATS if beats else SILENT).format(role=sign.role, pid=sign.pid, age=age, limit=STALE)
    return line, beats


def _living() -> Iterator[_Sign]:
    """Those of processes that live, by name. Raises OSError."""
    for sign in filter(None, map(_sign, sorted(_own_folder().iterdir()))):
        if sign.lives:
            yield sign
        else:
            sign.file.unlink(missing_ok=True)


def _sign(file: Path) -> _Sign | None:
    """None for a file of somebody else's."""
    role, _, rest = file.name.partition("-")
    pid, _, born = rest.partition("-")
    return _Sign(file, role, int(pid), born) if pid.isdecimal() and pid.isascii() else None


def _born(pid: int) -> str | None:
    """When a living process began, in ticks since the machine did; "0" where that is not told. None for a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    except FileNotFoundError:
        return _elsewhere(pid)
    except ProcessLookupError:
        return None
    return None if fields[0] in DEAD else fields[19]


def _elsewhere(pid: int) -> str | None:
    """The same on systems without /proc, where a signal that is none says whether a process lives."""
    if sys.platform.startswith("linux"):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    return "0"


def _folder() -> Path:
    """Not `tempfile`'s answer: where the disk is full, that differs between who beats and who looks."""
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"trivet-pulse-{os.getuid()}"  # noqa: S108 - checked below


def _own_folder() -> Path:
    """Made where it is missing. Raises OSError, PermissionError for one in which others could make us a pulse."""
    folder = _folder()
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise PermissionError(SQUATTED.format(folder=folder))
    return folder


def _reason(error: OSError) -> str:
    if error.errno is None:
        return str(error)
    return UNREADABLE.format(folder=_folder(), reason=error.strerror)


def _said(lines: list[str], code: int) -> int:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return code
