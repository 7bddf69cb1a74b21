"""Ruff on the added lines of Python files, cut off from everything the repository says.

The files at head are copied into a temporary folder under names of our own, and ruff runs there once: isolated, with
an empty environment, no cache and a time limit. Nothing of the repository is executed or configures anything.
"""

import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Final

import ruff  # type: ignore[import-untyped]
from pydantic import BaseModel, TypeAdapter, ValidationError

from bot.agents.review.checks.contract import CheckSkipped, Hit, capped, is_example, quoted, readable, titled
from bot.agents.review.checks.python_rules import LINTS, SYNTAX, Lint
from bot.domain.change import ChangeSet, FileChange
from bot.domain.findings import Finding, Suggestion
from bot.domain.secrets import Redactor
from bot.errors import PlatformError
from bot.ports import Snapshot

FILE_BYTES = 1_000_000
TOTAL_BYTES = 20_000_000
FILES = 300
SECONDS = 60
OUTPUT_BYTES = 20_000_000
FIX_LINES = 10
FIX_CHARACTERS = 2_000
SHOWN_PER_FILE = 50
MESSAGE_LENGTH = 240  # characters
TARGET: Final = "py314"  # the newest syntax ruff knows well: a file for an older Python parses, too

RUFF_OPTIONS = (
    "--isolated", "--no-cache", "--no-fix", "--no-respect-gitignore", "--exit-zero", "--quiet",
    "--output-format=json", f"--target-version={TARGET}",
)  # fmt: skip

NO_RUFF = "the ruff program is not installed."
TIMED_OUT = f"Python was not checked: ruff did not finish in {SECONDS} seconds."
TOO_MUCH = "Python was not checked: ruff reported more than could be read."
NOT_JSON = "Python was not checked: what ruff answered is not JSON of the known form."
FAILED = "Python was not checked: ruff ended with status {status}."
UNREADABLE = "Python was not checked: {error}"
LEFT_OUT = "{count} Python {files} not checked: over 1 MB, not UTF-8, or beyond the first 300."
EVIDENCE = "ruff {code} ({name}): {message}"

SYNTAX_CODE = "invalid-syntax"
CONFLICT_MARKERS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_HARMLESS_NAMES = frozenset(
    ("__init__.py", "__main__.py", "conftest.py")
)  # names that change what a rule says
_REGULAR_MODES = frozenset(("100644", "100755"))
# Names some frameworks put among the builtins (gettext, IPython), and messages that say the line is harmless.
_DROPPED_MESSAGES = ("`_`", "`get_ipython`", "`display`", "seems safe")


class _Place(BaseModel):
    """Row and column, both from 1; columns count characters."""

    row: int
    column: int


class _Edit(BaseModel):
    """Replace from `location` up to `end_location` by `content`."""

    content: str
    location: _Place
    end_location: _Place


class _Fix(BaseModel):
    applicability: str
    edits: list[_Edit]


class _Diagnostic(BaseModel):
    """One result in ruff's JSON output."""

    code: str
    name: str
    message: str
    filename: str
    location: _Place
    fix: _Fix | None


_DIAGNOSTICS: TypeAdapter[list[_Diagnostic]] = TypeAdapter(list[_Diagnostic])


@dataclass(frozen=True, slots=True)
class _Source:
    """One changed file at head. `lines` are without newline; `added` are the numbers of its added ones."""

    file: FileChange
    text: str
    lines: list[str]
    added: frozenset[int]


def check(change: ChangeSet, snapshot: Snapshot, redactor: Redactor) -> list[Finding]:
    """Defects on added lines. Raises CheckSkipped, with what was found, when not every file could be looked at."""
    files = [file for file in readable(change) if _is_python(file)]
    try:
        sources = list(_sources(files, snapshot))
    except PlatformError as error:
        raise CheckSkipped(UNREADABLE.format(error=error)) from error
    reported = _ruff(sources) if sources else []
    per_file = [_hits(source, reported[number], redactor) for number, source in enumerate(sources)]
    findings = [finding for hits in per_file for finding in capped(hits, SHOWN_PER_FILE)]
    if missing := len(files) - len(sources):
        words = "file was" if missing == 1 else "files were"
        raise CheckSkipped(LEFT_OUT.format(count=missing, files=words), findings)
    return findings


def _is_python(file: FileChange) -> bool:
    changed = any(True for _ in file.added())
    return (
        changed
        and file.path.endswith((".py", ".pyi"))
        and file.new_mode in _REGULAR_MODES
        and not file.generated
    )


def _sources(files: Sequence[FileChange], snapshot: Snapshot) -> Iterator[_Source]:
    """The files that can be checked, within the limits on each and on all of them."""
    total = 0
    for file in files[:FILES]:
        content = snapshot.read(file.path, FILE_BYTES)
        text = None if content is None else _text(content)
        if content is not None and text is not None and total + len(content) <= TOTAL_BYTES:
            total += len(content)
            added = frozenset(line.new for line in file.added() if line.new)
            yield _Source(file, text, text.split("\n"), added)


def _text(content: bytes) -> str | None:
    """The file as text; None when it is not UTF-8, or has lone carriage returns, which only ruff counts as lines."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\r" in text.replace("\r\n", "") else text


def _ruff(sources: Sequence[_Source]) -> list[list[_Diagnostic]]:
    """What ruff says of each source, in their order."""
    reported: list[list[_Diagnostic]] = [[] for _ in sources]
    try:
        with tempfile.TemporaryDirectory(prefix="trivet-ruff-") as folder:
            for number, source in enumerate(sources):
                _write(Path(folder, str(number)), source)
            output = _output(ruff.find_ruff_bin(), folder)
    except OSError as error:
        raise CheckSkipped(UNREADABLE.format(error=error.strerror or NO_RUFF)) from error
    for diagnostic in _read(output):
        reported[int(Path(diagnostic.filename).parent.name)].append(diagnostic)
    return reported


def _read(output: bytes) -> list[_Diagnostic]:
    try:
        return _DIAGNOSTICS.validate_json(output)
    except ValidationError as error:
        raise CheckSkipped(NOT_JSON) from error


def _write(folder: Path, source: _Source) -> None:
    path = PurePosixPath(source.file.path)
    name = path.name if path.name in _HARMLESS_NAMES else f"module{path.suffix}"
    folder.mkdir()
    Path(folder, name).write_bytes(source.text.encode("utf-8"))


def _output(program: str, folder: str) -> bytes:
    """Ruff's standard output. Raises CheckSkipped when it takes too long, says too much or fails."""
    command = [program, "check", *RUFF_OPTIONS, f"--select={','.join(LINTS)}", "."]
    with (
        subprocess.Popen(  # noqa: S603 - a program of our own, and no argument comes from outside
            command,
            cwd=folder,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
        _deadline(process),
    ):
        output = process.stdout.read(OUTPUT_BYTES + 1) if process.stdout else b""
        if len(output) > OUTPUT_BYTES:
            raise CheckSkipped(TOO_MUCH)
        status = process.wait()
    if status:
        raise CheckSkipped(TIMED_OUT if status == -signal.SIGKILL else FAILED.format(status=status))
    return output


@contextmanager
def _deadline(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kills the process when its time is over, and when the block is left before it has ended."""
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()


def _hits(source: _Source, diagnostics: Sequence[_Diagnostic], redactor: Redactor) -> Iterator[Hit]:
    """A file that does not parse gets its first error only: what ruff says of the rest is guesswork."""
    broken = next((one for one in diagnostics if one.code == SYNTAX_CODE), None)
    placed = _placed_error(source, broken) if broken else _placed(source, diagnostics)

    @cache
    def anchor(row: int) -> str:
        return quoted(source.lines[row - 1].removesuffix("\r"), redactor)

    def finding(row: int, lint: Lint, diagnostic: _Diagnostic) -> Finding:
        return _finding(source, diagnostic, lint, row, anchor(row), redactor)

    for row, lint, diagnostic in placed:
        yield Hit(lint.severity, row, partial(finding, row, lint, diagnostic), _cause(lint, diagnostic))


def _cause(lint: Lint, diagnostic: _Diagnostic) -> str:
    """What the message says, which names it; "" where the table has words of its own, which name nothing."""
    said = diagnostic.message.partition("\n")[0]
    return "" if lint.title else f"{diagnostic.code} {titled(said)}"


def _placed(source: _Source, diagnostics: Sequence[_Diagnostic]) -> list[tuple[int, Lint, _Diagnostic]]:
    """What is worth telling, with its row, in the order of rows."""
    found = [(one.location.row, LINTS[one.code], one) for one in diagnostics if one.code in LINTS]
    kept = [
        (row, lint, one) for row, lint, one in found if row in source.added and _applies(one, lint, source)
    ]
    return sorted(kept, key=lambda placed: placed[0])


def _placed_error(source: _Source, error: _Diagnostic) -> list[tuple[int, Lint, _Diagnostic]]:
    """On the reported row, or the one before, where the slip often is. Conflict markers have a check of their own."""
    row = next((row for row in (error.location.row, error.location.row - 1) if row in source.added), None)
    if row is None or source.lines[row - 1].startswith(CONFLICT_MARKERS):
        return []
    return [(row, SYNTAX, error)]


def _applies(diagnostic: _Diagnostic, lint: Lint, source: _Source) -> bool:
    path = source.file.path
    reexport = diagnostic.code == "F401" and path.endswith(("__init__.py", ".pyi"))
    harmless = any(part in diagnostic.message for part in _DROPPED_MESSAGES)
    return not reexport and not harmless and (lint.in_tests or not is_example(path))


def _finding(
    source: _Source, diagnostic: _Diagnostic, lint: Lint, row: int, anchor: str, redactor: Redactor
) -> Finding:
    message = redactor.redact(diagnostic.message.partition("\n")[0]).replace("`", '"')[:MESSAGE_LENGTH]
    return Finding(
        rule=f"python/{diagnostic.code}",
        severity=lint.severity,
        path=source.file.path,
        line=row,
        anchor=anchor,
        title=lint.title or titled(message),
        detail=lint.detail,
        evidence=EVIDENCE.format(code=diagnostic.code, name=diagnostic.name, message=message),
        suggestion=_suggestion(source, diagnostic, redactor),
    )


def _suggestion(source: _Source, diagnostic: _Diagnostic, redactor: Redactor) -> Suggestion | None:
    """Ruff's own safe fix as whole lines, where it touches only added lines, at most ten, and none with a secret."""
    if diagnostic.fix is None or diagnostic.fix.applicability != "safe" or source.text.startswith("\ufeff"):
        return None
    edits = diagnostic.fix.edits
    start = min(diagnostic.location.row, *(edit.location.row for edit in edits))
    end = max(diagnostic.location.row, *(_last_row(edit) for edit in edits))
    rows = range(start, end + 1)
    if len(rows) > FIX_LINES or not source.added.issuperset(rows):
        return None
    before, after = _edited(source.lines, start, end, edits)
    if len(before) > FIX_CHARACTERS or (before.endswith("\n") and after and not after.endswith("\n")):
        return None
    if redactor.find(before) or redactor.find(after):
        return None
    return Suggestion(start=start, end=end, replaces=_split(before), lines=_split(after))


def _last_row(edit: _Edit) -> int:
    """The last row an edit changes: one that takes whole lines ends at the start of the next."""
    whole_lines = edit.location.column == 1 and edit.end_location.column == 1
    return max(edit.location.row, edit.end_location.row - whole_lines)


def _edited(lines: list[str], start: int, end: int, edits: Sequence[_Edit]) -> tuple[str, str]:
    """Rows `start` to `end` with their newlines, before and after the edits."""
    kept = [line + "\n" for line in lines[:-1]] + lines[-1:]
    offsets = list(accumulate((len(line) for line in kept[start - 1 : end]), initial=0))
    before = "".join(kept[start - 1 : end])
    pieces, last = [], 0
    for edit in sorted(edits, key=lambda one: (one.location.row, one.location.column)):
        pieces += [before[last : _offset(offsets, start, edit.location)], edit.content]
        last = _offset(offsets, start, edit.end_location)
    return before, "".join([*pieces, before[last:]])


def _offset(offsets: list[int], start: int, place: _Place) -> int:
    return offsets[place.row - start] + place.column - 1


def _split(block: str) -> tuple[str, ...]:
    return tuple(block.removesuffix("\n").split("\n")) if block else ()
