"""Files that weigh on every clone for ever: added binaries, and text that is, or has grown to be, over a megabyte."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from bot.agents.review.checks.contract import CheckSkipped
from bot.domain.change import ChangeSet, FileChange, FileStatus, Side, shown_path
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from bot.errors import PlatformError
from bot.ports import Snapshot

MEGABYTE = 1_000_000  # bytes
HUGE = 10 * MEGABYTE
SMALL_ASSET = 200_000  # bytes
POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_LENGTH = 1024  # bytes; git-lfs.com: a pointer file is smaller than this
GROWTH_WORTH_ASKING = 50_000  # characters

TITLE_PROGRAM = "A compiled file is committed ({size})"
TITLE_BINARY = "A binary file is committed ({size})"
TITLE_LARGE = "A large file is committed ({size})"
DETAIL_PROGRAM = (
    "Nobody can review what it does, and it will differ from its source sooner or later. "
    "Build it in the pipeline, or fetch it from a package registry by its digest."
)
DETAIL_LARGE = (
    "Git keeps every version of it for ever, and every clone and pipeline downloads them. "
    "Keep it in Git LFS or a package registry, and take it out of this branch's history before the merge."
)
EVIDENCE = "{path} has {count} bytes at the head of this change."
UNREADABLE = "File sizes were not checked: {error}"

PROGRAMS = frozenset((
    ".exe", ".dll", ".so", ".dylib", ".o", ".obj", ".a", ".lib", ".jar", ".war", ".ear", ".class", ".pyc",
    ".pyo", ".pyd", ".whl", ".apk", ".ipa", ".msi", ".deb", ".rpm", ".wasm", ".node", ".bin", ".elf",
))  # fmt: skip
ASSETS = frozenset((
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".bmp", ".svg", ".svgz", ".woff", ".woff2",
    ".ttf", ".otf", ".eot", ".pdf", ".mp3", ".ogg", ".wav",
))  # fmt: skip


def check(change: ChangeSet, snapshot: Snapshot, redactor: Redactor) -> Iterator[Finding]:
    """One finding for each file that is better kept elsewhere. Sizes are decimal megabytes."""
    for file in change.files:
        if file.generated or file.status is FileStatus.DELETED or not _may_weigh(file):
            continue
        try:
            count = snapshot.size(file.path)
            finding = None if count is None or _is_pointer(file, count, snapshot) else _finding(file, count)
        except PlatformError as error:
            raise CheckSkipped(UNREADABLE.format(error=error)) from error
        if finding:
            yield finding


def _may_weigh(file: FileChange) -> bool:
    """Only added files, and files this change makes much larger, are worth asking the repository about."""
    return file.status is FileStatus.ADDED or _growth(file) > GROWTH_WORTH_ASKING


def _growth(file: FileChange) -> int:
    """Characters, about bytes, by which this change makes the file longer."""
    signs = {Side.ADDED: 1, Side.REMOVED: -1, Side.CONTEXT: 0}
    return sum(signs[line.side] * (len(line.text) + 1) for line in file.lines())


def _is_pointer(file: FileChange, count: int, snapshot: Snapshot) -> bool:
    """A Git LFS pointer: the file itself is kept elsewhere already."""
    content = snapshot.read(file.path, POINTER_LENGTH) if file.binary and count < POINTER_LENGTH else None
    return content is not None and content.startswith(POINTER)


def _finding(file: FileChange, count: int) -> Finding | None:
    kind = PurePosixPath(file.path.lower()).suffix
    if file.binary and kind in PROGRAMS:
        return _described(file, count, "size/program", Severity.MAJOR, TITLE_PROGRAM, DETAIL_PROGRAM)
    if count > MEGABYTE and (file.status is FileStatus.ADDED or count - _growth(file) <= MEGABYTE):
        severity = Severity.MAJOR if count > HUGE else Severity.MINOR
        return _described(file, count, "size/large", severity, TITLE_LARGE, DETAIL_LARGE)
    if file.binary and not (kind in ASSETS and count <= SMALL_ASSET):
        return _described(file, count, "size/binary", Severity.MINOR, TITLE_BINARY, DETAIL_LARGE)
    return None


def _described(
    file: FileChange, count: int, rule: str, severity: Severity, title: str, detail: str
) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        path=file.path,
        title=title.format(size=megabytes(count)),
        detail=detail,
        evidence=EVIDENCE.format(path=shown_path(file.path), count=count),
    )


def megabytes(count: int) -> str:
    """As in "2.4 MB"; "less than 0.1 MB" for what is smaller."""
    return f"{count / MEGABYTE:.1f} MB" if count >= MEGABYTE / 10 else "less than 0.1 MB"
