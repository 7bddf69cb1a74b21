"""One run of the `git` executable: an environment made from scratch, a deadline, one of our errors.

Configuration goes by `GIT_CONFIG_COUNT` (git 2.31 and newer): it has the rank of the command line, which only the
operator can set, and unlike arguments it is seen by git's own children and not by other users of the machine.
"""

import base64
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable, UsageError

OLDEST = (2, 31)
CHUNK = 262_144  # bytes read from git at once
MAX_ANSWER = 67_108_864  # bytes of one answer held in memory
STALLED_SECONDS = 60  # a transfer slower than one byte a second for this long is given up by git itself
HUGE_FILE = "50m"  # git compares no larger files, it calls them binary

NO_GIT = "git is not installed, or not in PATH"
OLD_GIT = "git {found} is too old: Trivet needs git {oldest} or newer"
TOO_SLOW = "git took more than {seconds:g} s and was stopped"
TOO_MUCH = "git answered with more than {limit:,} bytes"
FAILED = "git {command} failed: {detail}"
DAMAGED_CHECKOUT = "git cannot read this repository: run git fsck in it"
DAMAGE_MARK = "trivet-damaged"
DAMAGED = "the cached copy of a repository is damaged and will be fetched anew"


class Damaged(Unavailable):
    """A repository on disk that git cannot read any more."""


# The words of git's own messages (LANG=C), for the errors a caller tells apart.
DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|error: 40[13]"
)
MISSING = re.compile(
    r"not found|couldn't find remote ref|not our ref|unadvertised object|error: (404|410)"
    r"|does not appear to be a git repository|bad object|Not a valid object name|unknown revision"
)
BROKEN = re.compile(
    r"corrupt|inflate: data stream error|unable to read (tree|sha1|[0-9a-f]{40})|loose object|packfile .* cannot"
    r"|not a git repository|bad config|missing blob|missing tree|could not parse|does not match index"
    r"|index file .* is too small|object file .* is empty|SHA1 COLLISION|garbage at end"
    r"|reference broken|broken ref|cannot lock ref|bad shallow"
)

REDIRECTED = re.compile(r"error: 30\d|redirect")
MEANINGS: Sequence[tuple[re.Pattern[str], type[PlatformError]]] = (
    (DENIED, AccessDenied),
    (BROKEN, Damaged),
    (MISSING, NotFound),
    (REDIRECTED, PlatformError),
)
MAX_DETAIL = 200
NO_REASON = "no reason given"

KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "no_proxy", "NO_PROXY")
PROXIES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")

HARDENED: Sequence[tuple[str, str]] = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("core.gitProxy", "false"),
    ("core.alternateRefsCommand", "false"),
    ("core.bigFileThreshold", HUGE_FILE),
    ("core.quotePath", "true"),
    ("credential.helper", ""),
    ("safe.directory", "*"),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.unpackLimit", "1"),
    ("transfer.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("maintenance.auto", "false"),
    ("diff.external", ""),
    ("diff.suppressBlankEmpty", "false"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", str(STALLED_SECONDS)),
)

ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_PROTOCOL_FROM_USER": "0",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """Where to fetch from. The token stays out of arguments, addresses and `repr`.

    `user`: oauth2 for a person's or a project's token, gitlab-ci-token for a CI job's.
    """

    url: str
    token: str = ""
    user: str = "oauth2"

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def settings(self) -> list[tuple[str, str]]:
        """The token as GitLab takes it from git, Basic with the user, sent to this address' host only."""
        parts = urlsplit(self.url)
        if not self.token or not parts.scheme.startswith("http"):
            return []
        secret = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        return [(f"http.{parts.scheme}://{parts.netloc}/.extraHeader", f"Authorization: Basic {secret}")]

    def hidden(self, text: str) -> str:
        """The text without the token, should a server echo it."""
        for _key, value in self.settings():
            text = text.replace(value.rpartition(" ")[2], "***")
        return text.replace(self.token, "***") if self.token else text


@dataclass(frozen=True, slots=True)
class Git:
    """git on one repository, seen as a bare store of objects: no work tree, no index, no attributes of its files.

    `folder` is the git directory, `timeout` the seconds one run may take, `protocols` what git may speak at all,
    `extra` settings for this repository. A `disposable` one that turns out to be damaged is marked so.
    """

    folder: Path
    timeout: float = 120.0
    protocols: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    disposable: bool = False

    @property
    def damage_mark(self) -> Path:
        return self.folder / DAMAGE_MARK

    def damaged(self) -> Damaged:
        """The error to raise for what cannot be read, having marked it for the next fetch to see."""
        if self.disposable and self.folder.is_dir():
            self.damage_mark.touch()
        return Damaged(DAMAGED if self.disposable else DAMAGED_CHECKOUT)

    def run(
        self,
        *args: str,
        remote: Remote | None = None,
        place: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> bytes:
        """What git prints. `place` overrides where it looks (GIT_WORK_TREE and the like)."""
        environment = self.environment(remote) | dict(place or {})
        try:
            return run(args, environment, self.folder, self.timeout, keep_open)
        except Damaged:
            raise self.damaged() from None
        except PlatformError as error:
            raise type(error)(remote.hidden(str(error)) if remote else str(error)) from None

    def ask(self, *args: str) -> bytes | None:
        """What git prints, None where it says no."""
        try:
            return self.run(*args)
        except (Unavailable, AccessDenied):
            raise
        except PlatformError:
            return None

    def stream(self, *args: str, also_fine: int = 0) -> Iterator[bytes]:
        """What git prints, in pieces; `timeout` covers the time the caller takes between them, too.

        `also_fine` is an exit code that is no failure where git complains of nothing.
        """
        try:
            with running(args, self.environment(), self.folder, self.timeout, also_fine=also_fine) as output:
                while chunk := output.read(CHUNK):
                    yield chunk
        except Damaged:
            raise self.damaged() from None

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """git as a server of many answers, for the caller to end."""
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        return _started(args, self.environment(), self.folder, **pipes)

    def environment(self, remote: Remote | None = None) -> dict[str, str]:
        settings = [*HARDENED, *self.extra, *(remote.settings() if remote else ())]
        folder = str(self.folder)
        place = {"GIT_DIR": folder, "GIT_WORK_TREE": folder, "GIT_INDEX_FILE": "/nonexistent/index"}
        return base_environment(settings, self.protocols) | place


def base_environment(settings: Sequence[tuple[str, str]], protocols: Sequence[str] = ()) -> dict[str, str]:
    """Everything git gets to know: our settings, and how this machine reaches the network."""
    kept = {name: os.environ[name] for name in (*KEPT, *PROXIES) if name in os.environ}
    if "SSL_CERT_FILE" in kept:
        kept.setdefault("GIT_SSL_CAINFO", kept["SSL_CERT_FILE"])
    path = {"PATH": os.environ.get("PATH", os.defpath), "GIT_ALLOW_PROTOCOL": ":".join(protocols)}
    return kept | dict(ENVIRONMENT) | path | _config(settings)


def _config(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    config = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        config |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return config


def run(
    args: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    timeout: float,
    keep_open: Sequence[int] = (),
) -> bytes:
    """What one run of git prints. Raises one of our errors where it fails, is too slow or says too much."""
    with running(args, environment, folder, timeout, keep_open) as output:
        answer = output.read(MAX_ANSWER + 1)
        if len(answer) > MAX_ANSWER:
            raise PlatformError(TOO_MUCH.format(limit=MAX_ANSWER))
    return answer


@contextmanager
def running(
    args: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    timeout: float,
    keep_open: Sequence[int] = (),
    also_fine: int = 0,
) -> Iterator[IO[bytes]]:
    """git's output while it runs. At the end git and its children are gone, also where the output was not read up.

    `keep_open` are descriptors that git holds, too; `also_fine` as for `Git.stream`.
    """
    late = threading.Event()
    with tempfile.TemporaryFile() as complaints:
        process = _started(args, environment, folder, stderr=complaints, pass_fds=keep_open)
        alarm = threading.Timer(timeout, _stop, (process, late))
        alarm.start()
        try:
            yield _output(process)
            read_up = not _output(process).read(1)
            if read_up:
                process.wait()
        finally:
            alarm.cancel()
            end(process)
        if late.is_set():
            raise Unavailable(TOO_SLOW.format(seconds=timeout))
        if read_up and process.returncode:
            complaints.seek(0)
            said = complaints.read(CHUNK)
            if said or process.returncode != also_fine:
                raise failure(args[0], said.decode("utf-8", "replace"))


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop git and the helpers it started, which share its process group, and close our ends of its pipes."""
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _stop(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def failure(command: str, complaints: str) -> PlatformError:
    """The error for what git said. Lines the server sent along (`remote:`) decide nothing."""
    lines = [line for line in complaints.splitlines() if line and not line.startswith("remote:")]
    said = "\n".join(lines)
    kind = next((kind for pattern, kind in MEANINGS if pattern.search(said)), None)
    if kind is Damaged:
        return Damaged(DAMAGED)
    default = Unavailable if command == "fetch" else PlatformError
    return (kind or default)(FAILED.format(command=command, detail=_detail(lines)))


def _detail(lines: Sequence[str]) -> str:
    """git's own reason: what follows the first `fatal:` or `error:`."""
    telling = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    first = telling[0].partition(": ")[2] if telling else " ".join(lines[:1]) or NO_REASON
    return first[:MAX_DETAIL]


@functools.cache
def executable() -> str:
    """Where git is. Raises UsageError without one that knows `GIT_CONFIG_COUNT`: it would run unhardened."""
    path = shutil.which("git")
    if path is None:
        raise UsageError(NO_GIT)
    said = subprocess.run([path, "version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    found = tuple(int(part) for part in re.findall(r"\d+", said.stdout)[:2])
    if found < OLDEST:
        raise UsageError(OLD_GIT.format(found=_dotted(found), oldest=_dotted(OLDEST)))
    return path


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _started(
    args: Sequence[str], environment: Mapping[str, str], folder: Path, **streams: Any
) -> subprocess.Popen[bytes]:
    streams.setdefault("stdin", subprocess.DEVNULL)
    command = [arg.encode("utf-8", "surrogateescape") for arg in (executable(), *args)]
    try:
        return subprocess.Popen(  # noqa: S603 - the arguments are ours: SHAs, and paths after `--`
            command,
            cwd=folder,
            env=dict(environment),
            stdout=subprocess.PIPE,
            start_new_session=True,
            **streams,
        )
    except (FileNotFoundError, NotADirectoryError):
        raise Damaged(DAMAGED) from None
