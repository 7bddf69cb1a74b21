"""S19: what is far too large or far too long: real commands end by themselves, small, with a sentence or a review."""

import gzip
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import Any

from bot.domain.repo_config import RepoConfig
from bot.domain.secret_rules import RULES
from bot.domain.secrets import Redactor
from bot.entry.supervisor import PYTHON
from tests.canaries import READ_TOKEN
from tests.chaos.gates import Gate
from tests.gitrepos import FILE, Files, git, new_repository, two_commits
from tests.model_server import ModelServer, bomb, flood
from tests.rig import clean_environment

MOST_MEGABYTES = 512.0
DEFECT = b"value = undefined_name\n"
SAID = "undefined_name"
FAILED = 3  # a platform or a model did
LONGEST_SECONDS = 1.0  # for a megabyte
LONGEST_TITLE_SECONDS = 0.02  # for one pattern: fifty of them within a second
LOOK_SECONDS = 0.02
EVIL_PATTERNS = (
    "^(a+)+$",
    "^(a|a)*$",
    "(.*a){30}",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(\w+\s?)*\d$",
    "(a?){500}a*b",
    ".{1000}",
    "((((a|b){10}){10}){10})",
)
BLOCKS = {
    "a half key": "AK" + "IA" + "ABCDEFGHJKLMQRST",
    "a key that never ends": "-----BEGIN PRIVATE KEY-----",
    "tokens": 'token="a1B2c3D4e5F6g7H8" ',
    "one letter": "q",
    "dots": "ey" + "J.",
    "spaces": " ",
    "short passwords": 'pwd="kW4xT9pZ"\n',
    "tokens of many rules": "JOB_TOKEN=gl" + "cbt-64_u8jzPde0IgxLd6GncfBA\n",
    "half a connection": "Server=db,1433;Database=shop;User Id=shop;Password=",
    "every name": " ".join(sorted({keyword for rule in RULES for keyword in rule.keywords})) + "=",
}
LONGER, MOST_LONGER = 4, 6.0  # so many times the text takes at most so many times as long
A_MOMENT = 0.1  # seconds, which are no measure


@dataclass(frozen=True)
class Bombs:
    """Megabytes of a diff, of a line, and of a body once it is unpacked; files of a change; seconds at most."""

    diff: int = 50
    line: int = 10
    files: int = 100_000
    unpacked: int = 300
    seconds: float = 120


SHORT = Bombs()
LONG = Bombs(diff=500, line=100, files=300_000, unpacked=2_000, seconds=900)


@dataclass(frozen=True)
class Ended:
    """What became of a command: exit code (None: it was stopped), all it said, and its most megabytes."""

    code: int | None
    said: str
    megabytes: float
    seconds: float

    def gate(self, name: str, done: str, wanted: str, is_right: bool) -> Gate:
        code = "stopped by us" if self.code is None else f"exit {self.code}"
        words = next((line for line in reversed(self.said.splitlines()) if line.strip()), "")
        numbers = f"{code} after {self.seconds:.0f} s, {self.megabytes:.0f} MB; it said: {words[:160]!r}"
        met = is_right and self.megabytes < MOST_MEGABYTES
        return Gate(f"S19 {name}", done, numbers.replace("|", "/"), f"{wanted}, under 512 MB", met)


def bombs(_dice: Random, folder: Path, size: Bombs = SHORT) -> list[Gate]:
    return [
        *_changes(folder, size),
        _model(folder, size, "gzip from a model", bomb),
        _model(folder, size, "a flood from a model", flood),
        _platform(folder, size),
        *patterns(),
    ]


# --- changes


def _changes(folder: Path, size: Bombs) -> Iterator[Gate]:
    """Each beside a small file with a defect, which a check has to find all the same; what is not read is declared."""
    row = b"total = total + 1  # and so on, line after line, as generated code does it all\n"
    kinds: dict[str, tuple[str, str, Files]] = {
        "large diff": (
            f"{size.diff} MB of one file",
            "big.py: its diff is larger",
            {b"big.py": (FILE, row * (size.diff * 10**6 // len(row)))},
        ),
        "long line": (
            f"one line of {size.line} MB",
            "line.py: its diff is larger",
            {b"line.py": (FILE, b"x = '" + b"y" * (size.line * 10**6) + b"'\n")},
        ),
        "many files": (
            f"{size.files:,} files",
            f"of {size.files + 1:,}",
            {b"many/%03d/f%06d.txt" % (number % 500, number): (FILE, b"x\n") for number in range(size.files)},
        ),
    }
    wanted = "ends, finds the defect beside it, and says what was not read"
    for name, (done, declared, files) in kinds.items():
        ended = _reviewed(_checkout(folder / name.replace(" ", "-"), files), size)
        is_right = ended.code == 1 and SAID in ended.said and declared in ended.said
        yield ended.gate(name, f"`trivet review --local` of {done}", wanted, is_right)


def _checkout(folder: Path, files: Files) -> Path:
    """On a branch that adds these files and one with a defect."""
    new_repository(folder, bare=False)
    base = {b"README.md": (FILE, b"# Shop\n")}
    two_commits(folder, base, {**base, **files, b"defect.py": (FILE, DEFECT)})
    git(folder, "symbolic-ref", "HEAD", "refs/heads/change")
    git(folder, "reset", "--quiet", "--hard")
    return folder


def _reviewed(checkout: Path, size: Bombs, environment: Mapping[str, str] | None = None) -> Ended:
    words = ("review", "--local", "--base", "main", "--fail-on", "minor")
    return ran(words, checkout, size.seconds, environment or {})


def ran(words: tuple[str, ...], folder: Path, seconds: float, settings: Mapping[str, str]) -> Ended:
    """The command, with what its process took at most; it is killed when its time is up."""
    output = folder.parent / f"{folder.name}.out"
    environment = clean_environment() | {"TRIVET_DATA_DIR": str(folder.parent / "data"), **settings}
    began = time.monotonic()
    with output.open("wb") as said:
        process = subprocess.Popen(
            [*PYTHON, *words], cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    largest = 0.0
    while process.poll() is None:
        largest = max(largest, _largest(process.pid))
        if time.monotonic() - began > seconds:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(LOOK_SECONDS)
    code = process.returncode
    said_all = output.read_text("utf-8", "replace")
    return Ended(None if code < 0 else code, said_all, largest, time.monotonic() - began)


def _largest(pid: int) -> float:
    """The most memory it had so far, in megabytes; 0 where it is over. Of the program, not of whoever started it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)


# --- answers


def _model(folder: Path, size: Bombs, name: str, reply: Callable[[int], Any]) -> Gate:
    """The checks' findings stand; that the model failed is said, and is no success."""
    checkout = _checkout(folder / name.replace(" ", "-"), {})
    with ModelServer() as model:
        model.reply = lambda _body: reply(size.unpacked)
        ended = _reviewed(checkout, size, model.environ("openai"))
    is_told = ended.code in (1, FAILED) and SAID in ended.said
    return ended.gate(
        name, f"answers of {size.unpacked} MB once unpacked", "ends, says so, keeps the finding", is_told
    )


def _platform(folder: Path, size: Bombs) -> Gate:
    checkout = folder / "platform"
    checkout.mkdir()
    with _swollen(size.unpacked) as url:
        settings = {"TRIVET_GITLAB__URL": url, "TRIVET_GITLAB__TOKEN": READ_TOKEN}
        words = ("review", f"{url}/acme/shop/-/merge_requests/1", "--dry-run")
        ended = ran(words, checkout, size.seconds, settings)
    done = f"every answer {size.unpacked} MB once unpacked"
    return ended.gate(
        "gzip from GitLab", done, "ends with 3 and a sentence", ended.code == FAILED and bool(ended.said)
    )


@contextmanager
def _swollen(megabytes: int) -> Iterator[str]:
    """A GitLab whose every answer is small on the wire and huge once it is unpacked."""
    packed = gzip.compress(b'{"version": "19.2.0", "x": "' + b" " * (megabytes << 20) + b'"}')

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


# --- patterns


def patterns() -> list[Gate]:
    """What backtracks elsewhere, on a megabyte: in seconds of the processor."""
    blocks = BLOCKS | {"different passwords": _different_passwords()}
    once = {name: _seconds_of_redaction(block) for name, block in blocks.items()}
    slowest = max((seconds, name) for name, seconds in once.items())
    growing = max((_growth(block, once[name]), name) for name, block in blocks.items())
    own = max((_seconds_of_pattern(pattern), pattern) for pattern in EVIL_PATTERNS)
    done = f"{len(blocks)} texts of 1 MB that half fit a rule"
    told = (
        f"{len(EVIL_PATTERNS)} patterns of a .trivet.yml that backtrack elsewhere, each on the longest title"
    )
    return [
        Gate("S19 patterns of ours", done, _slowest(*slowest), "under 1 s/MB", slowest[0] < LONGEST_SECONDS),
        Gate(
            "S19 patterns of ours, longer texts",
            f"the same texts, {LONGER} MB",
            f"{growing[0]:.1f} times the time at most (`{growing[1]}`)",
            f"under {MOST_LONGER:g} times",
            growing[0] < MOST_LONGER,
        ),
        Gate(
            "S19 patterns of a repository",
            told,
            f"{own[0] * 1000:.1f} ms at most (`{own[1]}`)".replace("|", "\\|"),
            f"under {LONGEST_TITLE_SECONDS * 1000:g} ms",
            own[0] < LONGEST_TITLE_SECONDS,
        ),
    ]


def _different_passwords() -> str:
    """A megabyte of lines, no two alike but by chance: whoever remembers a value gains nothing."""
    dice = Random(19)
    line = 'pwd="{}"\n'
    kinds = [ascii_letters, ascii_letters, digits] * 2 + [ascii_letters] * 2
    count = 10**6 // len(line.format("".join(kind[0] for kind in kinds)))
    return "".join(line.format("".join(map(dice.choice, kinds))) for _ in range(count))


def _growth(block: str, once: float) -> float:
    """How many times as long a text takes that is LONGER times as long."""
    return _seconds_of_redaction(block, LONGER) / max(once, A_MOMENT)


def _slowest(seconds: float, name: str) -> str:
    return f"{seconds:.2f} s/MB at most (`{name}`)".replace("|", "\\|")


def _seconds_of_redaction(block: str, megabytes: int = 1) -> float:
    redactor = Redactor(["q" * 40])
    redactor.redact(block)  # rules are compiled once in a process
    text = block * (megabytes * 10**6 // len(block))
    return _seconds(lambda: redactor.redact(text))


def _seconds_of_pattern(pattern: str) -> float:
    config = RepoConfig.model_validate({"review": {"skip_titles": (pattern,)}})
    title = "a" * (10**6 - 1) + "!"  # of which only so much is read as a title may have
    config.skips_title(title)  # a pattern is compiled once
    return _seconds(lambda: config.skips_title(title))


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
